// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>

namespace mj {

// gemmlowp's fixed-point functions (fixedpoint/fixedpoint.h), on which TFLite's int8 kernels are built: the same
// results to the last bit. A number in Qm.n is an int32 that stands for raw / 2^n, with n = 31 - m.

/// a * b / 2^31 rounded to nearest, ties upwards; the one product that does not fit saturates.
inline std::int32_t rounding_doubling_high_multiply(std::int32_t a, std::int32_t b) {
  constexpr std::int32_t kLowest = std::numeric_limits<std::int32_t>::min();
  if (a == kLowest && b == kLowest) {
    return std::numeric_limits<std::int32_t>::max();
  }
  return static_cast<std::int32_t>((std::int64_t{a} * b + (std::int64_t{1} << 30)) >> 31);
}

/// x / 2^shift rounded to nearest, ties away from zero; shift in 0..31.
inline std::int32_t rounding_shift_right(std::int32_t x, int shift) {
  const std::int64_t mask = (std::int64_t{1} << shift) - 1;
  const std::int64_t remainder = x & mask;
  const std::int64_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return static_cast<std::int32_t>((std::int64_t{x} >> shift) + (remainder > threshold ? 1 : 0));
}

/// exp(x) in Q0.31 for x <= 0 in Q(integer_bits); integer_bits in 0..5.
std::int32_t fixed_exp(std::int32_t x, int integer_bits);

/// 1 / (1 + x) in Q0.31 for x in (0, 1), Q0.31.
std::int32_t fixed_one_over_one_plus(std::int32_t x);

/// 1 / (1 + exp(-x)) in Q0.31 for x in Q4.27.
std::int32_t fixed_logistic(std::int32_t x);

/// tanh(x) in Q0.31 for x in Q4.27.
std::int32_t fixed_tanh(std::int32_t x);

/// A reciprocal split into a fraction and a power of two: 1 / x = fraction * 2^-bits_over_unit.
struct FixedReciprocal {
  std::int32_t fraction = 0;  ///< Q0.31, in [1/2, 1]
  int bits_over_unit = 0;
};

/// The reciprocal of x > 0 in Q(integer_bits).
FixedReciprocal fixed_reciprocal(std::int32_t x, int integer_bits);

}  // namespace mj
