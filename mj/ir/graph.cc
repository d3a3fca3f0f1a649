// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/graph.h"

#include <algorithm>
#include <limits>

#include "mj/base/error.h"
#include "mj/ir/infer.h"

namespace mj {

bool operator==(const Constant& a, const Constant& b) {
  if (a.bytes_ == b.bytes_) return true;  // copies of a graph share their constants
  return a.bytes_ && b.bytes_ && *a.bytes_ == *b.bytes_;
}

ValueId Graph::add_value(std::string name, Type type) {
  with_context(fmt::format("value '{}'", name), [&] { check_shape(type.shape); });
  MJ_CHECK(values.size() < static_cast<std::size_t>(std::numeric_limits<ValueId>::max()));
  values.push_back({std::move(name), std::move(type), {}});
  return static_cast<ValueId>(values.size() - 1);
}

ValueId Graph::add_constant(std::string name, Type type, Constant data) {
  with_context(fmt::format("value '{}'", name), [&] {
    check_shape(type.shape);
    if (static_cast<Bytes>(data.bytes().size()) != type.bytes()) {
      fail("constant holds {} bytes; {} needs {}", data.bytes().size(), type_text(type), type.bytes());
    }
  });
  const ValueId id = add_value(std::move(name), std::move(type));
  value(id).data = std::move(data);
  return id;
}

ValueId Graph::add_constant(std::string name, Shape shape, std::span<const float> elements) {
  return add_constant(std::move(name), Type{DType::kF32, std::move(shape), {}}, Constant::of(elements));
}

ValueId Graph::add_input(std::string name, Type type) {
  const ValueId id = add_value(std::move(name), std::move(type));
  inputs.push_back(id);
  return id;
}

ValueId Graph::add_node(std::string name, Op op, std::vector<ValueId> node_inputs) {
  Node node{std::move(name), std::move(op), std::move(node_inputs), -1};
  node.output =
      with_context(describe(node), [&] { return add_value(node.name, infer_type(*this, node.op, node.inputs)); });
  nodes.push_back(std::move(node));
  return nodes.back().output;
}

std::vector<std::int32_t> producers(const Graph& graph) {
  std::vector<std::int32_t> result(graph.values.size(), -1);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    result.at(static_cast<std::size_t>(graph.nodes[i].output)) = static_cast<std::int32_t>(i);
  }
  return result;
}

std::vector<std::vector<std::int32_t>> consumers(const Graph& graph) {
  std::vector<std::vector<std::int32_t>> result(graph.values.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto index = static_cast<std::int32_t>(i);
    for (const ValueId input : graph.nodes[i].inputs) {
      auto& readers = result.at(static_cast<std::size_t>(input));
      if (readers.empty() || readers.back() != index) readers.push_back(index);
    }
  }
  return result;
}

Graph compact(Graph graph) {
  std::vector<char> needed(graph.values.size(), 0);
  const auto need = [&](ValueId id) { needed.at(static_cast<std::size_t>(id)) = 1; };
  std::for_each(graph.inputs.begin(), graph.inputs.end(), need);
  std::for_each(graph.outputs.begin(), graph.outputs.end(), need);
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    if (needed.at(static_cast<std::size_t>(node->output))) {
      std::for_each(node->inputs.begin(), node->inputs.end(), need);
    }
  }

  std::erase_if(graph.nodes, [&](const Node& node) { return !needed[static_cast<std::size_t>(node.output)]; });
  std::vector<ValueId> renumbered(graph.values.size(), -1);
  std::vector<Value> kept;
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    if (!needed[i]) continue;
    renumbered[i] = static_cast<ValueId>(kept.size());
    kept.push_back(std::move(graph.values[i]));
  }
  graph.values = std::move(kept);

  const auto renumber = [&](ValueId& id) { id = renumbered[static_cast<std::size_t>(id)]; };
  for (Node& node : graph.nodes) {
    std::for_each(node.inputs.begin(), node.inputs.end(), renumber);
    renumber(node.output);
  }
  std::for_each(graph.inputs.begin(), graph.inputs.end(), renumber);
  std::for_each(graph.outputs.begin(), graph.outputs.end(), renumber);
  graph.plan.reset();
  return graph;
}

Bytes stored_bytes(const Value& constant) {
  const Type& type = constant.type;
  if (constant.encoding.plain() || type.dtype != DType::kI8) return type.bytes();
  return encoded_bytes(constant.data.as<std::int8_t>(), type.shape.at(0), constant.encoding);
}

std::string describe(const Node& node) { return fmt::format("node '{}' ({})", node.name, op_name(node.op)); }

std::int64_t class_count(const Graph& graph) {
  if (graph.outputs.empty()) fail("the graph has no output");
  return graph.type(graph.outputs.back()).count();
}

}  // namespace mj
