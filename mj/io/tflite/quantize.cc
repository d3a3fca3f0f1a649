// SPDX-License-Identifier: Apache-2.0
// Conversions between real numbers and integers; what they do is said by the types of both sides.
#include "mj/base/error.h"
#include "mj/io/tflite/importer.h"

namespace mj::tflite {
namespace {

void quantize(Importer& importer, const OperatorView& op) {
  op.expect(1, 1);
  const Activation& x = importer.activation(op, 0);
  const Type to = importer.stated_type(op.output(0), importer.type(x).shape);
  if (to.dtype != DType::kI8) fail("output '{}' holds FLOAT32; expected INT8 or UINT8", op.output(0).name());
  importer.set(op, 0, importer.add_quantize(op, x.id, to.dtype, to.quant), x.dims);
}

void dequantize(Importer& importer, const OperatorView& op) {
  op.expect(1, 1);
  const Activation& x = importer.activation(op, 0);
  if (importer.type(x).dtype != DType::kI8)
    fail("input '{}' holds FLOAT32; expected INT8 or UINT8", op.input(0).name());
  importer.set(op, 0, importer.add_quantize(op, x.id, DType::kF32, std::nullopt), x.dims);
}

constexpr ConverterEntry kQuantizeConverters[] = {
    {BuiltinOperator::QUANTIZE, quantize},
    {BuiltinOperator::DEQUANTIZE, dequantize},
};

}  // namespace

std::span<const ConverterEntry> quantize_converters() { return kQuantizeConverters; }

}  // namespace mj::tflite
