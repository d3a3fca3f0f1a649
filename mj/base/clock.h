// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace mj {

/// Seconds on a clock that is never set.
inline double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace mj
