// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/fixed_functions.h"

#include <algorithm>
#include <array>
#include <bit>

namespace mj {
namespace {

constexpr std::int32_t kOne = std::numeric_limits<std::int32_t>::max();  // 1 in Q0.31, as near as it gets

std::int32_t product(std::int32_t a, std::int32_t b) { return rounding_doubling_high_multiply(a, b); }

std::int32_t saturating_shift_left(std::int32_t x, int shift) {
  const std::int64_t wide = std::int64_t{x} << shift;
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(wide, std::numeric_limits<std::int32_t>::min(), kOne));
}

// exp(x) for x in [-1/4, 0): four terms of the Taylor series around -1/8.
std::int32_t exp_near_eighth(std::int32_t x) {
  constexpr std::int32_t kExpOfMinusEighth = 1895147668;
  constexpr std::int32_t kThird = 715827883;
  const std::int32_t t = x + (1 << 28);
  const std::int32_t t2 = product(t, t);
  const std::int32_t t3 = product(t2, t);
  const std::int32_t t4_over_4 = rounding_shift_right(product(t2, t2), 2);
  const std::int32_t higher = rounding_shift_right(product(t4_over_4 + t3, kThird) + t2, 1);
  return kExpOfMinusEighth + product(kExpOfMinusEighth, t + higher);
}

// 1 / ((1 + x) / 2) in Q2.29 by three Newton-Raphson steps; x in Q0.31 within (0, 1).
std::int32_t reciprocal_of_half_sum(std::int32_t x) {
  constexpr std::int32_t kOneInQ2 = 1 << 29;
  constexpr std::int32_t k48Over17 = 1515870810;        // Q2.29
  constexpr std::int32_t kMinus32Over17 = -1010580540;  // Q2.29
  const std::int64_t sum = std::int64_t{x} + kOne;
  const auto half = static_cast<std::int32_t>((sum + (sum >= 0 ? 1 : -1)) / 2);
  std::int32_t estimate = k48Over17 + product(half, kMinus32Over17);
  for (int step = 0; step < 3; ++step) {
    const std::int32_t error = kOneInQ2 - product(half, estimate);
    estimate += saturating_shift_left(product(estimate, error), 2);  // Q4 back to Q2
  }
  return estimate;
}

}  // namespace

std::int32_t fixed_exp(std::int32_t x, int integer_bits) {
  if (x == 0) {
    return kOne;
  }
  const int fraction_bits = 31 - integer_bits;
  const std::int32_t quarter = 1 << (fraction_bits - 2);
  const std::int32_t within_quarter = (x & (quarter - 1)) - quarter;  // x modulo 1/4, in [-1/4, 0)
  std::int32_t result = exp_near_eighth(saturating_shift_left(within_quarter, integer_bits));
  const std::int32_t rest = within_quarter - x;  // a multiple of 1/4, taken off bit by bit
  struct Factor {
    int exponent;
    std::int32_t value;  // exp(-2^exponent), Q0.31
  };
  constexpr std::array<Factor, 7> kFactors{
      {{-2, 1672461947}, {-1, 1302514674}, {0, 790015084}, {1, 290630308}, {2, 39332535}, {3, 720401}, {4, 242}}};
  for (const auto [exponent, value] : kFactors) {
    if (exponent < integer_bits && (rest & (1 << (fraction_bits + exponent))) != 0) {
      result = product(result, value);
    }
  }
  return result;
}

std::int32_t fixed_one_over_one_plus(std::int32_t x) {
  // Half of the reciprocal of the half sum: Q2.29 read as Q1.30, then widened to Q0.31.
  return saturating_shift_left(reciprocal_of_half_sum(x), 1);
}

std::int32_t fixed_logistic(std::int32_t x) {
  if (x == 0) {
    return 1 << 30;
  }
  const std::int32_t of_magnitude = fixed_one_over_one_plus(fixed_exp(x > 0 ? -x : x, 4));
  return x > 0 ? of_magnitude : kOne - of_magnitude;
}

std::int32_t fixed_tanh(std::int32_t x) {
  if (x == 0) {
    return 0;
  }
  // (1 - e) / (1 + e) = 2 / (1 + e) - 1 with e = exp(-2|x|); Q4 of x read as Q5 is 2x.
  const std::int32_t reciprocal = reciprocal_of_half_sum(fixed_exp(x < 0 ? x : -x, 5));
  const std::int32_t of_magnitude = saturating_shift_left(reciprocal - (1 << 29), 2);
  return x < 0 ? -of_magnitude : of_magnitude;
}

FixedReciprocal fixed_reciprocal(std::int32_t x, int integer_bits) {
  const int headroom = std::countl_zero(static_cast<std::uint32_t>(x));
  const std::uint32_t normalised = static_cast<std::uint32_t>(x) << headroom;  // in [1, 2) as Q1.31
  const auto above_one = static_cast<std::int32_t>(normalised - (std::uint32_t{1} << 31));
  return {fixed_one_over_one_plus(above_one), integer_bits - headroom};
}

}  // namespace mj
