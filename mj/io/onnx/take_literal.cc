// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>

#include "mj/base/error.h"
#include "mj/base/text.h"
#include "mj/io/onnx/layout.h"
#include "mj/io/onnx/literal.h"
#include "onnx.pb.h"

namespace mj::onnx {
namespace {

static_assert(std::endian::native == std::endian::little, "ONNX's raw_data is little endian and is copied as it is");

/// IEEE 754 binary16, exactly.
float half_to_float(std::uint16_t half) {
  const int exponent = half >> 10 & 31;
  const int mantissa = half & 1023;
  float value = 0;
  if (exponent == 0) {
    value = std::ldexp(static_cast<float>(mantissa), -24);
  } else if (exponent == 31) {
    value = mantissa == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  } else {
    value = std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
  }
  return half & 0x8000 ? -value : value;
}

/// bfloat16 is the upper half of a float.
float bfloat_to_float(std::uint16_t half) { return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16); }

/// Bytes of an element in raw_data and in external files.
std::int64_t raw_size(Elem elem) {
  switch (elem) {
    case Elem::kUint8:
    case Elem::kInt8:
    case Elem::kBool:
      return 1;
    case Elem::kUint16:
    case Elem::kInt16:
    case Elem::kFloat16:
    case Elem::kBfloat16:
      return 2;
    case Elem::kFloat:
    case Elem::kInt32:
    case Elem::kUint32:
      return 4;
    case Elem::kDouble:
    case Elem::kInt64:
    case Elem::kUint64:
      return 8;
    case Elem::kString:
    case Elem::kUndefined:
      break;
  }
  return 0;
}

/// Elements of type From in `raw`, each turned into a To.
template <class From, class To, class Convert>
Constant converted(std::span<const std::byte> raw, Convert convert) {
  std::vector<std::byte> result(raw.size() / sizeof(From) * sizeof(To));
  for (std::size_t i = 0; i < raw.size() / sizeof(From); ++i) {
    From element;
    std::memcpy(&element, raw.data() + i * sizeof(From), sizeof(From));
    const To value = convert(element);
    std::memcpy(result.data() + i * sizeof(To), &value, sizeof(To));
  }
  return Constant(std::move(result));
}

/// The elements of raw_data as a literal stores them.
Constant from_raw(Elem elem, std::span<const std::byte> raw) {
  const auto widen = [](auto x) { return static_cast<std::int64_t>(x); };
  switch (elem) {
    case Elem::kFloat16:
      return converted<std::uint16_t, float>(raw, half_to_float);
    case Elem::kBfloat16:
      return converted<std::uint16_t, float>(raw, bfloat_to_float);
    case Elem::kDouble:
      return converted<double, float>(raw, [](double x) { return static_cast<float>(x); });
    case Elem::kUint16:
      return converted<std::uint16_t, std::int64_t>(raw, widen);
    case Elem::kInt16:
      return converted<std::int16_t, std::int64_t>(raw, widen);
    case Elem::kUint32:
      return converted<std::uint32_t, std::int64_t>(raw, widen);
    case Elem::kUint64:
      return converted<std::uint64_t, std::int64_t>(raw, widen);
    default:
      return Constant(std::vector<std::byte>(raw.begin(), raw.end()));
  }
}

template <class To, class List, class Convert>
Constant from_list(const List& list, Convert convert) {
  std::vector<std::byte> result(static_cast<std::size_t>(list.size()) * sizeof(To));
  std::size_t at = 0;
  for (auto element : list) {
    const To value = convert(element);
    std::memcpy(result.data() + at, &value, sizeof(To));
    at += sizeof(To);
  }
  return Constant(std::move(result));
}

template <class To, class List>
Constant from_list(const List& list) {
  return from_list<To>(list, [](auto x) { return static_cast<To>(x); });
}

/// The elements of the typed field that ONNX prescribes for each element type.
Constant from_fields(Elem elem, const mj_onnx::TensorProto& tensor) {
  switch (elem) {
    case Elem::kFloat:
      return from_list<float>(tensor.float_data());
    case Elem::kDouble:
      return from_list<float>(tensor.double_data());
    case Elem::kFloat16:
      return from_list<float>(tensor.int32_data(), [](int x) { return half_to_float(static_cast<std::uint16_t>(x)); });
    case Elem::kBfloat16:
      return from_list<float>(tensor.int32_data(),
                              [](int x) { return bfloat_to_float(static_cast<std::uint16_t>(x)); });
    case Elem::kInt8:
      return from_list<std::int8_t>(tensor.int32_data());
    case Elem::kUint8:
      return from_list<std::uint8_t>(tensor.int32_data());
    case Elem::kBool:
      return from_list<std::uint8_t>(tensor.int32_data(), [](int x) { return std::uint8_t{x != 0}; });
    case Elem::kInt32:
      return from_list<std::int32_t>(tensor.int32_data());
    case Elem::kInt16:
    case Elem::kUint16:
      return from_list<std::int64_t>(tensor.int32_data());
    case Elem::kInt64:
      return from_list<std::int64_t>(tensor.int64_data());
    case Elem::kUint32:
    case Elem::kUint64:
      return from_list<std::int64_t>(tensor.uint64_data());
    case Elem::kString:
    case Elem::kUndefined:
      break;
  }
  return {};
}

/// A path below `folder` and nowhere else, whatever links and dots say.
std::filesystem::path inside(const std::filesystem::path& folder, const std::string& location) {
  if (folder.empty())
    fail("its elements are in another file, '{}', and the model was not read from a folder", location);
  const std::filesystem::path relative(location);
  if (location.empty() || relative.is_absolute()) {
    fail("its elements are in '{}'; expected a path relative to the model's folder", location);
  }
  std::error_code error;
  const auto root = std::filesystem::canonical(folder, error);
  if (error) fail("folder '{}' cannot be opened: {}", folder.string(), error.message());
  const auto path = std::filesystem::weakly_canonical(root / relative, error);
  const auto below = path.lexically_relative(root);
  if (error || below.empty() || *below.begin() == "..") {
    fail("its elements are in '{}', outside of the model's folder", location);
  }
  if (!std::filesystem::is_regular_file(path, error)) fail("its elements are in '{}': no such file", location);
  return path;
}

std::int64_t whole_number(const char* key, const std::string& text) {
  const auto value = parse_integer(text);
  if (!value || *value < 0) fail("external data has {} '{}'; expected a whole number that is not negative", key, text);
  return *value;
}

/// The bytes of an external tensor; nothing is read or allocated before the size is known to be in the file.
std::vector<std::byte> read_external(const mj_onnx::TensorProto& tensor, std::int64_t needed,
                                     const std::filesystem::path& folder) {
  std::string location;
  std::int64_t offset = 0;
  std::optional<std::int64_t> length;
  for (const auto& entry : tensor.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") offset = whole_number("offset", entry.value());
    if (entry.key() == "length") length = whole_number("length", entry.value());
  }
  const auto path = inside(folder, location);
  if (length && *length != needed) fail("external data has {} bytes; expected {}", *length, needed);
  const auto size = static_cast<std::int64_t>(std::filesystem::file_size(path));
  if (offset > size || needed > size - offset) {
    fail("external data is {} bytes at offset {} of '{}', which has {} bytes", needed, offset, location, size);
  }
  std::vector<std::byte> bytes(static_cast<std::size_t>(needed));
  std::ifstream file(path, std::ios::binary);
  file.seekg(offset);
  file.read(reinterpret_cast<char*>(bytes.data()), needed);
  if (!file) fail("'{}' cannot be read", location);
  return bytes;
}

}  // namespace

