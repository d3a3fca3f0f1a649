// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mj/base/random.h"
#include "mj/ir/evaluate.h"

namespace mj {

/// A tensor with these elements.
template <class T>
Tensor tensor_of(Type type, const std::vector<T>& elements) {
  Tensor tensor = make_tensor(std::move(type));
  std::copy(elements.begin(), elements.end(), tensor.as<T>().begin());
  return tensor;
}

inline Tensor floats(Shape shape, const std::vector<float>& elements) {
  return tensor_of<float>(Type{DType::kF32, std::move(shape), {}}, elements);
}

inline Type int8_type(Shape shape, float scale, std::int32_t zero_point) {
  return {DType::kI8, std::move(shape), Quantization{{scale}, {zero_point}, -1}};
}

inline Tensor random_floats(Shape shape, RandomStream& random) {
  Tensor tensor = make_tensor({DType::kF32, std::move(shape), {}});
  for (float& value : tensor.as<float>()) value = static_cast<float>(random.normal());
  return tensor;
}

/// All values equally likely.
inline Tensor random_int8(Type type, RandomStream& random) {
  Tensor tensor = make_tensor(std::move(type));
  for (std::int8_t& value : tensor.as<std::int8_t>()) value = static_cast<std::int8_t>(random.next() >> 56);
  return tensor;
}

/// A number in low..high.
inline std::int64_t random_between(std::int64_t low, std::int64_t high, RandomStream& random) {
  return low + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(high - low + 1)));
}

/// A graph of one node; the first of `inputs` is the graph's input, the others are constants.
inline Graph single_node(const Op& op, std::span<const Tensor> inputs, const std::optional<Type>& output = {}) {
  Graph graph;
  std::vector<ValueId> ids{graph.add_input("x", inputs[0].type)};
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    ids.push_back(graph.add_constant("c" + std::to_string(i), inputs[i].type, Constant(inputs[i].data)));
  }
  graph.outputs = {graph.add_node("n", op, ids)};
  if (output) {
    graph.value(graph.outputs[0]).type = *output;
  }
  return graph;
}

inline Tensor run_op(const Op& op, const std::vector<Tensor>& inputs, const std::optional<Type>& output = {},
                     Rounding rounding = Rounding::kDouble) {
  return Evaluator(single_node(op, inputs, output), {rounding}).run(inputs[0]).at(0);
}

}  // namespace mj
