// SPDX-License-Identifier: Apache-2.0
// The importer orders dimensions tensor by tensor, and forgets at every quantise or dequantise what a reshape started
// from. Its chains are put together here, once all conversions are known.
#include "mj/io/onnx/merge_reshapes.h"

#include <algorithm>
#include <numeric>

namespace mj::onnx {

Graph merge_reshapes(Graph graph) {
  std::vector<ValueId> start(graph.values.size());  // what a value is a mere reshape of
  std::iota(start.begin(), start.end(), 0);
  const auto start_of = [&](ValueId id) -> ValueId& { return start[static_cast<std::size_t>(id)]; };
  for (Node& node : graph.nodes) {
    if (std::holds_alternative<Reshape>(node.op)) {
      node.inputs[0] = start_of(node.inputs[0]);
      start_of(node.output) = node.inputs[0];
      continue;
    }
    for (ValueId& id : node.inputs) {
      if (graph.type(start_of(id)) == graph.type(id)) id = start_of(id);
    }
  }
  return graph;
}

}  // namespace mj::onnx
