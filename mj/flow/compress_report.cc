// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/compress_report.h"

#include <algorithm>
#include <variant>

#include "mj/base/error.h"
#include "mj/ir/channel_constants.h"
#include "mj/ir/encoding.h"

namespace mj {
namespace {

const Node* find_node(const Graph& graph, const std::string& name) {
  const auto found = std::ranges::find(graph.nodes, name, &Node::name);
  return found == graph.nodes.end() ? nullptr : &*found;
}

bool weighted(const Node& node) { return std::holds_alternative<Conv2d>(node.op) || std::holds_alternative<Linear>(node.op); }

}  // namespace

std::vector<CompressedLayer> layer_report(const Graph& before, const Graph& lowered, const CompressSearch& search,
                                          const Estimate& estimate) {
  std::vector<CompressedLayer> rows;
  for (std::size_t n = 0; n < lowered.nodes.size(); ++n) {
    const Node& node = lowered.nodes[n];
    if (!weighted(node) || !lowered.value(node.inputs[1]).constant()) continue;
    const Value& weight = lowered.value(node.inputs[1]);
    const auto elements = weight.data.as<std::int8_t>();
    const std::int64_t outputs = weight.type.shape[0];
    CompressedLayer row;
    row.name = node.name;
    const EncodedSize size = encoded_size(elements, outputs, weight.encoding);
    row.weight_bytes = weight.encoding.bits == 4 ? (size.values + 1) / 2 : size.values;
    row.weight_bytes = std::min(row.weight_bytes, size.bytes);
    row.index_bytes = size.bytes - row.weight_bytes;
    row.scale_bytes = factor_bytes(lowered, node);
    row.bias_bytes = bias_bytes(lowered, node);
    const auto zeros = std::count(elements.begin(), elements.end(), std::int8_t{0});
    row.density = 1 - static_cast<double>(zeros) / static_cast<double>(std::max<std::size_t>(elements.size(), 1));
    row.energy = estimate.layers.at(n).energy;
    const Node* old = find_node(before, node.name);
    if (old && weighted(*old)) {
      for (std::size_t i = 1; i < old->inputs.size(); ++i) {
        if (before.value(old->inputs[i]).constant()) row.bytes_before += before.type(old->inputs[i]).bytes();
      }
      const std::int64_t channels = before.type(old->inputs[1]).shape[0];
      if (channels != outputs) row.done = fmt::format("{} of {} outputs, ", outputs, channels);
    }
    row.done += fmt::format("{:.1f} % of its weights, {}", 100 * row.density, encoding_name(weight.encoding));
    for (std::size_t l = 0; l < search.layers.size(); ++l) {
      const LayerPlan& plan = search.plan.layers[l];
      if (plan.node != node.name && plan.node + ".in" != node.name && plan.node + ".core" != node.name) continue;
      row.kept_because = search.layers[l].reason;
      if (plan.node == node.name) row.sensitivity = search.sensitivity[l];
      if (plan.ranks.in > 0) row.done += ", a factor";
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace mj
