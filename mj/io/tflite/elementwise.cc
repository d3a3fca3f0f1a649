// SPDX-License-Identifier: Apache-2.0
// Operators that work on every element by itself, softmax, and means.
#include <algorithm>

#include "mj/base/error.h"
#include "mj/io/tflite/importer.h"

namespace mj::tflite {
namespace {

using mj_tflite::ActivationFunctionType;

void unary(Importer& importer, const OperatorView& op, Op operation) {
  const Activation& x = importer.activation(op, 0);
  importer.set(op, 0, importer.add(op, std::move(operation), {x.id}), x.dims);
}

template <class Operation>
void plain(Importer& importer, const OperatorView& op) {
  op.expect(1, 1);
  unary(importer, op, Operation{});
}

template <ActivationFunctionType kind>
void clamp(Importer& importer, const OperatorView& op) {
  op.expect(1, 1);
  unary(importer, op, Clamp{fused_range(kind)});
}

void relu_0_to_1(Importer& importer, const OperatorView& op) {
  op.expect(1, 1);
  unary(importer, op, Clamp{{0, 1}});
}

void leaky_relu(Importer& importer, const OperatorView& op) {
  op.expect(1, 1);
  unary(importer, op, LeakyRelu{op.options<mj_tflite::LeakyReluOptions>().alpha()});
}

void softmax(Importer& importer, const OperatorView& op) {
  op.expect(1, 1);
  unary(importer, op, Softmax{op.options<mj_tflite::SoftmaxOptions>().beta()});
}

void prelu(Importer& importer, const OperatorView& op) {
  op.expect(2, 2);
  const Activation& x = importer.activation(op, 0);
  if (importer.is_activation(op, 1)) unsupported("its slope '{}' is computed; expected a constant", op.input(1).name());
  const Activation slope = importer.operand(op, 1, importer.type(x).dtype);
  importer.set(op, 0, importer.add(op, PRelu{}, {x.id, slope.id}), x.dims);
}

/// NumPy's rule, as TFLite's kernels have it.
Shape broadcast(const Shape& a, const Shape& b) {
  Shape dims(std::max(a.size(), b.size()), 1);
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const std::int64_t da = i < a.size() ? a[a.size() - 1 - i] : 1;
    const std::int64_t db = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (da != db && da != 1 && db != 1) fail("shapes {} and {} do not broadcast", shape_text(a), shape_text(b));
    dims[dims.size() - 1 - i] = std::max(da, db);
  }
  return dims;
}

template <class Operation, class Options>
void binary(Importer& importer, const OperatorView& op) {
  op.expect(2, 2);
  const auto* options = op.optional_options<Options>();
  const Operation operation{options ? fused_range(options->fused_activation_function()) : Range{}};
  const int computed = importer.is_activation(op, 0) ? 0 : 1;
  const DType dtype = importer.type(importer.activation(op, computed)).dtype;
  const Activation a = importer.operand(op, 0, dtype);
  const Activation b = importer.operand(op, 1, dtype);
  const Shape dims = broadcast(a.dims, b.dims);
  importer.set(op, 0, importer.add(op, operation, {a.id, b.id}), dims);
}

void mean(Importer& importer, const OperatorView& op) {
  op.expect(2, 2);
  const Activation& x = importer.activation(op, 0);
  const bool keep = op.options<mj_tflite::ReducerOptions>().keep_dims();
  std::vector<char> reduced(x.dims.size(), 0);
  for (const std::int64_t axis : importer.integers(op, 1, "axes").values)
    reduced[checked_axis(axis, x.dims.size())] = 1;
  Shape dims;
  Mean operation{{}, keep};
  for (std::size_t d = 0; d < x.dims.size(); ++d) {
    if (!reduced[d]) dims.push_back(x.dims[d]);
    if (reduced[d] && keep) dims.push_back(1);
    const bool stored = d > 0 || !has_batch(x.dims);
    if (reduced[d] && stored) operation.axes.push_back(static_cast<std::int64_t>(d) - (has_batch(x.dims) ? 1 : 0));
  }
  if (operation.axes.empty()) unsupported("it is a mean over the batch alone; convert without it");
  importer.set(op, 0, importer.add(op, operation, {x.id}), dims);
}

constexpr ConverterEntry kElementwiseConverters[] = {
    {BuiltinOperator::RELU, clamp<ActivationFunctionType::RELU>},
    {BuiltinOperator::RELU_N1_TO_1, clamp<ActivationFunctionType::RELU_N1_TO_1>},
    {BuiltinOperator::RELU6, clamp<ActivationFunctionType::RELU6>},
    {BuiltinOperator::RELU_0_TO_1, relu_0_to_1},
    {BuiltinOperator::LEAKY_RELU, leaky_relu},
    {BuiltinOperator::PRELU, prelu},
    {BuiltinOperator::HARD_SWISH, plain<HardSwish>},
    {BuiltinOperator::LOGISTIC, plain<Sigmoid>},
    {BuiltinOperator::TANH, plain<Tanh>},
    {BuiltinOperator::SOFTMAX, softmax},
    {BuiltinOperator::ADD, binary<Add, mj_tflite::AddOptions>},
    {BuiltinOperator::SUB, binary<Sub, mj_tflite::SubOptions>},
    {BuiltinOperator::MUL, binary<Mul, mj_tflite::MulOptions>},
    {BuiltinOperator::MEAN, mean},
};

}  // namespace

Range fused_range(ActivationFunctionType activation) {
  switch (activation) {
    case ActivationFunctionType::NONE:
      return {};
    case ActivationFunctionType::RELU:
      return {0, kInfinity};
    case ActivationFunctionType::RELU_N1_TO_1:
      return {-1, 1};
    case ActivationFunctionType::RELU6:
      return {0, 6};
    case ActivationFunctionType::TANH:
    case ActivationFunctionType::SIGN_BIT:
      unsupported("its fused activation {} is not available; convert with the activation as an operator",
                  mj_tflite::EnumNameActivationFunctionType(activation));
  }
  fail("fused activation is {}; expected 0 to 5", static_cast<int>(activation));
}

std::span<const ConverterEntry> elementwise_converters() { return kElementwiseConverters; }

}  // namespace mj::tflite
