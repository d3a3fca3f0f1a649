// SPDX-License-Identifier: Apache-2.0
#include "mj/data/image.h"

#include <cmath>

#include "encode.h"
#include "mj/base/random.h"
#include "scratch.h"

namespace mj {
namespace {

using test::encode;
using test::flat_jpeg;
using test::PngSource;
using test::ramp_png;

std::span<const std::byte> bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

std::vector<std::uint8_t> decode(const std::string& file) {
  const ImageHeader header = read_image_header(bytes(file));
  std::vector<std::uint8_t> rgb(static_cast<std::size_t>(header.height * header.width * 3));
  decode_image(bytes(file), rgb);
  return rgb;
}

TEST(Png, GivesThePixelsWritten) {
  const std::string file = ramp_png(5, 7, 3, 3, 11);
  EXPECT_EQ(read_image_header(bytes(file)), (ImageHeader{5, 7, false}));
  const std::vector<std::uint8_t> rgb = decode(file);
  for (std::size_t i = 0; i < rgb.size(); ++i) EXPECT_EQ(rgb[i], static_cast<std::uint8_t>(3 + 11 * i));
}

TEST(Png, RepeatsGreyThreeTimes) {
  const std::string file = ramp_png(2, 2, 1, 10, 50);
  EXPECT_EQ(read_image_header(bytes(file)), (ImageHeader{2, 2, true}));
  EXPECT_EQ(decode(file), (std::vector<std::uint8_t>{10, 10, 10, 60, 60, 60, 110, 110, 110, 160, 160, 160}));
}

TEST(Png, ExpandsEveryColourType) {
  // One bit per pixel: 1 0 1.
  EXPECT_EQ(
      decode(encode({.height = 1, .width = 3, .colour = PNG_COLOR_TYPE_GRAY, .depth = 1, .rows = {{0b10100000}}})),
      (std::vector<std::uint8_t>{255, 255, 255, 0, 0, 0, 255, 255, 255}));
  // 16 bits are scaled, not cut: 0x00ff of 0xffff is nearer to 1 of 255 than to 0.
  EXPECT_EQ(decode(encode({.height = 1, .width = 1, .depth = 16, .rows = {{0x00, 0xff, 0x80, 0xff, 0xff, 0xff}}})),
            (std::vector<std::uint8_t>{1, 0x80, 0xff}));
  PngSource palette{
      .height = 1, .width = 2, .colour = PNG_COLOR_TYPE_PALETTE, .rows = {{1, 0}}, .palette = {{1, 2, 3}, {4, 5, 6}}};
  EXPECT_EQ(decode(encode(palette)), (std::vector<std::uint8_t>{4, 5, 6, 1, 2, 3}));
  EXPECT_FALSE(read_image_header(bytes(encode(palette))).grey);
  palette.palette_alpha = {255, 255};
  EXPECT_EQ(decode(encode(palette)), (std::vector<std::uint8_t>{4, 5, 6, 1, 2, 3}));
  palette.palette_alpha = {254, 255};
  EXPECT_EQ(error_of([&] { decode(encode(palette)); }),
            "pixel at row 0, column 1 is transparent; expected opaque images");
  PngSource alpha{.height = 1, .width = 1, .colour = PNG_COLOR_TYPE_RGB_ALPHA, .rows = {{9, 8, 7, 255}}};
  EXPECT_EQ(decode(encode(alpha)), (std::vector<std::uint8_t>{9, 8, 7}));
  PngSource grey_alpha{.height = 1, .width = 1, .colour = PNG_COLOR_TYPE_GRAY_ALPHA, .rows = {{9, 255}}};
  EXPECT_EQ(decode(encode(grey_alpha)), (std::vector<std::uint8_t>{9, 9, 9}));
  EXPECT_TRUE(read_image_header(bytes(encode(grey_alpha))).grey);
  PngSource interlaced{.height = 9, .width = 9, .interlaced = true};
  for (std::uint8_t y = 0; y < 9; ++y) interlaced.rows.emplace_back(27, y);
  PngSource plain = interlaced;
  plain.interlaced = false;
  EXPECT_EQ(decode(encode(interlaced)), decode(encode(plain)));
}

TEST(Jpeg, GivesTheColourWritten) {
  for (const bool progressive : {false, true}) {
    const std::string file = flat_jpeg(20, 12, {200, 30, 90}, progressive);
    EXPECT_EQ(read_image_header(bytes(file)), (ImageHeader{20, 12, false}));
    const std::vector<std::uint8_t> rgb = decode(file);
    const int expected[] = {200, 30, 90};
    // Colour conversion there and back rounds twice.
    for (std::size_t i = 0; i < rgb.size(); ++i) EXPECT_LE(std::abs(rgb[i] - expected[i % 3]), 2);
  }
  const std::string grey = flat_jpeg(8, 8, {77});
  EXPECT_EQ(read_image_header(bytes(grey)), (ImageHeader{8, 8, true}));
  EXPECT_EQ(decode(grey), std::vector<std::uint8_t>(192, 77));
}

TEST(Image, SaysWhatIsWrong) {
  EXPECT_EQ(error_of([] { decode("GIF89a"); }), "neither PNG nor JPEG");
  EXPECT_EQ(error_of([] { decode(""); }), "neither PNG nor JPEG");
  EXPECT_EQ(error_of([] {
              decode(flat_jpeg(8, 8, {1, 2, 3, 4}));
            }),
            "JPEG with 4 colour components; expected 1 (grey) or 3 (colour)");
  EXPECT_EQ(error_of([] { decode(flat_jpeg(8, 5000, {1})); }), "8x5000 pixels; images of up to 4096x4096 are read");
  std::string damaged = ramp_png(8, 8, 3);
  damaged[damaged.size() - 20] ^= 1;
  EXPECT_TRUE(error_of([&] { decode(damaged); }).starts_with("corrupt PNG: IDAT: "))
      << error_of([&] { decode(damaged); });
}

TEST(Image, EveryPrefixIsAnError) {
  for (const std::string& whole :
       {ramp_png(4, 4, 3), flat_jpeg(16, 16, {9, 200, 90}), flat_jpeg(16, 16, {9, 200, 90}, true)}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_NE(error_of([&] { decode(whole.substr(0, size)); }), "") << size << " of " << whole.size();
    }
  }
}

TEST(Image, DamageIsAnErrorOrAPicture) {
  const std::uint64_t seed = 77;
  SCOPED_TRACE(seed);
  RandomStream random(seed);
  for (const std::string& whole :
       {ramp_png(16, 16, 3), flat_jpeg(32, 32, {9, 200, 90}), flat_jpeg(32, 32, {9, 200, 90}, true)}) {
    for (int round = 0; round < 1000; ++round) {
      std::string damaged = whole;
      for (std::uint64_t hits = 1 + random.below(8); hits > 0; --hits) {
        damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
      }
      error_of([&] { decode(damaged); });  // anything but Error ends the test
    }
  }
}

}  // namespace
}  // namespace mj
