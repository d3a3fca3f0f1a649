// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "mj/ir/graph.h"

namespace mj {

/// A stretch of a network that can be left out: all that it does to the rest goes from `input` to `output`, which have the same
/// type, so readers of the one can read the other.
struct Block {
  ValueId input = -1;
  ValueId output = -1;
  std::int32_t first = 0;  ///< of its nodes, which stand together
  std::int32_t last = 0;
  std::int32_t stage = 0;  ///< blocks of one stage follow each other and have the same type
  std::int64_t macs = 0;

  bool operator==(const Block&) const = default;
};

/// The blocks of a network in order, none within another. Each mixes channels (a linear layer, or a convolution that is not
/// depthwise) at least once, and at most three times one after the other, as a bottleneck does; batch-norms and activations
/// behind it belong to it. A residual block counts as a whole, as its shortcut goes around what is inside. A stretch whose
/// values are outputs of the network, exits say, is none.
std::vector<Block> droppable_blocks(const Graph& graph);

/// The order in which blocks go when a network is made shallower, as indices: one by one from the stage that has the most
/// left, ties to the blocks that cost more, then to the later stage; within a stage the last goes first.
std::vector<std::size_t> drop_order(std::span<const Block> blocks);

/// The graph without some of its `droppable_blocks`, in order.
Graph drop_blocks(Graph graph, std::span<const Block> blocks);

}  // namespace mj
