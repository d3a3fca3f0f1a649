// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mj/base/units.h"
#include "mj/ir/graph.h"

namespace mj {

// What the emitted C of an int8 conv2d or linear holds per output channel besides its weight: a bias, and the factor from the
// accumulator to the output, a multiplier and a shift. Arrays that would say the same for all channels are left out.

/// Whether one factor serves all channels: the weight has one scale, and more than one channel shares it.
bool has_one_factor(const Graph& graph, const Node& node);

/// Whether there is a bias to add. A linear layer's holds -zero point * sum of weights too: it has one unless all come to 0.
bool has_biases(const Graph& graph, const Node& node);

Bytes factor_bytes(const Graph& graph, const Node& node);
Bytes bias_bytes(const Graph& graph, const Node& node);

}  // namespace mj
