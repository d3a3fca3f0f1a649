// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>
#include <variant>

#include "mj/pass/passes.h"

// Exporters like to leave the borders of an int8 network in float: quantize first, dequantize last. On the device these
// are float arithmetic and buffers of four times the size. The caller's side does the same rounding (`input_tensor`,
// `dequantize`), so the integers themselves become input and outputs, under the names of the floats.

namespace mj {
namespace {

bool real(const Graph& graph, ValueId value) { return graph.type(value).dtype == DType::kF32; }

bool is_output(const Graph& graph, ValueId value) {
  return std::find(graph.outputs.begin(), graph.outputs.end(), value) != graph.outputs.end();
}

void strip_input(Graph& graph, ValueId& input) {
  if (!real(graph, input) || is_output(graph, input)) return;
  const auto readers = consumers(graph)[static_cast<std::size_t>(input)];
  if (readers.empty()) return;
  const auto node = [&](std::int32_t i) -> const Node& { return graph.nodes[static_cast<std::size_t>(i)]; };
  const ValueId integer = node(readers.front()).output;
  for (const std::int32_t reader : readers) {
    if (!std::holds_alternative<Quantize>(node(reader).op) || is_output(graph, node(reader).output)) return;
    if (real(graph, node(reader).output) || graph.type(node(reader).output) != graph.type(integer)) return;
  }
  std::vector<ValueId> doubles;  // further quantize nodes of the same value
  for (const std::int32_t reader : readers) doubles.push_back(node(reader).output);
  std::erase_if(graph.nodes, [&](const Node& n) { return !n.inputs.empty() && n.inputs[0] == input; });
  for (Node& n : graph.nodes) {
    for (ValueId& read : n.inputs) {
      if (std::find(doubles.begin(), doubles.end(), read) != doubles.end()) read = integer;
    }
  }
  graph.value(integer).name = graph.value(input).name;
  input = integer;
}

void strip_output(Graph& graph, ValueId& output) {
  const std::int32_t producer = producers(graph)[static_cast<std::size_t>(output)];
  if (producer < 0 || !real(graph, output) || !consumers(graph)[static_cast<std::size_t>(output)].empty()) return;
  const Node& node = graph.nodes[static_cast<std::size_t>(producer)];
  if (!std::holds_alternative<Quantize>(node.op)) return;
  const ValueId integer = node.inputs[0];
  const bool computed = producers(graph)[static_cast<std::size_t>(integer)] >= 0;
  if (real(graph, integer) || !computed || is_output(graph, integer)) return;
  graph.value(integer).name = graph.value(output).name;
  output = integer;
}

}  // namespace

Graph strip_quantized_borders(Graph graph) {
  for (ValueId& input : graph.inputs) strip_input(graph, input);
  for (ValueId& output : graph.outputs) strip_output(graph, output);
  return compact(std::move(graph));
}

}  // namespace mj
