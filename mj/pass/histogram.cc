// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "mj/base/error.h"

namespace mj {
namespace {

/// A limit and what it costs: the squared distance of all it clips, and how many those are.
struct Limit {
  double edge = 0;
  double clipped_error = 0;
  std::int64_t clipped = 0;
};

/// Every limit from the outermost inwards until more than `budget` elements are clipped or 0 is passed. `counts` and
/// distances start at the outermost bin.
template <class Count>
std::vector<Limit> limits(double outermost, double step, std::int64_t budget, int bins, Count&& count) {
  std::vector<Limit> result{{outermost, 0, 0}};
  // With n elements clipped whose distances to the edge sum to s and squared to q, an edge further by d adds 2 d s +
  // d^2 n.
  double sum = 0, square = 0;
  std::int64_t clipped = 0;
  for (int bin = 0; bin < bins; ++bin) {
    const double edge = outermost + step * (bin + 1);
    if (edge * step > 0) break;  // past 0
    const double d = std::abs(step);
    square += 2 * d * sum + d * d * static_cast<double>(clipped);
    sum += d * static_cast<double>(clipped);
    const std::int64_t n = count(bin);
    clipped += n;
    sum += static_cast<double>(n) * d / 2;
    square += static_cast<double>(n) * d * d / 4;
    if (clipped > budget) break;
    result.push_back({edge, square, clipped});
  }
  // Thin out, but keep the outermost.
  constexpr std::size_t kCandidates = 256;
  if (result.size() > kCandidates) {
    std::vector<Limit> thin;
    for (std::size_t i = 0; i < kCandidates; ++i) thin.push_back(result[i * (result.size() - 1) / (kCandidates - 1)]);
    result = std::move(thin);
  }
  return result;
}

}  // namespace

Histogram::Histogram(float low, float high)
    : low_(std::min(low, 0.0f)),
      high_(std::max(high, 0.0f)),
      width_((static_cast<double>(high_) - static_cast<double>(low_)) / kBins),
      counts_(kBins, 0) {}

void Histogram::add(std::span<const float> elements) {
  for (const float x : elements) {
    if (x == 0 || width_ == 0) {
      ++zeros_;
      continue;
    }
    const double bin = (static_cast<double>(x) - low_) / width_;
    ++counts_[static_cast<std::size_t>(std::clamp(bin, 0.0, kBins - 1.0))];
  }
}

void Histogram::merge(const Histogram& other) {
  MJ_CHECK(low_ == other.low_ && high_ == other.high_);
  zeros_ += other.zeros_;
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
}

Range Histogram::clipped_range(double share) const {
  const std::int64_t others = std::accumulate(counts_.begin(), counts_.end(), std::int64_t{0});
  const auto budget = static_cast<std::int64_t>(share * static_cast<double>(others + zeros_));
  const auto lows =
      limits(low_, width_, budget, kBins, [&](int bin) { return counts_[static_cast<std::size_t>(bin)]; });
  const auto highs = limits(high_, -width_, budget, kBins,
                            [&](int bin) { return counts_[static_cast<std::size_t>(kBins - 1 - bin)]; });

  Range best{low_, high_};
  double least = kInfinity;
  for (const Limit& low : lows) {
    for (const Limit& high : highs) {
      const double scale = (high.edge - low.edge) / 255;
      if (!(scale > 0)) continue;
      const auto inside = static_cast<double>(others - low.clipped - high.clipped);
      const double error = inside * scale * scale / 12 + low.clipped_error + high.clipped_error;
      if (error < least) {  // the widest of equals, for it comes first
        least = error;
        best = {static_cast<float>(low.edge), static_cast<float>(high.edge)};
      }
    }
  }
  return best;
}

}  // namespace mj
