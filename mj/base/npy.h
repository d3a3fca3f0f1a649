// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace mj {

/// What the elements of a `.npy` file are.
enum class NpyType : std::uint8_t { kF32, kF64, kI8, kU8, kI16, kU16, kI32, kI64, kBool };

/// A NumPy array, C order, little endian.
struct NpyArray {
  NpyType type = NpyType::kF32;
  std::vector<std::int64_t> shape;
  std::vector<std::byte> data;  ///< row-major elements

  std::int64_t count() const;
  /// The elements converted to float (exactly, where float can hold them).
  std::vector<float> as_f32() const;
  /// The elements converted to 64-bit integers; throws `Error` on floats that are not whole.
  std::vector<std::int64_t> as_i64() const;
};

/// Reads `.npy` format 1.0 to 3.0; Fortran order is turned into C order. Throws `Error` on anything else, on sizes
/// that do not match the file, and on big-endian, object or complex types.
NpyArray read_npy(const std::filesystem::path& path);
NpyArray parse_npy(std::span<const std::byte> bytes);

/// Writes format 1.0, atomically.
void write_npy(const std::filesystem::path& path, const NpyArray& array);
NpyArray npy_of(std::span<const float> values, std::vector<std::int64_t> shape);
NpyArray npy_of(std::span<const std::int8_t> values, std::vector<std::int64_t> shape);

}  // namespace mj
