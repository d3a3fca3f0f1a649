// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/type.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "mj/base/error.h"

namespace mj {

Bytes byte_size(DType dtype) {
  switch (dtype) {
    case DType::kF32:
    case DType::kI32:
      return 4;
    case DType::kI8:
      return 1;
    case DType::kI16:
      return 2;
  }
  MJ_CHECK(!"unknown dtype");
  return 0;
}

const char* dtype_name(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "f32";
    case DType::kI8:
      return "i8";
    case DType::kI16:
      return "i16";
    case DType::kI32:
      return "i32";
  }
  MJ_CHECK(!"unknown dtype");
  return "";
}

std::int64_t element_count(const Shape& shape) {
  // Both factors stay at or below 2^31-1, so the products cannot overflow; a zero anywhere makes the count zero, but a
  // prefix that is too large is refused all the same: nothing sensible has such a shape.
  std::int64_t count = 1;
  for (const std::int64_t dimension : shape) {
    if (dimension < 0) {
      fail("shape {} has a dimension of {}; expected 1 or more", shape_text(shape), dimension);
    }
    if (dimension > kMaxElements || count * dimension > kMaxElements) {
      fail("shape {} has more than {} elements", shape_text(shape), kMaxElements);
    }
    count *= dimension;
  }
  return count;
}

void check_shape(const Shape& shape) {
  if (shape.size() > kMaxRank) {
    fail("shape has {} dimensions; expected at most {}", shape.size(), kMaxRank);
  }
  for (const std::int64_t dimension : shape) {
    if (dimension < 1) {
      fail("shape {} has a dimension of {}; expected 1 or more", shape_text(shape), dimension);
    }
  }
  element_count(shape);
}

std::string shape_text(const Shape& shape) {
  return shape.empty() ? "scalar" : fmt::format("{}", fmt::join(shape, "x"));
}

std::string type_text(const Type& type) {
  return fmt::format("{}[{}]", dtype_name(type.dtype), shape_text(type.shape));
}

}  // namespace mj
