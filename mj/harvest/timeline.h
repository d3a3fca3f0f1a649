// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace mj {

/// What happened in one stretch of time.
struct TimelineBucket {
  double lowest_j = -1;  ///< stored energy; below 0: nothing recorded
  double highest_j = -1;
  double on_s = 0;
  double progress = 0;  ///< of the inference under way at the end of the stretch, 0 to 1
  std::int64_t answers = 0;
  std::int64_t correct = 0;
  std::int64_t cuts = 0;
};

/// A run in a fixed number of equal stretches; when time outgrows them, neighbours are merged and each lasts twice as long.
class Timeline {
 public:
  Timeline() : buckets_(kBuckets) {}

  /// Time goes on by `seconds`, with the stored energy at both ends.
  void pass(double seconds, double from_j, double to_j, bool on, double progress);
  void answer(bool correct);
  void cut() { ++at(now_).cuts; }

  double width_s() const { return width_; }
  /// The stretches up to now.
  std::vector<TimelineBucket> finish() const;

 private:
  static constexpr std::size_t kBuckets = 8192;

  TimelineBucket& at(double time);
  void widen();

  std::vector<TimelineBucket> buckets_;
  double width_ = 1e-3;
  double now_ = 0;
};

}  // namespace mj
