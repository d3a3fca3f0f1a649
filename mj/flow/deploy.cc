// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/deploy.h"

#include <algorithm>

#include "mj/base/error.h"
#include "mj/pass/lower.h"

namespace mj {

bool is_quantized(const Graph& graph) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                     [&](const Node& node) { return graph.type(node.output).dtype != DType::kF32; });
}

Graph deployed_form(const Graph& graph) { return is_quantized(graph) ? ready_to_emit(graph) : lower_for_estimate(graph); }

Graph ready_to_emit(const Graph& graph) {
  if (!is_quantized(graph)) fail("the network is float; make it int8 first: millijoule quantize MODEL --data SET -o OUT");
  return lower(graph, {});
}

}  // namespace mj
