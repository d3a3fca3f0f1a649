// SPDX-License-Identifier: Apache-2.0
// QuantizeLinear and DequantizeLinear between computed tensors. Here they become quantize nodes one by one;
// `fold_quantize` then turns what lies between a pair into integer operators.
#include <cmath>

#include "mj/base/error.h"
#include "mj/io/onnx/importer.h"

namespace mj::onnx {
namespace {

QuantizeParameters activation_parameters(Importer& importer, const NodeView& node, const Activation& x) {
  auto parameters = quantize_parameters(importer, node, x.dims());
  if (parameters.quant.per_channel()) unsupported("a computed tensor quantised per channel; quantise it per tensor");
  if (parameters.elem != Elem::kInt8 && parameters.elem != Elem::kUint8) {
    unsupported("elements of type {}; expected int8 or uint8", elem_name(parameters.elem));
  }
  return parameters;
}

/// Conversions say what they do by their types alone, so the output's is not inferred.
ValueId add_quantize(Importer& importer, const NodeView& node, ValueId from, std::optional<Quantization> quant) {
  const DType dtype = quant ? DType::kI8 : DType::kF32;
  const Type type{dtype, importer.graph.type(from).shape, std::move(quant)};
  const ValueId to = importer.graph.add_value(importer.value_name(node.output(0)), type);
  importer.graph.nodes.push_back({node.name(), Quantize{}, {from}, to});
  return to;
}

void quantize_linear(Importer& importer, const NodeView& node) {
  const Activation& x = importer.real_activation(node, 0);
  node.ignore("saturate");  // of 8-bit floats only
  auto [quant, elem] = activation_parameters(importer, node, x);
  importer.set(node, 0, Activation{add_quantize(importer, node, x.id, std::move(quant)), x.layout, elem, {}});
}

void dequantize_linear(Importer& importer, const NodeView& node) {
  const Activation& x = importer.activation(node, 0);
  if (x.elem != Elem::kInt8 && x.elem != Elem::kUint8) {
    fail("input '{}' holds {}; expected int8 or uint8", node.input(0), elem_name(x.elem));
  }
  const auto parameters = activation_parameters(importer, node, x);
  const Quantization& quant = parameters.quant;
  const Elem elem = parameters.elem;
  // A zero point says which type it was; without one the input does.
  const auto shifted = [&] {
    Quantization result = quant;
    if (!node.has_input(2)) result.zero_point[0] = x.elem == Elem::kUint8 ? -128 : 0;
    return result;
  }();
  if (node.has_input(2) && elem != x.elem) {
    fail("input '{}' holds {}, but its zero point {}", node.input(0), elem_name(x.elem), elem_name(elem));
  }
  Type& type = importer.graph.value(x.id).type;
  if (x.id == importer.graph.inputs[0] && importer.integer_input == Importer::IntegerInput::kOpen) {
    type.dtype = DType::kI8;
    type.quant = shifted;
    importer.integer_input = Importer::IntegerInput::kQuantized;
  }
  if (type.dtype != DType::kI8) unsupported("integers that were not made by QuantizeLinear");
  if (type.quant != shifted) {
    unsupported("scale or zero point differ from those that '{}' was quantised with", node.input(0));
  }
  importer.set(node, 0, Activation{add_quantize(importer, node, x.id, std::nullopt), x.layout, Elem::kFloat, {}});
}

constexpr ConverterEntry kQuantizeConverters[] = {
    {"QuantizeLinear", quantize_linear},
    {"DequantizeLinear", dequantize_linear},
};

}  // namespace

QuantizeParameters quantize_parameters(Importer& importer, const NodeView& node, const Shape& dims) {
  QuantizeParameters result;
  const Literal& scale = importer.literal(node, 1, "scale");
  result.quant.scale = reals(scale);
  for (float s : result.quant.scale) {
    if (!(s > 0 && std::isfinite(s))) fail("scale '{}' holds {}; expected positive, finite numbers", scale.name, s);
  }
  std::vector<std::int64_t> zero_points(result.quant.scale.size(), 0);
  if (node.has_input(2)) {
    const Literal& zero_point = importer.literal(node, 2, "zero point");
    zero_points = integers(zero_point);
    result.elem = zero_point.elem;
    if (zero_points.size() != result.quant.scale.size()) {
      fail("{} scales and {} zero points; expected as many", result.quant.scale.size(), zero_points.size());
    }
  }
  const std::int64_t shift = result.elem == Elem::kUint8 ? 128 : 0;
  for (std::int64_t z : zero_points) result.quant.zero_point.push_back(static_cast<std::int32_t>(z - shift));

  const std::int64_t axis = node.integer("axis", 1);
  if (scale.dims.size() > 1)
    fail("scale '{}' has shape {}; expected a number or a list", scale.name, shape_text(scale.dims));
  if (result.quant.scale.size() != 1) {
    result.quant.axis = checked_axis(axis, static_cast<int>(dims.size()));
    const std::int64_t size = dims[static_cast<std::size_t>(result.quant.axis)];
    if (static_cast<std::int64_t>(result.quant.scale.size()) != size) {
      fail("{} scales for dimension {} of size {}; expected as many", result.quant.scale.size(), result.quant.axis,
           size);
    }
  }
  return result;
}

std::span<const ConverterEntry> quantize_converters() { return kQuantizeConverters; }

}  // namespace mj::onnx