Literal take_literal(mj_onnx::TensorProto& tensor, const std::filesystem::path& folder) {
  Literal literal;
  literal.name = tensor.name();
  literal.elem = static_cast<Elem>(tensor.data_type());
  return with_context(fmt::format("tensor '{}'", literal.name), [&] {
    if (stored_size(literal.elem) == 0) fail("holds {}; expected numbers", elem_name(literal.elem));
    literal.dims.assign(tensor.dims().begin(), tensor.dims().end());
    const auto count = checked_count(literal.dims);
    if (!count) fail("has impossible dimensions {}", shape_text(literal.dims));
    const std::int64_t needed = *count * raw_size(literal.elem);

    if (tensor.data_location() == mj_onnx::TensorProto::EXTERNAL) {
      const auto bytes = read_external(tensor, needed, folder);
      literal.data = from_raw(literal.elem, bytes);
    } else if (tensor.has_raw_data()) {
      const std::unique_ptr<std::string> raw(tensor.release_raw_data());
      if (static_cast<std::int64_t>(raw->size()) != needed) {
        fail("has {} bytes; dimensions {} of {} need {}", raw->size(), shape_text(literal.dims),
             elem_name(literal.elem), needed);
      }
      literal.data = from_raw(literal.elem, std::as_bytes(std::span(*raw)));
    } else {
      literal.data = from_fields(literal.elem, tensor);
      const auto found = static_cast<std::int64_t>(literal.data.bytes().size()) / stored_size(literal.elem);
      if (found != *count) {
        fail("has {} elements; dimensions {} need {}", found, shape_text(literal.dims), *count);
      }
      tensor.clear_float_data();
      tensor.clear_int32_data();
      tensor.clear_int64_data();
    }
    return literal;
  });
}

}  // namespace mj::onnx
