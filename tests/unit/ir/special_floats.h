// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>

namespace mj {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

}  // namespace mj
