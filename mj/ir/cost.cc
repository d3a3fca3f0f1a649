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

Kernel kernel_of(const Conv2d& op) { return op.groups == 1 ? Kernel::kConv : Kernel::kDepthwise; }
Kernel kernel_of(const Linear&) { return Kernel::kLinear; }
Kernel kernel_of(const BatchNorm&) { return Kernel::kElementwise; }
Kernel kernel_of(const Clamp&) { return Kernel::kElementwise; }
Kernel kernel_of(const LeakyRelu&) { return Kernel::kElementwise; }
Kernel kernel_of(const PRelu&) { return Kernel::kElementwise; }
Kernel kernel_of(const HardSigmoid&) { return Kernel::kElementwise; }
Kernel kernel_of(const HardSwish&) { return Kernel::kElementwise; }
Kernel kernel_of(const Sigmoid&) { return Kernel::kElementwise; }
Kernel kernel_of(const Tanh&) { return Kernel::kElementwise; }
Kernel kernel_of(const Softmax&) { return Kernel::kSoftmax; }
Kernel kernel_of(const MaxPool&) { return Kernel::kPool; }
Kernel kernel_of(const AvgPool&) { return Kernel::kPool; }
Kernel kernel_of(const Mean&) { return Kernel::kPool; }
Kernel kernel_of(const Add&) { return Kernel::kElementwise; }
Kernel kernel_of(const Sub&) { return Kernel::kElementwise; }
Kernel kernel_of(const Mul&) { return Kernel::kElementwise; }
Kernel kernel_of(const Concat&) { return Kernel::kMove; }
Kernel kernel_of(const Reshape&) { return Kernel::kNone; }
Kernel kernel_of(const Transpose&) { return Kernel::kMove; }
Kernel kernel_of(const Pad&) { return Kernel::kMove; }
Kernel kernel_of(const Slice&) { return Kernel::kMove; }
Kernel kernel_of(const Quantize&) { return Kernel::kMove; }

/// Multiply-accumulates (or window elements) of one node.
struct Macs {
  const Graph& graph;
  const Node& node;

  const Type& input(std::size_t i) const { return graph.type(node.inputs[i]); }
  std::int64_t outputs() const { return graph.type(node.output).count(); }

  std::int64_t operator()(const Conv2d&) const { return times(outputs(), input(1).count() / input(1).shape[0]); }
  std::int64_t operator()(const Linear&) const { return times(outputs(), input(1).shape[1]); }
  std::int64_t operator()(const MaxPool& op) const { return window(op.kernel); }
  std::int64_t operator()(const AvgPool& op) const { return window(op.kernel); }
  std::int64_t operator()(const Mean&) const { return input(0).count(); }
  // A catch-all would hide a new operator that multiplies: `kernel_of` above makes its author look here.
  template <class Other>
  std::int64_t operator()(const Other&) const {
    return 0;
  }

  std::int64_t window(const Pair& kernel) const { return times(outputs(), times(kernel[0], kernel[1])); }
};

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
  Cost result;
  result.kernel = std::visit([](const auto& op) { return kernel_of(op); }, node.op);
  result.macs = std::visit(Macs{graph, node}, node.op);
  result.outputs = graph.type(node.output).count();
  result.activation_out_bytes = graph.type(node.output).bytes();
  for (const ValueId id : node.inputs) {
    const Value& value = graph.value(id);
    Bytes& sum = value.constant() ? result.weight_bytes : result.activation_in_bytes;
    sum += value.type.bytes();
  }
  return result;
}

std::int64_t total_macs(const Graph& graph) {
  std::int64_t sum = 0;
  for (const Node& node : graph.nodes) {
    const Cost counts = cost(graph, node);
    const bool multiplies =
        counts.kernel == Kernel::kConv || counts.kernel == Kernel::kDepthwise || counts.kernel == Kernel::kLinear;
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
  for (const ValueId id : parameters(graph)) sum += graph.type(id).bytes();
  return sum;
}

}  // namespace mj
