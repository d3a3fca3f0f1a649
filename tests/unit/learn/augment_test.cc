// SPDX-License-Identifier: Apache-2.0
#include "mj/learn/augment.h"

#include <gtest/gtest.h>

#include <map>

#include "mj/base/random.h"

namespace mj {
namespace {

/// The definition, pixel by pixel.
std::vector<float> brute_force(const View& view, const Shape& image, const std::vector<std::uint8_t>& source) {
  std::vector<float> out;
  for (std::int64_t y = 0; y < image[0]; ++y) {
    for (std::int64_t x = 0; x < image[1]; ++x) {
      const std::int64_t from_y = y + view.dy;
      const std::int64_t from_x = (view.flip ? image[1] - 1 - x : x) + view.dx;
      const bool inside = from_y >= 0 && from_y < image[0] && from_x >= 0 && from_x < image[1];
      const bool cut = y >= view.cut_top && y < view.cut_bottom && x >= view.cut_left && x < view.cut_right;
      for (std::int64_t c = 0; c < image[2]; ++c) {
        const std::uint8_t pixel =
            inside && !cut ? source[static_cast<std::size_t>((from_y * image[1] + from_x) * image[2] + c)] : 0;
        out.push_back(static_cast<float>(pixel) * 2 + static_cast<float>(c));
      }
    }
  }
  return out;
}

TEST(ApplyView, IsItsDefinition) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(seed);
    RandomStream stream(seed);
    const auto size = [&](std::uint64_t most) { return static_cast<std::int64_t>(1 + stream.below(most)); };
    const Shape image{size(9), size(9), size(4)};
    const Augmentation augmentation{static_cast<int>(stream.below(12)), stream.below(2) == 0,
                                    static_cast<int>(stream.below(7))};
    const View view = draw_view(augmentation, image, seed, 1, 2);
    std::vector<std::uint8_t> source(static_cast<std::size_t>(element_count(image)));
    for (auto& pixel : source) pixel = static_cast<std::uint8_t>(1 + stream.below(255));
    std::vector<float> out(source.size(), -1);
    apply_view(view, image, std::span<const std::uint8_t>(source), out, [](std::uint8_t pixel, std::int64_t c) {
      return static_cast<float>(pixel) * 2 + static_cast<float>(c);
    });
    ASSERT_EQ(out, brute_force(view, image, source));
  }
}

TEST(DrawView, DependsOnSeedEpochAndSampleAlone) {
  const Augmentation augmentation{4, true, 3};
  const Shape image{32, 32, 3};
  const View view = draw_view(augmentation, image, 1, 2, 3);
  EXPECT_EQ(view, draw_view(augmentation, image, 1, 2, 3));
  EXPECT_NE(view, draw_view(augmentation, image, 1, 2, 4));
  EXPECT_NE(view, draw_view(augmentation, image, 1, 3, 3));
  EXPECT_NE(view, draw_view(augmentation, image, 2, 2, 3));
}

TEST(DrawView, NothingAskedForIsTheImageItself) { EXPECT_EQ(draw_view({}, {8, 8, 1}, 1, 2, 3), View{}); }

TEST(DrawView, EveryOffsetAndMirrorIsAsLikely) {
  std::map<std::tuple<std::int64_t, std::int64_t, bool>, int> count;
  const int draws = 50 * 1000;
  for (int i = 0; i < draws; ++i) {
    const View view = draw_view({2, true, 0}, {8, 8, 1}, 7, 0, static_cast<std::uint64_t>(i));
    ++count[{view.dy, view.dx, view.flip}];
  }
  ASSERT_EQ(count.size(), 50u);
  double chi_squared = 0;
  for (const auto& [view, n] : count) chi_squared += (n - 1000.0) * (n - 1000.0) / 1000.0;
  EXPECT_LT(chi_squared, 85.4);  // 49 degrees of freedom, one chance in a thousand
}

TEST(DrawView, CutIsASquareClippedAtTheBorder) {
  bool whole = false, clipped = false;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const View view = draw_view({0, false, 4}, {10, 6, 1}, 7, 0, i);
    EXPECT_GE(view.cut_top, 0);
    EXPECT_LE(view.cut_bottom, 10);
    EXPECT_GE(view.cut_left, 0);
    EXPECT_LE(view.cut_right, 6);
    const std::int64_t height = view.cut_bottom - view.cut_top, width = view.cut_right - view.cut_left;
    EXPECT_TRUE(height >= 2 && height <= 4 && width >= 2 && width <= 4);
    (height == 4 && width == 4 ? whole : clipped) = true;
  }
  EXPECT_TRUE(whole);
  EXPECT_TRUE(clipped);
}

}  // namespace
}  // namespace mj
