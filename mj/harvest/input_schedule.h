// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

namespace mj {

/// When inputs come: one every period, each lost when the next one comes before it is taken; without a period whenever one is
/// asked for.
class InputSchedule {
 public:
  explicit InputSchedule(double period_s) : period_s_(period_s) {}

  /// Takes the newest input that was not taken yet: when it came. Nothing when there is none; `next_s` says when there will be.
  std::optional<double> take(double now_s) {
    if (period_s_ <= 0) return now_s;
    auto index = static_cast<std::int64_t>(now_s / period_s_);
    // The last sleep may have ended a rounding error early.
    if (index < next_ && next_s() - now_s <= slack_s()) index = next_;
    if (index < next_) return std::nullopt;
    next_ = index + 1;
    return std::min(now_s, static_cast<double>(index) * period_s_);
  }
  double next_s() const { return static_cast<double>(next_) * period_s_; }
  /// An input counts as come so much before its time.
  double slack_s() const { return period_s_ * 1e-9; }

 private:
  double period_s_;
  std::int64_t next_ = 0;
};

}  // namespace mj
