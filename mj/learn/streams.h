// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace mj {

// The last word of the key of each random stream of training, so that no two share numbers.
inline constexpr std::uint64_t kShuffleStream = 1;
inline constexpr std::uint64_t kAugmentStream = 2;
inline constexpr std::uint64_t kExitStream = 3;
inline constexpr std::uint64_t kFisherStream = 4;

}  // namespace mj
