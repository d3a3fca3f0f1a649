// SPDX-License-Identifier: Apache-2.0
// What exporters compute from shapes and constants: the dimensions of a flatten behind a free batch, and weights that
// are stored as integers or half floats for real computation.
#include <algorithm>

#include "mj/base/error.h"
#include "mj/io/tflite/importer.h"

namespace mj::tflite {
namespace {

// Longer than any list of dimensions; a chain of concatenations could double its length without end.
constexpr std::size_t kLongest = 4096;

void shape(Importer& importer, const OperatorView& op) {
  op.expect(1, 1);
  const auto* x = std::get_if<Activation>(&importer.symbol(op.input_index(0)));
  importer.set(op, 0, Integers{x ? x->dims : op.input(0).dims(), false});
}

/// The stored weights stay as they are; whoever reads them decides.
void dequantize(Importer& importer, const OperatorView& op) {
  op.expect(1, 1);
  const TensorView input = op.input(0);
  if (!input.integer() && input.type() != TensorType::FLOAT16) {
    unsupported("its constant '{}' holds {}; convert with float16, int8 or float weights", input.name(),
                type_name(input.type()));
  }
  if (op.output(0).type() != TensorType::FLOAT32) {
    fail("output '{}' holds {}; expected FLOAT32", op.output(0).name(), type_name(op.output(0).type()));
  }
  if (!std::holds_alternative<std::monostate>(importer.symbol(op.input_index(0)))) {
    fail("input '{}' holds real numbers already", input.name());
  }
  importer.set(op, 0, RealConstant{op.input_index(0)});
}

/// One dimension is sliced, or an element taken.
Integers strided_slice(const Importer& importer, const OperatorView& op) {
  op.expect(4, 4);
  const Integers x = importer.integers(op, 0, "integers");
  const auto& options = op.options<mj_tflite::StridedSliceOptions>();
  const auto size = static_cast<std::int64_t>(x.values.size());
  const auto inside = [&](std::int64_t place) {
    return std::clamp<std::int64_t>(place < 0 ? place + size : place, 0, size);
  };
  const std::int64_t begin = options.begin_mask() & 1 ? 0 : inside(importer.integer(op, 1, "begins"));
  const std::int64_t end = options.end_mask() & 1 ? size : inside(importer.integer(op, 2, "ends"));
  if (importer.integer(op, 3, "strides") != 1 || options.ellipsis_mask() || options.new_axis_mask() ||
      options.offset()) {
    unsupported("it slices a shape in steps; convert with a fixed batch of 1");
  }
  if (options.shrink_axis_mask() & 1) {
    if (begin >= size) fail("takes element {} of {}", begin, size);
    return {{x.values[static_cast<std::size_t>(begin)]}, true};
  }
  if (begin >= end) return {};
  return {{x.values.begin() + begin, x.values.begin() + end}, false};
}

/// The elements of all inputs, one after the other.
Integers joined(const Importer& importer, const OperatorView& op) {
  Integers result;
  for (int i = 0; i < op.input_count(); ++i) {
    const Integers part = importer.integers(op, i, "integers");
    if (op.code() == BuiltinOperator::PACK && !part.scalar)
      unsupported("it packs lists; convert with a fixed batch of 1");
    if (result.values.size() + part.values.size() > kLongest) fail("joins more than {} integers", kLongest);
    result.values.insert(result.values.end(), part.values.begin(), part.values.end());
  }
  return result;
}

Integers product(const Importer& importer, const OperatorView& op) {
  op.expect(2, 2);
  std::int64_t result = 1;
  for (const std::int64_t factor : importer.integers(op, 0, "integers").values) {
    if (factor < 0 || factor > kMaxElements) fail("multiplies {}; expected dimensions", factor);
    result = std::min(result * factor, kMaxElements);  // beyond the largest shape all are alike
  }
  return {{result}, true};
}

std::optional<Integers> fold_integers(const Importer& importer, const OperatorView& op) {
  switch (op.code()) {
    case BuiltinOperator::STRIDED_SLICE:
      return strided_slice(importer, op);
    case BuiltinOperator::PACK:
    case BuiltinOperator::CONCATENATION:
      return joined(importer, op);
    case BuiltinOperator::REDUCE_PROD:
      return product(importer, op);
    case BuiltinOperator::CAST:
      return importer.integers(op, 0, "integers");
    default:
      return std::nullopt;
  }
}

}  // namespace

void fold_constants(Importer& importer, const OperatorView& op) {
  if (op.code() == BuiltinOperator::SHAPE) return shape(importer, op);
  if (op.code() == BuiltinOperator::DEQUANTIZE) return dequantize(importer, op);
  bool all_integers = op.input_count() > 0;
  for (int i = 0; i < op.input_count(); ++i) all_integers &= importer.has_integers(op, i);
  const auto folded = all_integers ? fold_integers(importer, op) : std::nullopt;
  if (!folded) unsupported("it computes from constants alone; convert with constant folding and a fixed batch of 1");
  for (int i = 1; i < op.output_count(); ++i) importer.set(op, i, Unknown{});
  importer.set(op, 0, *folded);
}

}  // namespace mj::tflite
