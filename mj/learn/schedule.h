// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace mj {

/// The learning rate of a training, step by step: linear warm-up to the peak, then half a cosine to
/// `least` (Loshchilov and Hutter, SGDR, ICLR 2017, without restarts).
struct Schedule {
  double peak = 0.1;
  std::int64_t steps = 1;   ///< of the whole training
  std::int64_t warmup = 0;  ///< steps of it that rise: step i < warmup has peak * (i + 1) / warmup
  double least = 0;         ///< where it ends

  double at(std::int64_t step) const;
};

}  // namespace mj
