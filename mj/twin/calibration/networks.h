// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mj/ir/graph.h"

namespace mj {

/// A lowered network whose layers are calls of a few kernels.
struct CalibrationNetwork {
  std::string name;
  Graph graph;
};

/// Networks made to learn what kernels cost: chains of convolutions, depthwise convolutions, linear layers and pools of
/// random shapes, and layers side by side of every other kernel. Weights are random, scales those of calibration on random
/// inputs. All activations of each take at most `most_bytes`. They depend on `seed` alone.
std::vector<CalibrationNetwork> calibration_networks(std::int64_t most_bytes, std::uint64_t seed);

}  // namespace mj
