// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/fate.h"

#include <map>
#include <string>

namespace mj {
namespace {

/// Steps that bear the name of a node, each given to one node: first to those of the same operator, then (a batch-norm
/// that became a convolution) to any.
std::vector<Fate> by_name(const Graph& graph, const Graph& deployed) {
  std::multimap<std::string, std::int32_t> steps;
  for (std::size_t i = 0; i < deployed.nodes.size(); ++i) {
    steps.emplace(deployed.nodes[i].name, static_cast<std::int32_t>(i));
  }
  std::vector<Fate> result(graph.nodes.size());
  for (const bool same_operator : {true, false}) {
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      if (result[i].step >= 0) continue;
      const Node& node = graph.nodes[i];
      const auto [begin, end] = steps.equal_range(node.name);
      for (auto at = begin; at != end; ++at) {
        const Node& step = deployed.nodes[static_cast<std::size_t>(at->second)];
        if (same_operator && step.op.index() != node.op.index()) continue;
        result[i] = {Fate::Kind::kRuns, at->second};
        steps.erase(at);
        break;
      }
    }
  }
  return result;
}

bool has_weights(const Node& node) {
  return std::holds_alternative<Conv2d>(node.op) || std::holds_alternative<Linear>(node.op);
}

}  // namespace

std::vector<Fate> fates(const Graph& graph, const Graph& deployed) {
  std::vector<Fate> result = by_name(graph, deployed);
  const auto writers = producers(graph);
  const auto readers = consumers(graph);
  const auto join = [&](std::size_t node, std::int32_t other) {
    const Fate& fate = result[static_cast<std::size_t>(other)];
    if (fate.step >= 0) result[node] = {Fate::Kind::kFused, fate.step};
  };
  // Activations, and batch-norms behind weights, go into what is before them.
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const auto writer = writers[static_cast<std::size_t>(node.inputs[0])];
    if (result[i].step >= 0 || writer < 0) continue;
    const bool norm = std::holds_alternative<BatchNorm>(node.op);
    if (std::holds_alternative<Clamp>(node.op) ||
        (norm && has_weights(graph.nodes[static_cast<std::size_t>(writer)]))) {
      join(i, writer);
    }
  }
  // Other batch-norms, pads and transposes into what is behind them.
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    const bool forward = std::holds_alternative<BatchNorm>(node.op) || std::holds_alternative<Pad>(node.op) ||
                         std::holds_alternative<Transpose>(node.op);
    const auto& list = readers[static_cast<std::size_t>(node.output)];
    if (result[i].step < 0 && forward && list.size() == 1) join(i, list[0]);
  }
  return result;
}

}  // namespace mj
