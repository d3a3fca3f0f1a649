// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "mj/base/error.h"
#include "mj/data/image.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = std::as_bytes(std::span(data, size));
  try {
    const mj::ImageHeader header = mj::read_image_header(file);
    // Larger ones only take longer.
    if (header.height * header.width > 1 << 20) return 0;
    std::vector<std::uint8_t> rgb(static_cast<std::size_t>(header.height * header.width * 3));
    mj::decode_image(file, rgb);
  } catch (const mj::Error&) {
  }
  return 0;
}
