// SPDX-License-Identifier: Apache-2.0
#include "mj/learn/augment.h"

#include "mj/base/error.h"
#include "mj/base/random.h"
#include "mj/learn/streams.h"

namespace mj {

View draw_view(const Augmentation& augmentation, const Shape& image, std::uint64_t seed, std::uint64_t epoch,
               std::uint64_t sample) {
  RandomStream stream(seed, epoch, sample, kAugmentStream);
  View view;
  if (augmentation.crop_pad > 0) {
    const auto offsets = static_cast<std::uint64_t>(2 * augmentation.crop_pad + 1);
    view.dy = static_cast<std::int64_t>(stream.below(offsets)) - augmentation.crop_pad;
    view.dx = static_cast<std::int64_t>(stream.below(offsets)) - augmentation.crop_pad;
  }
  if (augmentation.flip) view.flip = stream.next() >> 63 != 0;
  if (augmentation.cutout > 0) {
    const auto range = [&](std::int64_t size, std::int64_t& begin, std::int64_t& end) {
      const auto centre = static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(size)));
      begin = std::max<std::int64_t>(centre - augmentation.cutout / 2, 0);
      end = std::min<std::int64_t>(centre - augmentation.cutout / 2 + augmentation.cutout, size);
    };
    range(image[0], view.cut_top, view.cut_bottom);
    range(image[1], view.cut_left, view.cut_right);
  }
  return view;
}

std::vector<View> draw_views(const Augmentation& augmentation, const Shape& image, std::uint64_t seed, std::int64_t epoch,
                             std::span<const std::int64_t> samples) {
  if (!augmentation.any()) return {};
  if (image.size() != 3) {
    fail("augmentation needs images of height x width x channels; samples are {}", shape_text(image));
  }
  std::vector<View> views;
  views.reserve(samples.size());
  for (std::int64_t sample : samples) {
    views.push_back(draw_view(augmentation, image, seed, static_cast<std::uint64_t>(epoch), static_cast<std::uint64_t>(sample)));
  }
  return views;
}

}  // namespace mj
