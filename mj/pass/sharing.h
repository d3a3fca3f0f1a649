// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "mj/ir/graph.h"
#include "mj/pass/quantize.h"

namespace mj {

/// Which activations share one quantisation, and the range each group has to hold.
///
/// max_pool, avg_pool, reshape, transpose, pad and slice move or choose elements: input and output are one group, but for the
/// avg_pools through which exits read a network.
/// concat joins its inputs' groups where it may. A group is fixed where TFLite's specification prescribes the
/// quantisation (sigmoid, softmax, tanh), and it keeps to itself where it holds the graph's input, whose codes should
/// stand for pixels.
struct Sharing {
  struct Group {
    float low = 0;
    float high = 0;
    std::optional<Quantization> fixed;
    bool keeps_to_itself = false;  ///< a concat does not join it; it requantises instead
  };
  std::vector<std::int32_t> group_of;  ///< per value; -1 for constants
  std::vector<Group> groups;

  const Group& group(ValueId value) const {
    return groups[static_cast<std::size_t>(group_of[static_cast<std::size_t>(value)])];
  }
};

Sharing share_quantizations(const Graph& graph, const Ranges& ranges);

}  // namespace mj
