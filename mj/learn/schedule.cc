// SPDX-License-Identifier: Apache-2.0
#include "mj/learn/schedule.h"

#include <cmath>
#include <numbers>

namespace mj {

double Schedule::at(std::int64_t step) const {
  if (step < warmup) return peak * static_cast<double>(step + 1) / static_cast<double>(warmup);
  const double progress = static_cast<double>(step - warmup) / static_cast<double>(steps - warmup);
  return least + (peak - least) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
}

}  // namespace mj
