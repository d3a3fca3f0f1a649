// SPDX-License-Identifier: Apache-2.0
#include "mj/data/image.h"

#include "mj/base/error.h"
#include "mj/data/formats.h"

namespace mj {

ImageHeader read_image_header(std::span<const std::byte> file) {
  if (!is_png(file) && !is_jpeg(file)) fail("neither PNG nor JPEG");
  const ImageHeader header = is_png(file) ? read_png_header(file) : read_jpeg_header(file);
  if (header.height > kMaxImageSide || header.width > kMaxImageSide) {
    fail("{}x{} pixels; images of up to {}x{} are read", header.height, header.width, kMaxImageSide, kMaxImageSide);
  }
  return header;
}

void decode_image(std::span<const std::byte> file, std::span<std::uint8_t> rgb) {
  is_png(file) ? decode_png(file, rgb) : decode_jpeg(file, rgb);
}

}  // namespace mj
