// SPDX-License-Identifier: Apache-2.0
#include <utility>
#include <variant>

#include "mj/pass/channel_affine.h"
#include "mj/pass/quantize.h"

namespace mj {
namespace {

Type real(const Type& type) { return {DType::kF32, type.shape, {}}; }

/// Appends what rounds `from` to elements of `type`; gives the reals these stand for, in `to` where that is a value already.
ValueId round_to(Graph& graph, ValueId from, const Type& type, ValueId to = -1) {
  const std::string name = graph.value(to < 0 ? from : to).name;
  const ValueId integer = graph.add_value(name + ".int8", type);
  if (to < 0) to = graph.add_value(name + ".real", real(type));
  graph.nodes.push_back({name + ".quantize", Quantize{}, {from}, integer});
  graph.nodes.push_back({name + ".dequantize", Quantize{}, {integer}, to});
  return to;
}

}  // namespace

Graph simulate_int8(const Graph& integer) {
  Graph graph = integer;
  graph.plan.reset();
  graph.nodes.clear();
  for (Value& value : graph.values) {
    if (value.constant()) value.data = Constant::of(std::span<const float>(reals(value)));
    value.type = real(value.type);
    value.encoding = {};
  }
  std::vector<ValueId> read_as(integer.values.size());
  for (std::size_t i = 0; i < read_as.size(); ++i) read_as[i] = static_cast<ValueId>(i);
  for (const ValueId input : integer.inputs) {
    if (integer.type(input).quant) read_as[static_cast<std::size_t>(input)] = round_to(graph, input, integer.type(input));
  }
  for (Node node : integer.nodes) {
    for (ValueId& input : node.inputs) input = read_as[static_cast<std::size_t>(input)];
    const ValueId output = node.output;
    const Type& type = integer.type(output);
    if (!type.quant) {
      graph.nodes.push_back(std::move(node));
      continue;
    }
    ValueId exact = node.inputs.at(0);
    if (!std::holds_alternative<Quantize>(node.op)) {
      exact = graph.add_value(graph.value(output).name + ".exact", real(type));
      node.output = exact;
      graph.nodes.push_back(std::move(node));
    }
    round_to(graph, exact, type, output);
  }
  for (ValueId& output : graph.outputs) output = read_as[static_cast<std::size_t>(output)];
  return graph;
}

}  // namespace mj
