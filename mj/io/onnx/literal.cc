// SPDX-License-Identifier: Apache-2.0
#include "mj/io/onnx/literal.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "mj/base/error.h"
#include "mj/io/onnx/layout.h"

namespace mj::onnx {
namespace {

template <std::size_t kSize>
void permute(const std::byte* from, std::byte* to, const Shape& dims, std::span<const std::int64_t> perm) {
  const std::size_t rank = dims.size();
  std::vector<std::int64_t> stride(rank), size(rank), index(rank, 0);
  for (std::size_t i = 0; i < rank; ++i) {
    const auto source = static_cast<std::size_t>(perm[i]);
    size[i] = dims[source];
    stride[i] = 1;
    for (std::size_t d = source + 1; d < rank; ++d) stride[i] *= dims[d];
  }
  std::int64_t offset = 0;
  for (std::int64_t n = element_count(dims); n > 0; --n, to += kSize) {
    std::memcpy(to, from + offset * static_cast<std::int64_t>(kSize), kSize);
    for (std::size_t d = rank; d-- > 0;) {
      offset += stride[d];
      if (++index[d] < size[d]) break;
      offset -= stride[d] * size[d];
      index[d] = 0;
    }
  }
}

}  // namespace

std::string elem_name(Elem elem) {
  switch (elem) {
    case Elem::kFloat:
      return "float";
    case Elem::kUint8:
      return "uint8";
    case Elem::kInt8:
      return "int8";
    case Elem::kUint16:
      return "uint16";
    case Elem::kInt16:
      return "int16";
    case Elem::kInt32:
      return "int32";
    case Elem::kInt64:
      return "int64";
    case Elem::kString:
      return "string";
    case Elem::kBool:
      return "bool";
    case Elem::kFloat16:
      return "float16";
    case Elem::kDouble:
      return "double";
    case Elem::kUint32:
      return "uint32";
    case Elem::kUint64:
      return "uint64";
    case Elem::kBfloat16:
      return "bfloat16";
    case Elem::kUndefined:
      break;
  }
  return fmt::format("type {}", static_cast<std::int32_t>(elem));
}

bool is_float(Elem elem) {
  return elem == Elem::kFloat || elem == Elem::kFloat16 || elem == Elem::kDouble || elem == Elem::kBfloat16;
}

bool is_integer(Elem elem) { return stored_size(elem) > 0 && !is_float(elem); }

std::int64_t stored_size(Elem elem) {
  switch (elem) {
    case Elem::kFloat:
    case Elem::kFloat16:
    case Elem::kDouble:
    case Elem::kBfloat16:
    case Elem::kInt32:
      return 4;
    case Elem::kUint8:
    case Elem::kInt8:
    case Elem::kBool:
      return 1;
    case Elem::kUint16:
    case Elem::kInt16:
    case Elem::kInt64:
    case Elem::kUint32:
    case Elem::kUint64:
      return 8;
    case Elem::kString:
    case Elem::kUndefined:
      break;
  }
  return 0;
}

Literal float_literal(std::string name, Shape dims, std::span<const float> elements) {
  return {std::move(name), Elem::kFloat, std::move(dims), Constant::of(elements), {}};
}

Literal integer_literal(std::string name, Shape dims, std::span<const std::int64_t> elements) {
  return {std::move(name), Elem::kInt64, std::move(dims), Constant::of(elements), {}};
}

std::vector<float> reals(const Literal& literal) {
  if (literal.quant) {
    const Quantization& quant = *literal.quant;
    std::int64_t inner = literal.count();  // elements that share a scale
    std::int64_t channels = 1;
    if (quant.per_channel()) {
      inner = 1;
      channels = literal.dims[static_cast<std::size_t>(quant.axis)];
      for (std::size_t d = static_cast<std::size_t>(quant.axis) + 1; d < literal.dims.size(); ++d)
        inner *= literal.dims[d];
    }
    std::vector<float> result(static_cast<std::size_t>(literal.count()));
    const auto dequantise = [&](auto ints) {
      for (std::size_t i = 0; i < result.size(); ++i) {
        const auto c = static_cast<std::size_t>(static_cast<std::int64_t>(i) / inner % channels);
        result[i] = quant.scale[c] * static_cast<float>(std::int64_t{ints[i]} - quant.zero_point[c]);
      }
    };
    if (literal.elem == Elem::kInt8) {
      dequantise(literal.data.as<std::int8_t>());
    } else {
      dequantise(literal.data.as<std::int32_t>());
    }
    return result;
  }
  if (!is_float(literal.elem)) fail("'{}' holds {}; expected float", literal.name, elem_name(literal.elem));
  const auto elements = literal.data.as<float>();
  return {elements.begin(), elements.end()};
}

std::vector<std::int64_t> integers(const Literal& literal) {
  if (literal.quant || !is_integer(literal.elem)) {
    fail("'{}' holds {}; expected integers", literal.name, literal.quant ? "quantised reals" : elem_name(literal.elem));
  }
  const auto widen = [](auto elements) { return std::vector<std::int64_t>(elements.begin(), elements.end()); };
  switch (literal.elem) {
    case Elem::kInt8:
      return widen(literal.data.as<std::int8_t>());
    case Elem::kUint8:
    case Elem::kBool:
      return widen(literal.data.as<std::uint8_t>());
    case Elem::kInt32:
      return widen(literal.data.as<std::int32_t>());
    default:
      return widen(literal.data.as<std::int64_t>());
  }
}

Literal permuted(const Literal& literal, std::span<const std::int64_t> perm) {
  if (std::is_sorted(perm.begin(), perm.end())) return literal;
  Literal result = literal;
  for (std::size_t i = 0; i < perm.size(); ++i) {
    result.dims[i] = literal.dims[static_cast<std::size_t>(perm[i])];
    if (literal.quant && literal.quant->axis == perm[i]) result.quant->axis = static_cast<int>(i);
  }
  std::vector<std::byte> moved(literal.data.bytes().size());
  switch (stored_size(literal.elem)) {
    case 1:
      permute<1>(literal.data.bytes().data(), moved.data(), literal.dims, perm);
      break;
    case 4:
      permute<4>(literal.data.bytes().data(), moved.data(), literal.dims, perm);
      break;
    default:
      permute<8>(literal.data.bytes().data(), moved.data(), literal.dims, perm);
      break;
  }
  result.data = Constant(std::move(moved));
  return result;
}

Literal with_dims(Literal literal, Shape dims, int axis) {
  MJ_CHECK(element_count(dims) == literal.count());
  literal.dims = std::move(dims);
  if (literal.quant && literal.quant->per_channel()) {
    MJ_CHECK(axis >= 0);
    literal.quant->axis = axis;
  }
  return literal;
}

Literal repeated(const Literal& literal, std::span<const std::int64_t> times) {
  if (std::all_of(times.begin(), times.end(), [](std::int64_t t) { return t == 1; })) return literal;
  MJ_CHECK(!literal.quant || !literal.quant->per_channel());
  Literal result = literal;
  for (std::size_t d = 0; d < times.size(); ++d) result.dims[d] *= times[d];
  const auto size = static_cast<std::size_t>(stored_size(literal.elem));
  std::vector<std::byte> bytes(static_cast<std::size_t>(result.count()) * size);
  Shape index(times.size(), 0);
  for (std::size_t n = 0; n < bytes.size(); n += size) {
    std::int64_t source = 0;
    for (std::size_t d = 0; d < index.size(); ++d) source = source * literal.dims[d] + index[d] % literal.dims[d];
    std::memcpy(bytes.data() + n, literal.data.bytes().data() + static_cast<std::size_t>(source) * size, size);
    for (std::size_t d = index.size(); d-- > 0;) {
      if (++index[d] < result.dims[d]) break;
      index[d] = 0;
    }
  }
  result.data = Constant(std::move(bytes));
  return result;
}

}  // namespace mj::onnx
