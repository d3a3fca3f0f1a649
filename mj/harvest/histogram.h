// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace mj {

/// Counts of positive numbers in bins that are equally wide on a logarithmic scale; memory does not grow with the counts.
class LogHistogram {
 public:
  /// Twenty bins per factor of ten.
  static constexpr int kPerDecade = 20;

  void add(double value);
  std::int64_t count() const { return count_; }
  double mean() const { return count_ > 0 ? sum_ / static_cast<double>(count_) : 0; }
  double largest() const { return largest_; }
  /// The value below which `share` of the counts lie, to the width of a bin (12 %); 0 when there are none.
  double quantile(double share) const;

  struct Bin {
    double low = 0, high = 0;
    std::int64_t count = 0;
  };
  /// From the first bin that holds something to the last.
  std::vector<Bin> bins() const;

 private:
  static constexpr int kLowestDecade = -6, kHighestDecade = 9;

  std::vector<std::int64_t> counts_ = std::vector<std::int64_t>((kHighestDecade - kLowestDecade) * kPerDecade);
  std::int64_t count_ = 0;
  double sum_ = 0;
  double largest_ = 0;
};

}  // namespace mj
