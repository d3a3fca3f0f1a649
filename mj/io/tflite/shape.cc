// SPDX-License-Identifier: Apache-2.0
// Operators that rename, move or surround elements: reshape, squeeze, expand, transpose, pad, concatenate.
#include <algorithm>
#include <utility>

#include "mj/base/error.h"
#include "mj/io/tflite/importer.h"

namespace mj::tflite {
namespace {

void relabel(Importer& importer, const OperatorView& op, const Activation& x, const Shape& dims) {
  importer.set(op, 0, importer.reshaped(op, x.id, stored_shape(dims)), dims);
}

void reshape(Importer& importer, const OperatorView& op) {
  op.expect(1, 2);
  const Activation& x = importer.activation(op, 0);
  Shape dims;
  if (op.has_input(1)) {
    dims = importer.integers(op, 1, "dimensions").values;
  } else {
    const auto& options = op.options<mj_tflite::ReshapeOptions>();
    if (!options.new_shape()) fail("states no dimensions; expected them in input 1 or in its options");
    if (options.new_shape()->size() <= kMaxRank)
      dims.assign(options.new_shape()->begin(), options.new_shape()->end());
    else
      fail("has {} dimensions; expected at most {}", options.new_shape()->size(), kMaxRank);
  }
  if (std::ranges::count(dims, -1) > 1)
    fail("leaves {} dimensions open; expected at most 1", std::ranges::count(dims, -1));
  const auto open = std::ranges::find(dims, -1);
  if (open != dims.end()) {
    *open = 1;
    check_shape(dims);
    const std::int64_t rest = element_count(dims), count = element_count(x.dims);
    if (count % rest != 0) fail("input has {} elements; expected a multiple of {}", count, rest);
    *open = count / rest;
  }
  check_shape(dims);
  if (element_count(dims) != element_count(x.dims)) {
    fail("input {} has {} elements; shape {} has {}", shape_text(x.dims), element_count(x.dims), shape_text(dims),
         element_count(dims));
  }
  relabel(importer, op, x, dims);
}

void squeeze(Importer& importer, const OperatorView& op) {
  op.expect(1, 1);
  const Activation& x = importer.activation(op, 0);
  const auto* options = op.optional_options<mj_tflite::SqueezeOptions>();
  const auto* listed = options ? options->squeeze_dims() : nullptr;
  std::vector<char> dropped(x.dims.size(), 0);
  if (listed && listed->size() > 0) {
    for (const std::int32_t axis : *listed) {
      const std::size_t d = checked_axis(axis, x.dims.size());
      if (x.dims[d] != 1) fail("dimension {} has size {}; expected 1 to be squeezed", d, x.dims[d]);
      dropped[d] = 1;
    }
  } else {
    for (std::size_t d = 0; d < x.dims.size(); ++d) dropped[d] = x.dims[d] == 1;
  }
  Shape dims;
  for (std::size_t d = 0; d < x.dims.size(); ++d) {
    if (!dropped[d]) dims.push_back(x.dims[d]);
  }
  relabel(importer, op, x, dims);
}

void expand_dims(Importer& importer, const OperatorView& op) {
  op.expect(2, 2);
  const Activation& x = importer.activation(op, 0);
  Shape dims = x.dims;
  const std::size_t axis = checked_axis(importer.integer(op, 1, "axes"), dims.size() + 1);
  dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(axis), 1);
  check_shape(dims);
  relabel(importer, op, x, dims);
}

void transpose(Importer& importer, const OperatorView& op) {
  op.expect(2, 2);
  const Activation& x = importer.activation(op, 0);
  const auto perm = importer.integers(op, 1, "perm").values;
  const std::size_t rank = x.dims.size();
  std::vector<char> seen(rank, 0);
  Shape dims;
  for (const std::int64_t axis : perm) {
    if (axis < 0 || axis >= static_cast<std::int64_t>(rank) || std::exchange(seen[static_cast<std::size_t>(axis)], 1))
      break;
    dims.push_back(x.dims[static_cast<std::size_t>(axis)]);
  }
  if (dims.size() != rank || perm.size() != rank)
    fail("perm is not a permutation of the {} dimensions of the input", rank);
  // A batch that stays in front is not stored; one that moves takes part.
  const bool kept = has_batch(x.dims) && perm[0] == 0;
  Transpose operation;
  for (std::size_t d = kept ? 1 : 0; d < rank; ++d) operation.perm.push_back(perm[d] - (kept ? 1 : 0));
  const ValueId from = kept ? x.id : importer.reshaped(op, x.id, x.dims);
  importer.set(op, 0, importer.add(op, operation, {from}), dims);
}

/// The value that PADV2 states; 0 without.
float padding_value(Importer& importer, const OperatorView& op, DType dtype) {
  if (!op.has_input(2)) return 0;
  if (importer.is_activation(op, 2)) unsupported("its value '{}' is computed; expected a constant", op.input(2).name());
  const Activation value = importer.operand(op, 2, dtype);
  const Value& constant = importer.graph.value(value.id);
  if (constant.type.count() != 1)
    fail("value '{}' has {} elements; expected 1", op.input(2).name(), constant.type.count());
  if (dtype == DType::kF32) return constant.data.as<float>()[0];
  return constant.type.quant->scale[0] *
         static_cast<float>(constant.data.as<std::int8_t>()[0] - constant.type.quant->zero_point[0]);
}

void pad(Importer& importer, const OperatorView& op) {
  op.expect(2, op.code() == BuiltinOperator::PADV2 ? 3 : 2);
  const Activation& x = importer.activation(op, 0);
  const std::size_t rank = x.dims.size();
  const auto amounts = importer.integers(op, 1, "paddings").values;
  if (amounts.size() != 2 * rank) fail("paddings are {} numbers; expected {}", amounts.size(), 2 * rank);
  Shape dims = x.dims;
  Pad operation;
  for (std::size_t d = 0; d < rank; ++d) {
    const std::int64_t before = amounts[2 * d], after = amounts[2 * d + 1];
    for (const std::int64_t amount : {before, after}) {
      if (amount < 0 || amount > kMaxElements)
        fail("padding of dimension {} is {}; expected 0 to {}", d, amount, kMaxElements);
    }
    dims[d] += before + after;
    if (d == 0 && has_batch(x.dims)) {
      if (before + after > 0) unsupported("it pads the batch; convert a network that keeps to one sample");
      continue;
    }
    operation.before.push_back(before);
    operation.after.push_back(after);
  }
  check_shape(dims);
  operation.value = padding_value(importer, op, importer.type(x).dtype);
  importer.set(op, 0, importer.add(op, operation, {x.id}), dims);
}

void concatenation(Importer& importer, const OperatorView& op) {
  const int count = op.input_count();
  op.expect(count, count);
  const auto& options = op.options<mj_tflite::ConcatenationOptions>();
  if (options.fused_activation_function() != mj_tflite::ActivationFunctionType::NONE) {
    unsupported("its fused activation is not available; convert with the activation as an operator");
  }
  int computed = 0;
  while (!importer.is_activation(op, computed)) ++computed;
  const DType dtype = importer.type(importer.activation(op, computed)).dtype;
  std::vector<Activation> inputs;
  for (int i = 0; i < count; ++i) inputs.push_back(importer.operand(op, i, dtype));
  const std::size_t rank = inputs[0].dims.size();
  const std::size_t axis = checked_axis(options.axis(), rank);
  Shape dims = inputs[0].dims;
  dims[axis] = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Shape expected = inputs[0].dims;
    if (inputs[i].dims.size() == rank) expected[axis] = inputs[i].dims[axis];
    if (inputs[i].dims != expected) {
      fail("input {} has shape {}; expected {} up to axis {}", i, shape_text(inputs[i].dims),
           shape_text(inputs[0].dims), axis);
    }
    dims[axis] += inputs[i].dims[axis];
  }
  check_shape(dims);
  const Type stated = importer.stated_type(op.output(0), {});
  std::vector<ValueId> parts;
  for (const Activation& input : inputs) {
    // Along the batch, and only there, it takes part.
    ValueId id = axis == 0 ? importer.reshaped(op, input.id, input.dims) : input.id;
    // TFLite's converter gives all inputs the output's quantisation; other writers may not.
    const auto& quant = importer.graph.type(id).quant;
    if (quant && stated.quant && *quant != *stated.quant)
      id = importer.add_quantize(op, id, stated.dtype, stated.quant);
    parts.push_back(id);
  }
  const bool dropped = axis > 0 && has_batch(inputs[0].dims);
  const Concat operation{static_cast<std::int64_t>(axis) - (dropped ? 1 : 0)};
  importer.set(op, 0, importer.add(op, operation, std::move(parts)), dims);
}

constexpr ConverterEntry kShapeConverters[] = {
    {BuiltinOperator::RESHAPE, reshape},
    {BuiltinOperator::SQUEEZE, squeeze},
    {BuiltinOperator::EXPAND_DIMS, expand_dims},
    {BuiltinOperator::TRANSPOSE, transpose},
    {BuiltinOperator::PAD, pad},
    {BuiltinOperator::PADV2, pad},
    {BuiltinOperator::CONCATENATION, concatenation},
};

}  // namespace

std::span<const ConverterEntry> shape_converters() { return kShapeConverters; }

}  // namespace mj::tflite
