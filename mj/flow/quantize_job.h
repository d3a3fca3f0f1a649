// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "mj/data/dataset.h"
#include "mj/ir/graph.h"

namespace mj {

/// What `clip` should be where nobody says: nothing is clipped, but in networks with exits. There the end forgives a coarse
/// scale that rare large activations force, and the first exits, which see little of the network, do not.
double usual_clip(const Graph& graph);

/// A float network lowered to int8, its ranges taken from `images` training samples drawn by the seed, its
/// weights rounded and its biases corrected on these; `clip` as in `calibrate`.
Graph quantize_on(const Graph& graph, const Samples& train, int images, double clip, std::uint64_t seed);

}  // namespace mj
