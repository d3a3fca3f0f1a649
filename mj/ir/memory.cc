// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/memory.h"

#include <algorithm>
#include <variant>

#include "mj/base/error.h"

namespace mj {

Bytes scratch_bytes(const Graph& graph, const Node& node) {
  const auto* conv = std::get_if<Conv2d>(&node.op);
  const Shape* weight = conv ? &graph.type(node.inputs[1]).shape : nullptr;
  const bool depthwise = conv && conv->groups > 1 && (*weight)[3] == 1;  // reads its window in place
  // A depthwise channel's weights are unpacked where they are not bytes.
  if (depthwise && graph.value(node.inputs[1]).encoding.bits == 4) return ((*weight)[1] * (*weight)[2] + 1) / 2 * 2;
  if (!conv || depthwise) {
    return 0;
  }
  return (*weight)[1] * (*weight)[2] * (*weight)[3] * byte_size(DType::kI16);
}

Bytes scratch_bytes(const Graph& graph) {
  Bytes largest = 0;
  for (const Node& node : graph.nodes) {
    largest = std::max(largest, scratch_bytes(graph, node));
  }
  return largest;
}

Bytes state_bytes(const Graph& lowered) {
  MJ_CHECK(lowered.plan.has_value());
  const Bytes scratch = scratch_bytes(lowered);
  const Bytes bytes = scratch + lowered.plan->arena_bytes;
  return scratch > 0 ? (bytes + 1) / 2 * 2 : bytes;
}

}  // namespace mj
