// SPDX-License-Identifier: Apache-2.0
#include "mj/base/npy.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/text.h"

namespace mj {
namespace {

struct TypeCode {
  std::string_view code;  ///< without the byte order
  NpyType type;
  std::int64_t size;
};

constexpr std::array kTypes = {TypeCode{"f4", NpyType::kF32, 4}, TypeCode{"f8", NpyType::kF64, 8},
                               TypeCode{"i1", NpyType::kI8, 1},  TypeCode{"u1", NpyType::kU8, 1},
                               TypeCode{"i2", NpyType::kI16, 2}, TypeCode{"u2", NpyType::kU16, 2},
                               TypeCode{"i4", NpyType::kI32, 4}, TypeCode{"i8", NpyType::kI64, 8},
                               TypeCode{"b1", NpyType::kBool, 1}};

std::int64_t size_of(NpyType type) {
  for (const TypeCode& known : kTypes) {
    if (known.type == type) return known.size;
  }
  return 0;
}

/// The text after `'key':` in the header's dictionary, up to `end`.
std::string_view entry(std::string_view header, std::string_view key) {
  const std::size_t at = header.find(fmt::format("'{}'", key));
  if (at == std::string_view::npos) fail("npy header has no '{}'", key);
  std::string_view rest = header.substr(at + key.size() + 2);
  const std::size_t start = rest.find_first_not_of(" :");
  if (start == std::string_view::npos) fail("npy header has no value for '{}'", key);
  return rest.substr(start);
}

std::vector<std::int64_t> parse_shape(std::string_view text) {
  const std::size_t close = text.find(')');
  if (!text.starts_with('(') || close == std::string_view::npos) fail("npy header: shape is not a tuple");
  text = text.substr(1, close - 1);
  std::vector<std::int64_t> shape;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    std::string_view number = text.substr(0, comma);
    while (!number.empty() && number.front() == ' ') number.remove_prefix(1);
    while (!number.empty() && number.back() == ' ') number.remove_suffix(1);
    if (!number.empty()) {
      const auto size = parse_integer(number);
      if (!size || *size < 0) fail("npy header: '{}' is not a size", number);
      shape.push_back(*size);
    }
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return shape;
}

/// Elements in the shape; refuses products beyond `limit`, which the file's own size bounds.
std::int64_t checked_count(const std::vector<std::int64_t>& shape, std::int64_t limit) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  std::int64_t count = 1;
  for (std::int64_t size : shape) {
    if (count > limit / size) return limit + 1;
    count *= size;
  }
  return count;
}

/// Reorders column-major elements into row-major ones.
std::vector<std::byte> to_row_major(std::span<const std::byte> data, const std::vector<std::int64_t>& shape, std::int64_t size) {
  std::vector<std::byte> out(data.size());
  const std::int64_t count = static_cast<std::int64_t>(data.size()) / size;
  std::vector<std::int64_t> index(shape.size(), 0);
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t from = 0, stride = 1;
    for (std::size_t d = 0; d < shape.size(); ++d) from += index[d] * stride, stride *= shape[d];
    std::memcpy(out.data() + i * size, data.data() + from * size, static_cast<std::size_t>(size));
    for (std::size_t d = shape.size(); d-- > 0;) {
      if (++index[d] < shape[d]) break;
      index[d] = 0;
    }
  }
  return out;
}

template <class T, class Use>
void each_as(std::span<const std::byte> data, Use use) {
  for (std::size_t at = 0; at + sizeof(T) <= data.size(); at += sizeof(T)) {
    T element;
    std::memcpy(&element, data.data() + at, sizeof(T));
    use(element);
  }
}

template <class Use>
void each_element(const NpyArray& array, Use use) {
  switch (array.type) {
    case NpyType::kF32: return each_as<float>(array.data, use);
    case NpyType::kF64: return each_as<double>(array.data, use);
    case NpyType::kI8: return each_as<std::int8_t>(array.data, use);
    case NpyType::kU8: return each_as<std::uint8_t>(array.data, use);
    case NpyType::kI16: return each_as<std::int16_t>(array.data, use);
    case NpyType::kU16: return each_as<std::uint16_t>(array.data, use);
    case NpyType::kI32: return each_as<std::int32_t>(array.data, use);
    case NpyType::kI64: return each_as<std::int64_t>(array.data, use);
    case NpyType::kBool: return each_as<std::uint8_t>(array.data, use);
  }
}

template <class T>
NpyArray array_of(NpyType type, std::span<const T> values, std::vector<std::int64_t> shape) {
  const auto bytes = std::as_bytes(values);
  return {type, std::move(shape), {bytes.begin(), bytes.end()}};
}

}  // namespace

