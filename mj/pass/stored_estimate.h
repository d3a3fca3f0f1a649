// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "mj/ir/encoding.h"

namespace mj {

/// Rows of a weight that stand for all when its encoded size is estimated.
inline constexpr std::size_t kSampledRows = 16;

/// What a weight takes and asks for, as `choose_encodings` will store it.
struct Stored {
  double bytes = 0, values = 0, symbols = 0;
  Encoding encoding;
};

/// Of a weight of `rows` rows with these elements not zero in the sampled rows.
Stored stored_estimate(const std::vector<std::int8_t>& sample, std::size_t sampled, std::size_t rows, int bits);

/// The same for a pattern of zeros of this density, spread as by chance.
Stored random_pattern(std::size_t rows, std::size_t columns, double density, int bits);

}  // namespace mj
