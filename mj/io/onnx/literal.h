// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mj/io/onnx/layout.h"
#include "mj/ir/graph.h"

namespace mj_onnx {
class TensorProto;
}

namespace mj::onnx {

/// Element types, numbered as in ONNX's TensorProto.DataType.
enum class Elem : std::int32_t {
  kUndefined = 0,
  kFloat = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kUint32 = 12,
  kUint64 = 13,
  kBfloat16 = 16,
};

/// The name ONNX uses, e.g. "float16"; "type 99" where it has none.
std::string elem_name(Elem elem);
bool is_float(Elem elem);
bool is_integer(Elem elem);
/// Bytes of an element as a `Literal` stores it: every float type as float, 8-bit types as they are, int32 as int32,
/// the other integers as int64; 0 for types that are not numbers.
std::int64_t stored_size(Elem elem);

/// A tensor whose elements the file gives, in ONNX's order of dimensions.
struct Literal {
  std::string name;
  Elem elem = Elem::kFloat;
  Shape dims;
  Constant data;                      ///< row-major, elements of `stored_size`
  std::optional<Quantization> quant;  ///< set when the int8 or int32 elements stand for real numbers

  std::int64_t count() const { return element_count(dims); }
  /// Whether it stands for real numbers.
  bool real() const { return is_float(elem) || quant.has_value(); }
};

Literal float_literal(std::string name, Shape dims, std::span<const float> elements);
Literal integer_literal(std::string name, Shape dims, std::span<const std::int64_t> elements);

/// The real numbers, dequantised where needed; throws `Error` when the literal holds integers.
std::vector<float> reals(const Literal& literal);
/// The integers; throws `Error` when it holds anything else.
std::vector<std::int64_t> integers(const Literal& literal);

/// Dimension i of the result is dimension perm[i]; the axis of a quantisation moves with it.
Literal permuted(const Literal& literal, std::span<const std::int64_t> perm);
/// The same elements with other dimensions of the same product; a per-channel axis is set to `axis`.
Literal with_dims(Literal literal, Shape dims, int axis = -1);

/// Every dimension `times[d]` times over, one copy after the other. Not for per-channel quantisation.
Literal repeated(const Literal& literal, std::span<const std::int64_t> times);

/// A constant that broadcasts against a tensor of this layout, in the order in which that is stored (with shape
/// `stored`); leading dimensions of size 1 are dropped. Throws `Error` when it does not broadcast to the layout's
/// dimensions.
Literal broadcast_in_stored_order(const Literal& literal, const Layout& layout, const Shape& stored);

/// Elements along dimension `axis` of the literal, which runs along dimension `dim` of the layout, in the order in
/// which that dimension's factors are stored.
Literal along_stored_order(const Literal& literal, int axis, const Layout& layout, std::size_t dim);

/// Reads an initialiser or a tensor attribute and releases the message's own copy of large elements. External elements
/// are looked for below `folder`. Throws `Error` when sizes, offsets and types do not fit each other.
Literal take_literal(mj_onnx::TensorProto& tensor, const std::filesystem::path& folder);

}  // namespace mj::onnx
