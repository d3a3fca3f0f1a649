// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mj/ir/graph.h"

namespace mj {

/// Which channels of a network stand or fall together.
///
/// Every index of the last dimension of every activation belongs to a class. A convolution or a linear layer makes a new
/// class per output channel; everything else hands classes on: an add makes the classes of its operands one, a concat puts
/// them one after the other, flattening repeats them, a depthwise convolution keeps those of its input. Removing a channel
/// means to remove its class everywhere.
struct ChannelClasses {
  std::vector<std::vector<std::int32_t>> of_value;  ///< per value: the class of each index of its last dimension; empty for constants
  std::vector<char> pinned;                         ///< per class: 1 where it cannot be removed
  std::vector<std::string> reason;                  ///< per class: why it is pinned
  std::int32_t count = 0;

  /// Classes that must be narrowed by one decision: those that one node writes, those that one node reads as its input.
  /// Ascending ids; pinned classes are in none.
  std::vector<std::vector<std::int32_t>> groups;
};

ChannelClasses channel_classes(const Graph& graph);

/// The graph without the channels of the classes whose `kept` is 0. Throws `Error` when a class that is pinned is to go, or all
/// channels of some activation.
Graph narrow_channels(const Graph& graph, const ChannelClasses& classes, const std::vector<char>& kept);

}  // namespace mj
