// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/requantize.h"

#include <cmath>
#include <limits>

#include "mj/base/error.h"
#include "mj/ir/fixed_functions.h"

namespace mj {

FixedPoint fixed_point(double factor) {
  MJ_CHECK(std::isfinite(factor) && factor >= 0);
  if (factor == 0) {
    return {0, 0};
  }
  int exponent = 0;
  const double fraction = std::frexp(factor, &exponent);  // in [1/2, 1)
  auto multiplier = static_cast<std::int64_t>(std::round(fraction * 2147483648.0));
  if (multiplier == std::int64_t{1} << 31) {
    multiplier /= 2;
    ++exponent;
  }
  // Every bit would be shifted out; a shift of more than 31 is not defined, so such factors become zero.
  if (exponent < -31) {
    return {0, 0};
  }
  return {static_cast<std::int32_t>(multiplier), exponent};
}

std::int32_t multiply(std::int32_t x, FixedPoint factor, Rounding rounding) {
  if (rounding == Rounding::kSingle) {
    const int shift = 31 - factor.shift;
    const std::int64_t product = std::int64_t{x} * factor.multiplier + (std::int64_t{1} << (shift - 1));
    return static_cast<std::int32_t>(product >> shift);
  }
  const int left = factor.shift > 0 ? factor.shift : 0;
  // Unsigned, so that an overflow wraps as it does in the compiled reference instead of being undefined.
  const auto shifted = static_cast<std::int32_t>(static_cast<std::uint32_t>(x) << left);
  return rounding_shift_right(rounding_doubling_high_multiply(shifted, factor.multiplier), left - factor.shift);
}

}  // namespace mj
