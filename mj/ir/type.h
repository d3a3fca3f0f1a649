// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mj/base/units.h"

namespace mj {

/// What the elements of a value are.
enum class DType : std::uint8_t { kF32, kI8, kI16, kI32 };

/// Bytes per element.
Bytes byte_size(DType dtype);
/// "f32", "i8", "i16", "i32".
const char* dtype_name(DType dtype);

/// Dimensions of one sample: the batch is implicit everywhere. Images are {height, width, channels}, 1-D signals are
/// {1, length, channels}, vectors {features}. Channels come last, as in TFLite and in the emitted C.
using Shape = std::vector<std::int64_t>;

/// No value has more elements or dimensions: counts and byte sizes of any checked shape fit 64 bits with room to spare.
inline constexpr std::int64_t kMaxElements = 2147483647;
inline constexpr std::size_t kMaxRank = 8;

/// Number of elements; 1 for the empty shape. Throws `Error` on negative dimensions and above `kMaxElements`.
std::int64_t element_count(const Shape& shape);
/// Throws `Error` unless every dimension is at least 1, there are at most `kMaxRank`, and `element_count` is allowed.
void check_shape(const Shape& shape);
/// "28x28x1"; "scalar" for the empty shape.
std::string shape_text(const Shape& shape);

/// Affine quantisation, real = scale * (q - zero_point), as in TFLite's int8 specification.
///
/// Per tensor: one scale and one zero point, axis -1. Per channel: one of each per index of `axis`, zero points 0.
struct Quantization {
  std::vector<float> scale;
  std::vector<std::int32_t> zero_point;
  int axis = -1;

  bool per_channel() const { return axis >= 0; }
  bool operator==(const Quantization&) const = default;
};

/// The type of a value: elements, dimensions of one sample, and the quantisation when the elements are integers that
/// stand for reals.
struct Type {
  DType dtype = DType::kF32;
  Shape shape;
  std::optional<Quantization> quant;

  std::int64_t count() const { return element_count(shape); }
  Bytes bytes() const { return count() * byte_size(dtype); }
  bool operator==(const Type&) const = default;
};

/// "i8[14x14x8]", without the quantisation.
std::string type_text(const Type& type);

}  // namespace mj
