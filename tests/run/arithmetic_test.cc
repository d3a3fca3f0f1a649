// SPDX-License-Identifier: Apache-2.0

// The runtime's fixed-point arithmetic on the host: both forms of the high product against 128-bit integers, scaling against
// the evaluator's.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "mj/base/random.h"
#include "mj/ir/requantize.h"

extern "C" {
#include "mj_arithmetic.h"
#include "mj_high_multiply16.h"
#include "mj_port_generic.h"
}

namespace mj {
namespace {

std::uint32_t product16(std::uint16_t a, std::uint16_t b) { return std::uint32_t{a} * b; }
MJ_DEFINE_HIGH_MULTIPLY16(high_multiply16, product16)

std::int32_t floor_of_half_up(std::int32_t a, std::int32_t b) {
  const __int128 doubled = __int128{a} * b + (__int128{1} << 30);
  return static_cast<std::int32_t>(doubled >> 31);  // towards minus infinity
}

std::vector<std::int32_t> edges() {
  std::vector<std::int32_t> values;
  for (int bit = 0; bit < 32; ++bit) {
    for (int offset = -2; offset <= 2; ++offset) {
      const std::uint32_t value = (std::uint32_t{1} << bit) + static_cast<std::uint32_t>(offset);
      values.push_back(static_cast<std::int32_t>(value));
      values.push_back(static_cast<std::int32_t>(~value));
    }
  }
  values.push_back(std::numeric_limits<std::int32_t>::max());
  return values;
}

constexpr std::int32_t kLowest = std::numeric_limits<std::int32_t>::min();

TEST(HighMultiply, BothFormsAgreeOnAllPairsOfEdges) {
  for (const std::int32_t a : edges()) {
    for (const std::int32_t b : edges()) {
      if (a == kLowest && b == kLowest) {
        continue;  // does not fit, and no caller has it
      }
      const std::int32_t expected = floor_of_half_up(a, b);
      ASSERT_EQ(mj_high_multiply(a, b), expected) << a << " * " << b;
      ASSERT_EQ(high_multiply16(a, b), expected) << a << " * " << b;
    }
  }
}

TEST(HighMultiply, BothFormsAgreeOnRandomNumbers) {
  RandomStream random(31);
  for (int i = 0; i < 2000000; ++i) {
    const std::uint64_t bits = random.next();
    // Numbers of every size, some with an empty lower half.
    const auto a = static_cast<std::int32_t>(bits) >> (bits % 31);
    auto b = static_cast<std::int32_t>(bits >> 32);
    if (i % 8 == 0) {
      b &= ~0xffff;
    }
    const std::int32_t expected = floor_of_half_up(a, b);
    ASSERT_EQ(mj_high_multiply(a, b), expected) << "seed 31: " << a << " * " << b;
    ASSERT_EQ(high_multiply16(a, b), expected) << "seed 31: " << a << " * " << b;
    ASSERT_EQ(high_multiply16(b, a), expected) << "seed 31: " << b << " * " << a;
  }
}

TEST(RoundShift, RoundsTiesAwayFromZero) {
  for (const std::int32_t x : edges()) {
    if (x == kLowest || x == std::numeric_limits<std::int32_t>::max()) {
      continue;  // no product with a multiplier below 1 comes there
    }
    for (int shift = 0; shift < 32; ++shift) {
      // |x| + half, truncated, with the sign put back.
      const std::int64_t magnitude = x < 0 ? -std::int64_t{x} : x;
      const std::int64_t half = shift == 0 ? 0 : std::int64_t{1} << (shift - 1);
      const std::int64_t rounded = (magnitude + half) >> shift;
      ASSERT_EQ(mj_round_shift(x, static_cast<std::int8_t>(shift)), x < 0 ? -rounded : rounded) << x << " >> " << shift;
    }
  }
}

TEST(Scale, IsTheEvaluators) {
  RandomStream random(37);
  for (int i = 0; i < 1000000; ++i) {
    const std::uint64_t bits = random.next();
    const auto x = static_cast<std::int32_t>(bits) >> (bits % 31);
    const auto multiplier = static_cast<std::int32_t>((bits >> 32) & 0x7fffffff);
    const auto shift = static_cast<std::int32_t>(random.below(62)) - 31;
    ASSERT_EQ(mj_scale(x, multiplier, static_cast<std::int8_t>(shift)),
              multiply(x, {multiplier, shift}, Rounding::kDouble))
        << "seed 37: " << x << " * " << multiplier << " * 2^" << shift;
  }
}

TEST(Saturate, NeverOverflows) {
  const auto saturated = [](std::int32_t x, int zero, int low, int high) {
    const mj_output out{static_cast<std::int16_t>(zero), static_cast<std::int16_t>(low), static_cast<std::int16_t>(high)};
    return mj_saturate(x, &out);
  };
  for (const std::int32_t x : edges()) {
    for (const int zero : {-128, -5, 0, 127}) {
      const std::int64_t expected = std::min<std::int64_t>(std::max<std::int64_t>(std::int64_t{x} + zero, -100), 90);
      ASSERT_EQ(saturated(x, zero, -100, 90), expected) << x << " + " << zero;
    }
  }
  for (int zero = -128; zero <= 127; ++zero) {
    for (int x = -600; x <= 600; ++x) {
      ASSERT_EQ(saturated(x, zero, -128, 127), std::min(std::max(x + zero, -128), 127));
    }
  }
}

}  // namespace
}  // namespace mj
