// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace mj {

/// What the start of an image file says.
struct ImageHeader {
  std::int64_t height = 0;
  std::int64_t width = 0;
  bool grey = false;  ///< stored with one colour channel

  bool operator==(const ImageHeader&) const = default;
};

/// Reads the header of a PNG or JPEG file, told apart by their first bytes. Throws `Error`: not an image, corrupt,
/// sides beyond `kMaxImageSide`, CMYK.
ImageHeader read_image_header(std::span<const std::byte> file);

/// Decodes into `rgb` (height * width * 3 bytes, row by row; grey is repeated three times); the size must be that of
/// the header. 16-bit samples are scaled to 8, palettes expanded, gamma and colour profiles ignored. Throws `Error`
/// when the file is truncated or corrupt, or has a pixel that is not opaque.
void decode_image(std::span<const std::byte> file, std::span<std::uint8_t> rgb);

/// The two formats behind it.
bool is_png(std::span<const std::byte> file);
bool is_jpeg(std::span<const std::byte> file);
ImageHeader read_png_header(std::span<const std::byte> file);
ImageHeader read_jpeg_header(std::span<const std::byte> file);
void decode_png(std::span<const std::byte> file, std::span<std::uint8_t> rgb);
void decode_jpeg(std::span<const std::byte> file, std::span<std::uint8_t> rgb);

}  // namespace mj
