// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/evaluate.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "mj/base/error.h"
#include "mj/ir/evaluate_step.h"
#include "mj/ir/verify.h"

namespace mj {
namespace detail {

std::vector<float> NodeContext::reals(std::size_t input) const {
  if (input >= input_count()) {
    return {};
  }
  const Value& constant = value(input);
  MJ_CHECK(constant.constant());
  return dequantize(constant.type, constant.data.bytes());
}

Arithmetic arithmetic(const NodeContext& context, std::size_t activations) {
  const DType dtype = context.input(0).dtype;
  bool same = context.output().dtype == dtype;
  for (std::size_t i = 1; i < activations; ++i) {
    same = same && context.input(i).dtype == dtype;
  }
  if (same && dtype == DType::kF32) {
    return Arithmetic::kFloat;
  }
  if (same && dtype == DType::kI8) {
    return Arithmetic::kInt8;
  }
  fail("computes {} from {}; the evaluator computes f32 from f32 and i8 from i8", dtype_name(context.output().dtype),
       dtype_name(dtype));
}

namespace {

Step prepare_node(const Graph& graph, const Node& node, Rounding rounding) {
  return with_context(describe(node), [&] {
    const NodeContext context{graph, node, rounding};
    return std::visit([&](const auto& op) { return prepare(op, context); }, node.op);
  });
}

View view(const Tensor& tensor) { return {&tensor.type, tensor.data}; }
View view(const Value& constant) { return {&constant.type, constant.data.bytes()}; }

void check_tensor(const Tensor& tensor, const Value& value) {
  if (tensor.type != value.type) {
    const bool same_text = type_text(tensor.type) == type_text(value.type);
    fail("'{}' is given as {}; expected {}{}", value.name, type_text(tensor.type), type_text(value.type),
         same_text ? " with another quantisation" : "");
  }
  if (tensor.data.size() != static_cast<std::size_t>(value.type.bytes())) {
    fail("'{}' is given as {} bytes; {} has {}", value.name, tensor.data.size(), type_text(value.type),
         value.type.bytes());
  }
}

}  // namespace
}  // namespace detail

struct Evaluator::State {
  Graph graph;
  EvaluateOptions options;
  std::vector<detail::Step> steps;               // by node
  std::vector<std::vector<ValueId>> dead_after;  // activations that no later node and no output needs, by node
};

Evaluator::Evaluator(const Graph& graph, EvaluateOptions options) {
  verify(graph);
  state_ = std::make_unique<State>(State{graph, options, {}, {}});
  std::vector<std::size_t> last_use(graph.values.size(), 0);
  state_->dead_after.resize(graph.nodes.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = state_->graph.nodes[i];
    state_->steps.push_back(detail::prepare_node(state_->graph, node, options.rounding));
    last_use[static_cast<std::size_t>(node.output)] = i;
    for (const ValueId id : node.inputs) {
      last_use[static_cast<std::size_t>(id)] = i;
    }
  }
  for (std::size_t id = 0; id < graph.values.size(); ++id) {
    const bool output = std::ranges::count(graph.outputs, static_cast<ValueId>(id)) != 0;
    if (!graph.values[id].constant() && !output && !graph.nodes.empty()) {
      state_->dead_after[last_use[id]].push_back(static_cast<ValueId>(id));
    }
  }
}

Evaluator::~Evaluator() = default;
Evaluator::Evaluator(Evaluator&&) noexcept = default;
Evaluator& Evaluator::operator=(Evaluator&&) noexcept = default;

std::vector<Tensor> Evaluator::run(const Tensor& input) const { return run(input, {}); }

std::vector<Tensor> Evaluator::run(const Tensor& input, const Observer& observe) const {
  const Graph& graph = state_->graph;
  if (graph.inputs.size() != 1) {
    fail("the network has {} inputs; the evaluator runs networks with one", graph.inputs.size());
  }
  detail::check_tensor(input, graph.value(graph.inputs[0]));
  std::vector<Tensor> values(graph.values.size());
  const auto value = [&](ValueId id) -> Tensor& { return values[static_cast<std::size_t>(id)]; };
  const auto view = [&](ValueId id) {
    if (graph.value(id).constant()) {
      return detail::view(graph.value(id));
    }
    return detail::view(id == graph.inputs[0] ? input : value(id));
  };
  if (observe) {
    observe(graph.inputs[0], input);
  }
  std::vector<detail::View> inputs;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    inputs.clear();
    for (const ValueId id : node.inputs) {
      inputs.push_back(view(id));
    }
    Tensor& output = value(node.output) = make_tensor(graph.type(node.output));
    state_->steps[i](inputs, output);
    if (observe) {
      observe(node.output, output);
    }
    for (const ValueId id : state_->dead_after[i]) {
      value(id) = {};
    }
  }
  std::vector<Tensor> outputs;
  for (const ValueId id : graph.outputs) {
    outputs.push_back(id == graph.inputs[0] ? input : std::move(value(id)));
  }
  return outputs;
}

Tensor Evaluator::run_node(std::int32_t index, std::span<const Tensor> inputs) const {
  MJ_CHECK(index >= 0 && static_cast<std::size_t>(index) < state_->graph.nodes.size());
  const Node& node = state_->graph.nodes[static_cast<std::size_t>(index)];
  return with_context(describe(node), [&] {
    if (inputs.size() != node.inputs.size()) {
      fail("{} inputs are given; expected {}", inputs.size(), node.inputs.size());
    }
    // Steps hold constants in packed form, so other constants than the graph's need a step of their own.
    Graph other;
    std::vector<detail::View> views;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const Value& value = state_->graph.value(node.inputs[i]);
      detail::check_tensor(inputs[i], value);
      views.push_back(detail::view(inputs[i]));
      if (value.constant() && !std::ranges::equal(value.data.bytes(), inputs[i].data)) {
        if (other.values.empty()) {
          other.values = state_->graph.values;
        }
        other.value(node.inputs[i]).data = Constant(inputs[i].data);
      }
    }
    Tensor output = make_tensor(state_->graph.type(node.output));
    if (other.values.empty()) {
      state_->steps[static_cast<std::size_t>(index)](views, output);
    } else {
      const detail::NodeContext context{other, node, state_->options.rounding};
      std::visit([&](const auto& op) { return detail::prepare(op, context); }, node.op)(views, output);
    }
    return output;
  });
}

}  // namespace mj
