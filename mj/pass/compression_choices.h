// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mj/base/units.h"

namespace mj {

// Shares of channels a group may keep, of elements a layer may keep, of its rank.
inline constexpr double kWidths[] = {1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25};
inline constexpr double kDensities[] = {1, 0.7, 0.5, 0.35, 0.25, 0.18, 0.125, 0.09, 0.06, 0.045, 0.03, 0.02, 0.01};
inline constexpr double kRankShares[] = {0.5, 0.375, 0.25, 0.125};
inline constexpr double kFactorDensities[] = {1, 0.5, 0.25, 0.125, 0.06};

inline constexpr Bytes kChannelBytes = 4 + 4 + 1;  // bias, multiplier and shift of an output channel
inline constexpr Bytes kBiasBytes = 4;
// What each factor has that is not the last: multiplier and shift of all its channels, and what describes its call.
inline constexpr Bytes kOneFactorBytes = 4 + 4;
inline constexpr Bytes kConvFactorBytes = kOneFactorBytes + 52, kLinearFactorBytes = kOneFactorBytes + 26;

}  // namespace mj
