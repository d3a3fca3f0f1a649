// SPDX-License-Identifier: Apache-2.0
#include "mj/io/onnx/fuse_bias.h"

#include <algorithm>

namespace mj::onnx {
namespace {

bool takes_bias(const Node& node) {
  return node.inputs.size() == 2 &&
         (std::holds_alternative<Conv2d>(node.op) || std::holds_alternative<Linear>(node.op)) &&
         fused_clamp(node.op)->none();
}

/// The constant as one number per output channel; nothing when it differs within one.
std::optional<std::vector<float>> per_channel(const Value& value, std::int64_t channels) {
  if (!value.constant() || value.type.dtype != DType::kF32) return std::nullopt;
  const auto elements = value.data.as<float>();
  const auto count = static_cast<std::int64_t>(elements.size());
  if (count != 1 && (count != channels || value.type.shape.back() != channels)) return std::nullopt;
  std::vector<float> bias(elements.begin(), elements.end());
  bias.resize(static_cast<std::size_t>(channels), elements[0]);
  return bias;
}

std::vector<int> reader_counts(const Graph& graph) {
  std::vector<int> counts(graph.values.size(), 0);
  for (const Node& node : graph.nodes) {
    for (ValueId id : node.inputs) ++counts[static_cast<std::size_t>(id)];
  }
  for (ValueId id : graph.outputs) ++counts[static_cast<std::size_t>(id)];
  return counts;
}

void remove_nodes(Graph& graph, const std::vector<bool>& gone) {
  std::size_t i = 0;
  std::erase_if(graph.nodes, [&](const Node&) { return gone[i++]; });
}

}  // namespace

Graph fuse_bias(Graph graph) {
  const auto counts = reader_counts(graph);
  const auto writers = producers(graph);
  std::vector<bool> gone(graph.nodes.size(), false);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& sum = graph.nodes[i];
    const auto* add = std::get_if<Add>(&sum.op);
    if (!add || !add->clamp.none()) continue;
    for (const std::size_t side : {0, 1}) {
      const ValueId x = sum.inputs[side], constant = sum.inputs[1 - side];
      const auto writer = writers[static_cast<std::size_t>(x)];
      if (writer < 0 || counts[static_cast<std::size_t>(x)] != 1) continue;
      Node& product = graph.nodes[static_cast<std::size_t>(writer)];
      if (!takes_bias(product) || graph.type(x).shape != graph.type(sum.output).shape) continue;
      const std::int64_t channels = graph.type(x).shape.back();
      const auto bias = per_channel(graph.value(constant), channels);
      if (!bias) continue;
      product.inputs.push_back(graph.add_constant(graph.value(constant).name, {channels}, *bias));
      product.output = sum.output;
      gone[i] = true;
      break;
    }
  }
  remove_nodes(graph, gone);
  return graph;
}

Graph fuse_marked(Graph graph, const std::vector<ValueId>& marked) {
  if (marked.empty()) return graph;
  std::vector<bool> is_marked(graph.values.size(), false);
  for (ValueId id : marked) is_marked[static_cast<std::size_t>(id)] = true;
  const auto counts = reader_counts(graph);
  const auto writers = producers(graph);
  std::vector<bool> gone(graph.nodes.size(), false);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    Node& node = graph.nodes[i];
    const ValueId x = node.inputs[0];
    const auto writer = writers[static_cast<std::size_t>(x)];
    if (writer < 0 || counts[static_cast<std::size_t>(x)] != 1) continue;
    Node& before = graph.nodes[static_cast<std::size_t>(writer)];
    const auto* clamp = std::get_if<Clamp>(&node.op);
    Range* range = fused_clamp(before.op);
    if (clamp && is_marked[static_cast<std::size_t>(node.output)] && range && range->none()) {
      *range = clamp->range;
      before.output = node.output;
      gone[i] = true;
    }
    auto* softmax = std::get_if<Softmax>(&node.op);
    if (softmax && is_marked[static_cast<std::size_t>(x)] && std::holds_alternative<Mul>(before.op)) {
      const Value& factor = graph.value(before.inputs[1]);
      if (!factor.constant() || factor.type.dtype != DType::kF32 || factor.type.count() != 1) continue;
      softmax->beta *= factor.data.as<float>()[0];
      node.inputs[0] = before.inputs[0];
      gone[static_cast<std::size_t>(writer)] = true;
    }
  }
  remove_nodes(graph, gone);
  return graph;
}

}  // namespace mj::onnx