std::int64_t NpyArray::count() const { return static_cast<std::int64_t>(data.size()) / size_of(type); }

std::vector<float> NpyArray::as_f32() const {
  std::vector<float> out;
  out.reserve(static_cast<std::size_t>(count()));
  each_element(*this, [&](auto element) { out.push_back(static_cast<float>(element)); });
  return out;
}

std::vector<std::int64_t> NpyArray::as_i64() const {
  std::vector<std::int64_t> out;
  out.reserve(static_cast<std::size_t>(count()));
  each_element(*this, [&](auto element) {
    if constexpr (std::is_floating_point_v<decltype(element)>) {
      if (!(std::fabs(element) < 9e15) || element != std::floor(element)) {
        fail("element {} is {}; expected a whole number", out.size(), number_text(element));
      }
    }
    out.push_back(static_cast<std::int64_t>(element));
  });
  return out;
}

NpyArray parse_npy(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with("\x93NUMPY")) fail("not an npy file (it does not begin with \\x93NUMPY)");
  if (text.size() < 10) fail("truncated: npy header of {} bytes", text.size());
  const int major = static_cast<unsigned char>(text[6]);
  if (major < 1 || major > 3) fail("npy format {}; expected 1 to 3", major);
  const std::size_t length_bytes = major == 1 ? 2 : 4;
  if (text.size() < 8 + length_bytes) fail("truncated: npy header of {} bytes", text.size());
  std::size_t length = 0;
  for (std::size_t i = length_bytes; i-- > 0;) length = length << 8 | static_cast<unsigned char>(text[8 + i]);
  const std::size_t start = 8 + length_bytes;
  if (length > text.size() - start) fail("truncated: npy header promises {} bytes; found {}", length, text.size() - start);
  const std::string_view header = text.substr(start, length);

  const std::string_view descr = entry(header, "descr");
  if (descr.size() < 2 || (descr[0] != '\'' && descr[0] != '"')) fail("npy header: structured types are not supported");
  const std::string_view code = descr.substr(1, descr.find(descr[0], 1) - 1);
  const TypeCode* type = nullptr;
  for (const TypeCode& known : kTypes) {
    if (code.size() == 3 && code.substr(1) == known.code && (code[0] == '<' || code[0] == '|' || (code[0] == '=' ))) type = &known;
  }
  if (type == nullptr) fail("npy element type '{}' unsupported; expected little-endian f4 f8 i1 u1 i2 u2 i4 i8 or b1", code);

  NpyArray array;
  array.type = type->type;
  array.shape = parse_shape(entry(header, "shape"));
  const bool fortran = entry(header, "fortran_order").starts_with("True");
  const auto data = bytes.subspan(start + length);
  const std::int64_t available = static_cast<std::int64_t>(data.size()) / type->size;
  const std::int64_t count = checked_count(array.shape, available);
  if (count > available) fail("truncated: npy shape promises more elements than the {} in the file", available);
  if (static_cast<std::size_t>(count * type->size) != data.size()) {
    fail("{} bytes after the last of {} elements", data.size() - static_cast<std::size_t>(count * type->size), count);
  }
  array.data = fortran && array.shape.size() > 1 ? to_row_major(data, array.shape, type->size)
                                                 : std::vector<std::byte>(data.begin(), data.end());
  return array;
}

NpyArray read_npy(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = read_file(path);
  return with_context(path.string(), [&] { return parse_npy(bytes); });
}

void write_npy(const std::filesystem::path& path, const NpyArray& array) {
  std::string_view code;
  for (const TypeCode& known : kTypes) {
    if (known.type == array.type) code = known.code;
  }
  std::string shape;
  for (std::int64_t size : array.shape) shape += fmt::format("{}, ", size);
  if (array.shape.size() > 1) shape.resize(shape.size() - 2);
  if (array.shape.size() == 1) shape.resize(shape.size() - 1);
  std::string header = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}), }}",
                                   size_of(array.type) == 1 ? '|' : '<', code, shape);
  // NumPy wants the data to begin at a multiple of 64.
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string file = "\x93NUMPY";
  file += '\x01';
  file += '\x00';
  file += static_cast<char>(header.size() & 0xff);
  file += static_cast<char>(header.size() >> 8);
  file += header;
  file.append(reinterpret_cast<const char*>(array.data.data()), array.data.size());
  write_file(path, file);
}

NpyArray npy_of(std::span<const float> values, std::vector<std::int64_t> shape) {
  return array_of(NpyType::kF32, values, std::move(shape));
}

NpyArray npy_of(std::span<const std::int8_t> values, std::vector<std::int64_t> shape) {
  return array_of(NpyType::kI8, values, std::move(shape));
}

}  // namespace mj
