// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "mj/base/random.h"
#include "mj/ir/graph.h"
#include "mj/ir/tensor.h"

namespace mj {

/// A planned int8 graph that depends on `seed` alone: some `nodes` nodes of every operator that has an integer kernel, with
/// odd sizes, strides, dilations, paddings, groups, fused activations, one scale or one per channel, and constants as
/// operands. Scales are chosen so that outputs spread over the int8 range. All activations that no node reads are outputs.
Graph random_int8_graph(std::uint64_t seed, int nodes);

/// Inputs of every kind: random, constant at the limits, few large values.
Tensor random_int8_input(const Graph& graph, RandomStream& random);

}  // namespace mj
