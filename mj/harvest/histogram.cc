// SPDX-License-Identifier: Apache-2.0
#include "mj/harvest/histogram.h"

#include <algorithm>
#include <cmath>

namespace mj {

void LogHistogram::add(double value) {
  const double place = value > 0 ? (std::log10(value) - kLowestDecade) * kPerDecade : 0;
  const auto bin = static_cast<std::size_t>(std::clamp(std::floor(place), 0.0, static_cast<double>(counts_.size() - 1)));
  ++counts_[bin];
  ++count_;
  sum_ += value;
  largest_ = std::max(largest_, value);
}

std::vector<LogHistogram::Bin> LogHistogram::bins() const {
  std::vector<Bin> out;
  const auto edge = [](std::size_t i) { return std::pow(10, kLowestDecade + static_cast<double>(i) / kPerDecade); };
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] == 0 && out.empty()) continue;
    out.push_back({edge(i), edge(i + 1), counts_[i]});
  }
  while (!out.empty() && out.back().count == 0) out.pop_back();
  return out;
}

double LogHistogram::quantile(double share) const {
  double wanted = share * static_cast<double>(count_);
  for (const Bin& bin : bins()) {
    const auto n = static_cast<double>(bin.count);
    if (wanted <= n) return std::min(largest_, bin.low * std::pow(bin.high / bin.low, n > 0 ? wanted / n : 0));
    wanted -= n;
  }
  return largest_;
}

}  // namespace mj
