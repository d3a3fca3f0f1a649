// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/requantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

#include "mj/base/random.h"
#include "mj/ir/fixed_functions.h"

namespace mj {
namespace {

constexpr std::int32_t kMax = std::numeric_limits<std::int32_t>::max();
constexpr std::int32_t kMin = std::numeric_limits<std::int32_t>::min();

// floor(numerator / 2^bits), by division of a non-negative number so that no shift of negatives is involved.
std::int64_t floor_shift(__int128 numerator, int bits) {
  const __int128 divisor = static_cast<__int128>(1) << bits;
  __int128 quotient = numerator / divisor;
  if (numerator % divisor < 0) --quotient;
  return static_cast<std::int64_t>(quotient);
}

TEST(FixedPoint, NormalisesTheMultiplier) {
  // The first five are in TFLite Micro's own test (micro/kernels/quantization_util_test.cc, QuantizeMultiplierArray).
  EXPECT_EQ(fixed_point(0.125), (FixedPoint{1073741824, -2}));
  EXPECT_EQ(fixed_point(0.25), (FixedPoint{1073741824, -1}));
  EXPECT_EQ(fixed_point(0.5), (FixedPoint{1073741824, 0}));
  EXPECT_EQ(fixed_point(1), (FixedPoint{1073741824, 1}));
  EXPECT_EQ(fixed_point(4), (FixedPoint{1073741824, 3}));
  EXPECT_EQ(fixed_point(0.1), (FixedPoint{1717986918, -3}));
  EXPECT_EQ(fixed_point(1.25), (FixedPoint{1342177280, 1}));
  EXPECT_EQ(fixed_point(1e6), (FixedPoint{2048000000, 20}));
}

TEST(FixedPoint, HandlesTheEnds) {
  EXPECT_EQ(fixed_point(0), (FixedPoint{0, 0}));
  EXPECT_EQ(fixed_point(std::ldexp(1.0, -33)), (FixedPoint{0, 0}));
  EXPECT_EQ(fixed_point(std::ldexp(1.0, -32)), (FixedPoint{1 << 30, -31}));
  // A fraction that rounds up to 1 moves into the exponent.
  EXPECT_EQ(fixed_point(1 - std::ldexp(1.0, -40)), (FixedPoint{1 << 30, 1}));
}

TEST(FixedPoint, IsWithinHalfAStepOfTheFactor) {
  constexpr std::uint64_t kSeed = 1;
  RandomStream random(kSeed);
  for (int i = 0; i < 100000; ++i) {
    const double factor = std::ldexp(0.5 + random.uniform() / 2, static_cast<int>(random.below(60)) - 30);
    const FixedPoint fixed = fixed_point(factor);
    ASSERT_GE(fixed.multiplier, 1 << 30) << "seed " << kSeed << " case " << i;
    const double step = std::ldexp(1.0, fixed.shift - 31);
    ASSERT_LE(std::abs(fixed.multiplier * step - factor), step / 2) << "seed " << kSeed << " case " << i;
  }
}

TEST(Multiply, RoundsTwiceByDefault) {
  // 5 * 0.5 = 2.5 and -2.5: the multiply rounds ties upwards.
  EXPECT_EQ(multiply(5, fixed_point(0.5), Rounding::kDouble), 3);
  EXPECT_EQ(multiply(-5, fixed_point(0.5), Rounding::kDouble), -2);
  // 10 * 0.25 = 2.5 exactly after the multiply (5), then the shift rounds ties away from zero.
  EXPECT_EQ(multiply(10, fixed_point(0.25), Rounding::kDouble), 3);
  EXPECT_EQ(multiply(-10, fixed_point(0.25), Rounding::kDouble), -3);
  // 9 * 0.25 = 2.25, but 4.5 becomes 5 first and then 2.5 becomes 3: the second rounding shows.
  EXPECT_EQ(multiply(9, fixed_point(0.25), Rounding::kDouble), 3);
  EXPECT_EQ(multiply(9, fixed_point(0.25), Rounding::kSingle), 2);
  EXPECT_EQ(multiply(-10, fixed_point(0.25), Rounding::kSingle), -2);
  EXPECT_EQ(multiply(7, fixed_point(3), Rounding::kDouble), 21);
  EXPECT_EQ(multiply(7, fixed_point(3), Rounding::kSingle), 21);
  EXPECT_EQ(multiply(12345, fixed_point(0), Rounding::kDouble), 0);
}

TEST(Multiply, MatchesItsDefinitionInWiderArithmetic) {
  constexpr std::uint64_t kSeed = 2;
  RandomStream random(kSeed);
  for (int i = 0; i < 300000; ++i) {
    const FixedPoint factor{static_cast<std::int32_t>((1 << 30) + random.below(1u << 30)),
                            static_cast<std::int32_t>(random.below(40)) - 31};
    const int room = factor.shift > 0 ? factor.shift : 0;
    const auto x =
        static_cast<std::int32_t>(static_cast<std::int64_t>(random.next()) >> (33 + room + random.below(20)));
    const __int128 product = static_cast<__int128>(x) * factor.multiplier;

    // double: floor(x * 2^left * m / 2^31 + 1/2), then nearest with ties away from zero.
    const std::int64_t first =
        floor_shift((product << (factor.shift > 0 ? factor.shift : 0)) + (__int128{1} << 30), 31);
    const std::int64_t twice =
        std::llround(std::ldexp(static_cast<double>(first), factor.shift < 0 ? factor.shift : 0));
    ASSERT_EQ(multiply(x, factor, Rounding::kDouble), twice)
        << "seed " << kSeed << " x " << x << " m " << factor.multiplier << " shift " << factor.shift;

    // single: floor(x * m * 2^(shift - 31) + 1/2).
    const std::int64_t once = floor_shift(product + (__int128{1} << (30 - factor.shift)), 31 - factor.shift);
    ASSERT_EQ(multiply(x, factor, Rounding::kSingle), once)
        << "seed " << kSeed << " x " << x << " m " << factor.multiplier << " shift " << factor.shift;
  }
}

TEST(FixedFunctions, HighMultiplySaturatesTheOneOverflow) {
  EXPECT_EQ(rounding_doubling_high_multiply(kMin, kMin), kMax);
  EXPECT_EQ(rounding_doubling_high_multiply(kMin, kMax), -kMax);
  EXPECT_EQ(rounding_doubling_high_multiply(kMax, kMax), kMax - 1);
}

TEST(FixedFunctions, ShiftRoundsTiesAwayFromZero) {
  EXPECT_EQ(rounding_shift_right(5, 1), 3);
  EXPECT_EQ(rounding_shift_right(-5, 1), -3);
  EXPECT_EQ(rounding_shift_right(-7, 2), -2);
  EXPECT_EQ(rounding_shift_right(kMax, 31), 1);
  EXPECT_EQ(rounding_shift_right(kMin, 31), -1);
  EXPECT_EQ(rounding_shift_right(kMin, 0), kMin);
  EXPECT_EQ(rounding_shift_right(1 << 30, 31), 1);
  EXPECT_EQ(rounding_shift_right(-(1 << 30), 31), -1);
}

double q31(std::int32_t raw) { return std::ldexp(static_cast<double>(raw), -31); }

TEST(FixedFunctions, ApproximateTheRealOnes) {
  constexpr std::uint64_t kSeed = 3;
  RandomStream random(kSeed);
  for (int i = 0; i < 100000; ++i) {
    const auto x = static_cast<std::int32_t>(random.next() >> 32) & kMax;
    for (const int bits : {0, 4, 5}) {
      const double real = std::ldexp(-static_cast<double>(x), bits - 31);
      ASSERT_NEAR(q31(fixed_exp(-x, bits)), std::exp(real), 5e-7) << "seed " << kSeed << " x " << -x;
    }
    ASSERT_NEAR(q31(fixed_one_over_one_plus(x)), 1 / (1 + q31(x)), 5e-9) << "seed " << kSeed << " x " << x;
    const std::int32_t signed_x = i % 2 == 0 ? x : -x;
    const double real = std::ldexp(static_cast<double>(signed_x), -27);
    ASSERT_NEAR(q31(fixed_logistic(signed_x)), 1 / (1 + std::exp(-real)), 5e-7) << "seed " << kSeed;
    ASSERT_NEAR(q31(fixed_tanh(signed_x)), std::tanh(real), 1e-6) << "seed " << kSeed;
    if (x > 0) {
      const FixedReciprocal reciprocal = fixed_reciprocal(x, 12);
      const double value = std::ldexp(static_cast<double>(x), -19);
      ASSERT_NEAR(std::ldexp(q31(reciprocal.fraction), -reciprocal.bits_over_unit) * value, 1, 1e-8)
          << "seed " << kSeed << " x " << x;
    }
  }
}

}  // namespace
}  // namespace mj
