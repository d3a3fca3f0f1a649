// SPDX-License-Identifier: Apache-2.0
#include "mj/harvest/timeline.h"

#include <algorithm>
#include <cmath>

namespace mj {
namespace {

void include(TimelineBucket& bucket, double energy_j) {
  bucket.highest_j = std::max(bucket.highest_j, energy_j);
  bucket.lowest_j = bucket.lowest_j < 0 ? energy_j : std::min(bucket.lowest_j, energy_j);
}

}  // namespace

TimelineBucket& Timeline::at(double time) {
  while (time >= width_ * static_cast<double>(kBuckets)) widen();
  return buckets_[static_cast<std::size_t>(time / width_)];
}

void Timeline::widen() {
  for (std::size_t i = 0; i < kBuckets / 2; ++i) {
    TimelineBucket merged = buckets_[2 * i];
    const TimelineBucket& later = buckets_[2 * i + 1];
    if (later.highest_j >= 0) {
      include(merged, later.lowest_j);
      include(merged, later.highest_j);
      merged.progress = later.progress;
    }
    merged.on_s += later.on_s;
    merged.answers += later.answers;
    merged.correct += later.correct;
    merged.cuts += later.cuts;
    buckets_[i] = merged;
  }
  std::fill(buckets_.begin() + kBuckets / 2, buckets_.end(), TimelineBucket{});
  width_ *= 2;
}

void Timeline::pass(double seconds, double from_j, double to_j, bool on, double progress) {
  const double start = now_, end = now_ + seconds;
  now_ = end;
  TimelineBucket& last = at(end);
  const auto first_index = static_cast<std::size_t>(start / width_), last_index = static_cast<std::size_t>(end / width_);
  if (first_index == last_index) {
    include(last, from_j);
    include(last, to_j);
    last.on_s += on ? seconds : 0;
    last.progress = progress;
    return;
  }
  // The course between is all but straight: such a step lies in one band of the power stage.
  double from = start, energy = from_j;
  for (std::size_t i = first_index; i <= last_index; ++i) {
    const double to = std::min(end, width_ * static_cast<double>(i + 1));
    const double reached = from_j + (to_j - from_j) * (seconds > 0 ? (to - start) / seconds : 1);
    include(buckets_[i], energy);
    include(buckets_[i], reached);
    buckets_[i].on_s += on ? to - from : 0;
    buckets_[i].progress = progress;
    from = to, energy = reached;
  }
}

void Timeline::answer(bool correct) {
  TimelineBucket& bucket = at(now_);
  ++bucket.answers;
  bucket.correct += correct ? 1 : 0;
}

std::vector<TimelineBucket> Timeline::finish() const {
  std::size_t used = static_cast<std::size_t>(std::min(std::ceil(now_ / width_), static_cast<double>(kBuckets)));
  return {buckets_.begin(), buckets_.begin() + static_cast<std::ptrdiff_t>(used)};
}

}  // namespace mj
