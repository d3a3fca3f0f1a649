// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mj/ir/graph.h"

namespace mj {

/// A lowered network whose layers are calls of a few kernels.
struct CalibrationNetwork {
  std::string name;
  Graph graph;
};

/// The weights of a lowered graph's linear layers, and convolutions that are not depthwise, stored so where their shapes
/// allow it: of each, one share of `densities` is kept, by chance; dense layouts keep all. Depends on `seed` alone.
Graph with_encoded_weights(Graph graph, Encoding encoding, std::span<const double> densities, std::uint64_t seed);

/// Networks made to learn what kernels cost: chains of convolutions, depthwise convolutions, linear layers and pools of
/// random shapes, layers side by side of every other kernel, and for each encoding of weights chains of convolutions and of
/// linear layers. Weights are random, scales those of calibration on random inputs. All activations of each take at most
/// `most_bytes`. They depend on `seed` alone.
std::vector<CalibrationNetwork> calibration_networks(std::int64_t most_bytes, std::uint64_t seed);

}  // namespace mj
