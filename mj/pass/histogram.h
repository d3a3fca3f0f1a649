// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "mj/ir/ops.h"

namespace mj {

/// How often the elements of an activation fall into equal bins of [low, high]; sums of counts do not depend on the
/// order.
class Histogram {
 public:
  static constexpr int kBins = 2048;

  /// The interval is widened to include 0, as every quantisation's is.
  Histogram(float low, float high);

  void add(std::span<const float> elements);
  void merge(const Histogram& other);

  /// The limits around 0 with the smallest expected squared error of 8-bit quantisation among those that clip at most
  /// `share` of the elements on either side.
  ///
  /// An element inside costs scale^2/12, the variance of rounding, scale = (high - low)/255; one outside costs its
  /// squared distance to the limit, taken at its bin's centre. Exact zeros cost nothing, since 0 is always a code:
  /// behind a ReLU they are half of all, and counting them would favour limits that are too narrow. Candidates are the
  /// bin edges, at most 256 of them per side, so a limit is found to 1/256 of what may be clipped.
  Range clipped_range(double share) const;

 private:
  float low_, high_;
  double width_;  ///< of a bin
  std::int64_t zeros_ = 0;
  std::vector<std::int64_t> counts_;
};

}  // namespace mj
