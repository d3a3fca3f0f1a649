// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
// jpeglib.h needs the line above.
#include <jpeglib.h>
#include <png.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace mj::test {

/// A PNG of any colour type, bit depth and interlacing; `rows` are packed as the format stores them.
struct PngSource {
  int height = 0;
  int width = 0;
  int colour = PNG_COLOR_TYPE_RGB;
  int depth = 8;
  bool interlaced = false;
  std::vector<std::vector<std::uint8_t>> rows;
  std::vector<png_color> palette;
  std::vector<std::uint8_t> palette_alpha;
};

inline std::string encode(const PngSource& source) {
  std::string out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &out,
      [](png_structp p, png_bytep data, std::size_t size) {
        static_cast<std::string*>(png_get_io_ptr(p))->append(reinterpret_cast<const char*>(data), size);
      },
      nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(source.width), static_cast<png_uint_32>(source.height), source.depth,
               source.colour, source.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!source.palette.empty()) png_set_PLTE(png, info, source.palette.data(), static_cast<int>(source.palette.size()));
  if (!source.palette_alpha.empty()) {
    png_set_tRNS(png, info, source.palette_alpha.data(), static_cast<int>(source.palette_alpha.size()), nullptr);
  }
  png_write_info(png, info);
  std::vector<std::vector<std::uint8_t>> rows = source.rows;
  std::vector<png_bytep> pointers;
  for (auto& row : rows) pointers.push_back(row.data());
  png_write_image(png, pointers.data());
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return out;
}

/// An 8-bit PNG with 1 (grey) or 3 channels whose element i is `first + i * step`, modulo 256.
inline std::string ramp_png(int height, int width, int channels, int first = 0, int step = 1) {
  PngSource source{
      .height = height, .width = width, .colour = channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB};
  int value = first;
  for (int y = 0; y < height; ++y) {
    auto& row = source.rows.emplace_back();
    for (int i = 0; i < width * channels; ++i, value += step) row.push_back(static_cast<std::uint8_t>(value));
  }
  return encode(source);
}

/// A JPEG of one colour (1, 3 or 4 components) in the best quality.
inline std::string flat_jpeg(int height, int width, const std::vector<std::uint8_t>& colour, bool progressive = false) {
  jpeg_compress_struct jpeg;
  jpeg_error_mgr errors;
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &buffer, &size);
  jpeg.image_height = static_cast<JDIMENSION>(height);
  jpeg.image_width = static_cast<JDIMENSION>(width);
  jpeg.input_components = static_cast<int>(colour.size());
  jpeg.in_color_space = colour.size() == 1 ? JCS_GRAYSCALE : colour.size() == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, 100, TRUE);
  if (progressive) jpeg_simple_progression(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  std::vector<std::uint8_t> row;
  for (int x = 0; x < width; ++x) row.insert(row.end(), colour.begin(), colour.end());
  JSAMPROW pointer = row.data();
  for (int y = 0; y < height; ++y) jpeg_write_scanlines(&jpeg, &pointer, 1);
  jpeg_finish_compress(&jpeg);
  std::string out(reinterpret_cast<const char*>(buffer), size);
  jpeg_destroy_compress(&jpeg);
  std::free(buffer);
  return out;
}

}  // namespace mj::test
