// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "mj/ir/graph.h"
#include "mj/ir/requantize.h"
#include "mj/ir/tensor.h"

// Inside the evaluator: what its families of operators share. Not an interface.
namespace mj::detail {

/// An input of a node at run time.
struct View {
  const Type* type = nullptr;
  std::span<const std::byte> data;

  template <class T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(data.data()), data.size() / sizeof(T)};
  }
};

/// A node made ready to run: all that depends on the graph alone is computed. Writes every element of the output.
/// Called from several threads at a time.
using Step = std::function<void(std::span<const View> inputs, Tensor& output)>;

/// The node that a step is made for.
struct NodeContext {
  const Graph& graph;
  const Node& node;
  Rounding rounding;

  const Value& value(std::size_t input) const { return graph.value(node.inputs[input]); }
  const Type& input(std::size_t i) const { return value(i).type; }
  std::size_t input_count() const { return node.inputs.size(); }
  const Type& output() const { return graph.type(node.output); }
  /// The real numbers of a constant input, dequantised where it is quantised; empty when there is no such input.
  std::vector<float> reals(std::size_t input) const;
};

/// What a node computes with.
enum class Arithmetic { kFloat, kInt8 };

/// Decided by the dtypes of the first `activations` inputs and the output, which must agree.
Arithmetic arithmetic(const NodeContext& context, std::size_t activations = 1);

// One overload per operator, so a missing one does not compile.
Step prepare(const Conv2d& op, const NodeContext& context);
Step prepare(const Linear& op, const NodeContext& context);
Step prepare(const BatchNorm& op, const NodeContext& context);
Step prepare(const Clamp& op, const NodeContext& context);
Step prepare(const LeakyRelu& op, const NodeContext& context);
Step prepare(const PRelu& op, const NodeContext& context);
Step prepare(const HardSigmoid& op, const NodeContext& context);
Step prepare(const HardSwish& op, const NodeContext& context);
Step prepare(const Sigmoid& op, const NodeContext& context);
Step prepare(const Tanh& op, const NodeContext& context);
Step prepare(const Softmax& op, const NodeContext& context);
Step prepare(const MaxPool& op, const NodeContext& context);
Step prepare(const AvgPool& op, const NodeContext& context);
Step prepare(const Mean& op, const NodeContext& context);
Step prepare(const Add& op, const NodeContext& context);
Step prepare(const Sub& op, const NodeContext& context);
Step prepare(const Mul& op, const NodeContext& context);
Step prepare(const Concat& op, const NodeContext& context);
Step prepare(const Reshape& op, const NodeContext& context);
Step prepare(const Transpose& op, const NodeContext& context);
Step prepare(const Pad& op, const NodeContext& context);
Step prepare(const Slice& op, const NodeContext& context);
Step prepare(const Quantize& op, const NodeContext& context);

}  // namespace mj::detail
