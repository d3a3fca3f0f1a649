// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "mj/ir/type.h"
#include "mj/learn/learn.h"

namespace mj {

/// What happens to one image: output (y, x) is the source's (y + dy, x + dx), mirrored when `flip`, zero outside; then
/// rows [cut_top, cut_bottom) x columns [cut_left, cut_right) become zero.
struct View {
  std::int64_t dy = 0, dx = 0;
  bool flip = false;
  std::int64_t cut_top = 0, cut_bottom = 0, cut_left = 0, cut_right = 0;

  bool operator==(const View&) const = default;
};

/// Draws a view by (seed, epoch, sample) alone. The crop is uniform over all offsets; the centre of the cut is uniform
/// over the image and the square is clipped at its borders (DeVries and Taylor, arXiv 1708.04552).
View draw_view(const Augmentation& augmentation, const Shape& image, std::uint64_t seed, std::uint64_t epoch,
               std::uint64_t sample);

/// The views of these samples in `epoch`; none when nothing is augmented. Throws `Error` when there is augmentation and the
/// samples are no images.
std::vector<View> draw_views(const Augmentation& augmentation, const Shape& image, std::uint64_t seed, std::int64_t epoch,
                             std::span<const std::int64_t> samples);

/// Writes the view of `source` {H,W,C} to `out`, every element turned into float by `convert(element, channel)`.
/// Zeros are converted too: a border is black before preprocessing, whatever the preprocessing is.
template <class Element, class Convert>
void apply_view(const View& view, const Shape& image, std::span<const Element> source, std::span<float> out,
                const Convert& convert) {
  const std::int64_t height = image[0], width = image[1], channels = image[2];
  const auto zero_row = [&](float* to, std::int64_t count) {
    for (std::int64_t x = 0; x < count; ++x) {
      for (std::int64_t c = 0; c < channels; ++c) *to++ = convert(Element{0}, c);
    }
  };
  const std::int64_t step = view.flip ? -channels : channels;
  // Columns of the output whose source is inside the image; mirrored output columns read right to left.
  const std::int64_t shift = view.flip ? -view.dx : view.dx;
  const std::int64_t first = std::clamp<std::int64_t>(-shift, 0, width);
  const std::int64_t last = std::clamp<std::int64_t>(width - shift, 0, width);
  for (std::int64_t y = 0; y < height; ++y) {
    float* row = out.data() + y * width * channels;
    const std::int64_t from_y = y + view.dy;
    if (from_y < 0 || from_y >= height) {
      zero_row(row, width);
      continue;
    }
    zero_row(row, first);
    zero_row(row + last * channels, width - last);
    const std::int64_t from_x = view.flip ? width - 1 - first + view.dx : first + view.dx;
    const Element* from = source.data() + (from_y * width + from_x) * channels;
    float* to = row + first * channels;
    for (std::int64_t x = first; x < last; ++x, from += step) {
      for (std::int64_t c = 0; c < channels; ++c) *to++ = convert(from[c], c);
    }
    if (y >= view.cut_top && y < view.cut_bottom) {
      zero_row(row + view.cut_left * channels, view.cut_right - view.cut_left);
    }
  }
}

}  // namespace mj
