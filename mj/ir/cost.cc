// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/cost.h"

#include <limits>
#include <variant>

#include "mj/base/error.h"

namespace mj {
namespace {

// Hostile windows over hostile shapes can exceed 64 bits; a cost that stays at the largest number is still "too much".
std::int64_t times(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<std::int64_t>::max() : product;
}
std::int64_t plus(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<std::int64_t>::max() : sum;
}

/// What an operator itself says about its cost.
struct Work {
  Kernel kernel = Kernel::kNone;
  std::int64_t macs = 0;
};

/// The work of one node, for every operator.
class Counter {
 public:
  Counter(const Graph& graph, const Node& node) : graph_(graph), node_(node) {}

  Work operator()(const Conv2d& op) const {
    const Type& weight = input(1);
    return {op.groups == 1 ? Kernel::kConv : Kernel::kDepthwise, times(outputs(), weight.count() / weight.shape[0])};
  }
  Work operator()(const Linear&) const { return {Kernel::kLinear, times(outputs(), input(1).shape[1])}; }
  Work operator()(const BatchNorm&) const { return {Kernel::kElementwise}; }
  Work operator()(const Clamp&) const { return {Kernel::kElementwise}; }
  Work operator()(const LeakyRelu&) const { return {Kernel::kElementwise}; }
  Work operator()(const PRelu&) const { return {Kernel::kElementwise}; }
  Work operator()(const HardSigmoid&) const { return {Kernel::kElementwise}; }
  Work operator()(const HardSwish&) const { return {Kernel::kElementwise}; }
  Work operator()(const Sigmoid&) const { return {Kernel::kElementwise}; }
  Work operator()(const Tanh&) const { return {Kernel::kElementwise}; }
  Work operator()(const Softmax&) const { return {Kernel::kSoftmax}; }
  Work operator()(const MaxPool& op) const { return {Kernel::kPool, windows(op.kernel)}; }
  Work operator()(const AvgPool& op) const { return {Kernel::kPool, windows(op.kernel)}; }
  Work operator()(const Mean&) const { return {Kernel::kPool, input(0).count()}; }
  Work operator()(const Add&) const { return {Kernel::kElementwise}; }
  Work operator()(const Sub&) const { return {Kernel::kElementwise}; }
  Work operator()(const Mul&) const { return {Kernel::kElementwise}; }
  Work operator()(const Concat&) const { return {Kernel::kMove}; }
  Work operator()(const Reshape&) const { return {Kernel::kNone}; }
  Work operator()(const Transpose&) const { return {Kernel::kMove}; }
  Work operator()(const Pad&) const { return {Kernel::kMove}; }
  Work operator()(const Slice&) const { return {Kernel::kMove}; }
  Work operator()(const Quantize&) const { return {Kernel::kMove}; }

 private:
  const Type& input(std::size_t i) const { return graph_.type(node_.inputs[i]); }
  std::int64_t outputs() const { return graph_.type(node_.output).count(); }
  std::int64_t windows(const Pair& kernel) const { return times(outputs(), times(kernel[0], kernel[1])); }

  const Graph& graph_;
  const Node& node_;
};

/// Depthwise convolutions read their windows in place.
bool is_depthwise(const Graph& graph, const Node& node) {
  const auto* conv = std::get_if<Conv2d>(&node.op);
  return conv && conv->groups > 1 && graph.type(node.inputs[1]).shape[3] == 1;
}

/// What decoding changes in the counts of a node with such a weight.
void count_encoded(const Graph& graph, const Node& node, const Value& weight, Cost& result) {
  const std::int64_t channels = weight.type.shape[0];
  const std::int64_t places = result.outputs / channels;
  const EncodedSize size = encoded_size(weight.data.as<std::int8_t>(), channels, weight.encoding);
  result.macs = times(size.values, places);
  result.symbols = times(size.symbols, places);
  if (is_depthwise(graph, node)) return;
  const auto* conv = std::get_if<Conv2d>(&node.op);
  result.kernel = conv ? Kernel::kConvEncoded : Kernel::kLinearEncoded;
  if (conv) result.gathered = times(places, times(conv->groups, weight.type.count() / channels));
}

/// Constants that are learnt: read by some node, but not the running statistics of a batch-norm.
std::vector<ValueId> parameters(const Graph& graph) {
  std::vector<char> learnt(graph.values.size(), 0);
  for (const Node& node : graph.nodes) {
    const std::size_t end = std::holds_alternative<BatchNorm>(node.op) ? 3 : node.inputs.size();
    for (std::size_t i = 0; i < end; ++i) learnt.at(static_cast<std::size_t>(node.inputs[i])) = 1;
  }
  std::vector<ValueId> result;
  for (std::size_t i = 0; i < learnt.size(); ++i) {
    if (learnt[i] && graph.values[i].constant()) result.push_back(static_cast<ValueId>(i));
  }
  return result;
}

}  // namespace

const char* kernel_name(Kernel kernel) {
  switch (kernel) {
    case Kernel::kConv:
      return "conv";
    case Kernel::kDepthwise:
      return "depthwise";
    case Kernel::kLinear:
      return "linear";
    case Kernel::kConvEncoded:
      return "conv_encoded";
    case Kernel::kLinearEncoded:
      return "linear_encoded";
    case Kernel::kPool:
      return "pool";
    case Kernel::kElementwise:
      return "elementwise";
    case Kernel::kMove:
      return "move";
    case Kernel::kSoftmax:
      return "softmax";
    case Kernel::kNone:
      return "none";
  }
  MJ_CHECK(!"unknown kernel");
  return "";
}

Cost cost(const Graph& graph, const Node& node) {
  const Work work = std::visit(Counter(graph, node), node.op);
  Cost result;
  result.kernel = work.kernel;
  result.macs = work.macs;
  result.outputs = graph.type(node.output).count();
  result.activation_out_bytes = graph.type(node.output).bytes();
  for (const ValueId id : node.inputs) {
    const Value& value = graph.value(id);
    Bytes& sum = value.constant() ? result.weight_bytes : result.activation_in_bytes;
    sum += value.constant() ? stored_bytes(value) : value.type.bytes();
  }
  if (const Value* weight = encoded_weight(graph, node)) count_encoded(graph, node, *weight, result);
  return result;
}

const Value* encoded_weight(const Graph& graph, const Node& node) {
  if (!std::holds_alternative<Conv2d>(node.op) && !std::holds_alternative<Linear>(node.op)) return nullptr;
  const Value& weight = graph.value(node.inputs[1]);
  const bool encoded = weight.constant() && weight.type.dtype == DType::kI8 && !weight.encoding.plain();
  return encoded ? &weight : nullptr;
}

std::int64_t total_macs(const Graph& graph) {
  std::int64_t sum = 0;
  for (const Node& node : graph.nodes) {
    const Cost counts = cost(graph, node);
    const bool multiplies = std::holds_alternative<Conv2d>(node.op) || std::holds_alternative<Linear>(node.op);
    if (multiplies) sum = plus(sum, counts.macs);
  }
  return sum;
}

std::int64_t parameter_count(const Graph& graph) {
  std::int64_t sum = 0;
  for (const ValueId id : parameters(graph)) sum += graph.type(id).count();
  return sum;
}

Bytes parameter_bytes(const Graph& graph) {
  Bytes sum = 0;
  for (const ValueId id : parameters(graph)) sum += stored_bytes(graph.value(id));
  return sum;
}

}  // namespace mj
