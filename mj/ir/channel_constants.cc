// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/channel_constants.h"

#include <cstdint>
#include <span>
#include <variant>

namespace mj {
namespace {

constexpr Bytes kBias = 4;
constexpr Bytes kFactor = 4 + 1;
constexpr Bytes kOneFactor = 4 + 4;  // in one array

std::int64_t channels(const Graph& graph, const Node& node) { return graph.type(node.output).shape.back(); }

}  // namespace

bool has_one_factor(const Graph& graph, const Node& node) {
  const Type& weight = graph.type(node.inputs[1]);
  return weight.quant && weight.quant->scale.size() == 1 && channels(graph, node) > 1;
}

bool has_biases(const Graph& graph, const Node& node) {
  const bool given = node.inputs.size() > 2;
  if (!std::holds_alternative<Linear>(node.op)) return given;
  const Type& x = graph.type(node.inputs[0]);
  const Value& weight = graph.value(node.inputs[1]);
  const bool known = x.quant && weight.constant() && weight.type.dtype == DType::kI8 &&
                     (!given || (graph.value(node.inputs[2]).constant() && graph.type(node.inputs[2]).dtype == DType::kI32));
  if (!known) return true;
  const auto elements = weight.data.as<std::int8_t>();
  const auto bias = given ? graph.value(node.inputs[2]).data.as<std::int32_t>() : std::span<const std::int32_t>();
  const auto rows = static_cast<std::size_t>(weight.type.shape[0]);
  const std::size_t depth = elements.size() / rows;
  for (std::size_t row = 0; row < rows; ++row) {
    std::int64_t sum = 0;
    for (const std::int8_t w : elements.subspan(row * depth, depth)) sum += w;
    if ((given ? bias[row] : 0) != x.quant->zero_point[0] * sum) return true;
  }
  return false;
}

Bytes factor_bytes(const Graph& graph, const Node& node) {
  return has_one_factor(graph, node) ? kOneFactor : kFactor * channels(graph, node);
}

Bytes bias_bytes(const Graph& graph, const Node& node) { return has_biases(graph, node) ? kBias * channels(graph, node) : 0; }

}  // namespace mj
