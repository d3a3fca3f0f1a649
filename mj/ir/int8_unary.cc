// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "mj/base/error.h"
#include "mj/base/text.h"
#include "mj/ir/fixed_functions.h"
#include "mj/ir/int8.h"

namespace mj {
namespace {

std::int8_t saturate(std::int64_t q, Int8Limits limits = {}) {
  return static_cast<std::int8_t>(std::min<std::int64_t>(std::max<std::int64_t>(q, limits.low), limits.high));
}

template <class Function>
Int8Table tabulate(Function&& function) {
  Int8Table table;
  for (std::int32_t q = -128; q <= 127; ++q) {
    table[static_cast<std::size_t>(q + 128)] = function(q);
  }
  return table;
}

void expect_output(const Affine& y, const Affine& expected) {
  if (y != expected) {
    fail("output has scale {} and zero point {}; expected {} and {}", float_text(y.scale), y.zero_point,
         float_text(expected.scale), expected.zero_point);
  }
}

// Sigmoid and tanh see their input in Q4.27, beyond whose range they have reached their limits.
struct Q4Input {
  FixedPoint factor;
  double radius;

  explicit Q4Input(const Affine& x) {
    constexpr double kUnit = 134217728;  // 2^27
    factor = fixed_point(static_cast<double>(x.scale) * kUnit);
    radius = std::floor(std::ldexp(15 * kUnit, -factor.shift));
  }
};

template <class Function>
std::int8_t saturating_at_limits(const Q4Input& input, std::int32_t x, Rounding rounding, Function&& function) {
  if (x <= -input.radius) {
    return -128;
  }
  if (x >= input.radius) {
    return 127;
  }
  return function(multiply(x, input.factor, rounding));
}

// int16 arithmetic of the hard-swish kernel.
std::int16_t rounding_doubling_high_multiply16(std::int16_t a, std::int16_t b) {
  if (a == b && a == std::numeric_limits<std::int16_t>::min()) {
    return std::numeric_limits<std::int16_t>::max();
  }
  return static_cast<std::int16_t>((std::int32_t{a} * b + (1 << 14)) >> 15);
}

std::int16_t truncating_doubling_high_multiply16(std::int16_t a, std::int16_t b) {
  if (a == b && a == std::numeric_limits<std::int16_t>::min()) {
    return std::numeric_limits<std::int16_t>::max();
  }
  return static_cast<std::int16_t>(std::int32_t{a} * b / (1 << 15));
}

std::int16_t saturating_shift_left16(std::int16_t x, int shift) {
  const std::int64_t wide = static_cast<std::int64_t>(x) * (std::int64_t{1} << shift);
  return static_cast<std::int16_t>(std::clamp<std::int64_t>(wide, -32768, 32767));
}

std::int16_t multiplier16(const FixedPoint& factor) {
  constexpr std::int32_t kHalf = 1 << 15;
  if (factor.multiplier >= std::numeric_limits<std::int32_t>::max() - kHalf) {
    return std::numeric_limits<std::int16_t>::max();
  }
  return static_cast<std::int16_t>((factor.multiplier + kHalf) >> 16);
}

}  // namespace

Int8Table int8_table(const Clamp& op, const Affine& x, const Affine& y, Rounding rounding) {
  const FixedPoint factor = checked_factor(static_cast<double>(x.scale / y.scale));
  const Int8Limits limits = int8_limits(op.range, y);
  return tabulate([&](std::int32_t q) {
    return saturate(std::int64_t{y.zero_point} + multiply(q - x.zero_point, factor, rounding), limits);
  });
}

Int8Table int8_table(const LeakyRelu& op, const Affine& x, const Affine& y, Rounding rounding) {
  const FixedPoint positive = checked_factor(static_cast<double>(x.scale / y.scale));
  const double slope = static_cast<double>(x.scale * op.alpha / y.scale);
  const FixedPoint negative = checked_factor(std::abs(slope));
  return tabulate([&](std::int32_t q) {
    const std::int32_t value = q - x.zero_point;
    if (value >= 0) {
      return saturate(std::int64_t{y.zero_point} + multiply(value, positive, rounding));
    }
    const std::int64_t scaled = multiply(value, negative, rounding);
    return saturate(y.zero_point + (slope < 0 ? -scaled : scaled));
  });
}

Int8Table int8_table(const HardSigmoid& op, const Affine& x, const Affine& y, Rounding) {
  // No kernel of TFLite's; this is its recipe for functions by table, all in float.
  const float inverse_scale = 1 / y.scale;
  return tabulate([&](std::int32_t q) {
    const float real = x.scale * static_cast<float>(q - x.zero_point);
    const float value = std::min(std::max(op.alpha * real + op.beta, 0.0f), 1.0f);
    const double steps = static_cast<double>(std::round(value * inverse_scale)) + y.zero_point;
    return saturate(static_cast<std::int64_t>(std::clamp(steps, -1e9, 1e9)));
  });
}

Int8Table int8_table(const HardSwish&, const Affine& x, const Affine& y, Rounding) {
  const float fine_scale = (1.0f / 128.0f) * x.scale;
  const float gate_scale = 3.0f / 32768.0f;
  const FixedPoint output = checked_factor(static_cast<double>(fine_scale / y.scale));
  const FixedPoint gate = checked_factor(static_cast<double>(fine_scale / gate_scale));
  // Beyond these the kernel's 16-bit shifts have no meaning.
  if (output.shift > 0 || output.shift < -15) {
    fail("output scale {} does not suit input scale {}; expected a ratio between 2^-7 and 2^8", float_text(y.scale),
         float_text(x.scale));
  }
  if (gate.shift < -15) {
    fail("input scale {} is too small; expected at least 2e-07", float_text(x.scale));
  }
  const std::int16_t output_multiplier = multiplier16(output);
  const std::int16_t gate_multiplier = multiplier16(gate);
  return tabulate([&](std::int32_t q) {
    const auto fine = static_cast<std::int16_t>((q - x.zero_point) * (1 << 7));
    const std::int16_t scaled = rounding_doubling_high_multiply16(fine, output_multiplier);
    // The gate min(max(x + 3, 0), 6) / 6: first x / 3 in Q0.15, saturated, the last doubling after the product.
    std::int16_t value = fine;
    if (gate.shift > 0) {
      value = saturating_shift_left16(value, gate.shift - 1);
    }
    value = rounding_doubling_high_multiply16(value, gate_multiplier);
    if (gate.shift > 0) {
      value = saturating_shift_left16(value, 1);
    }
    if (gate.shift < 0) {
      value = static_cast<std::int16_t>(rounding_shift_right(value, -gate.shift));
    }
    value = static_cast<std::int16_t>((value + (1 << 15)) >> 1);
    const std::int16_t gated = truncating_doubling_high_multiply16(value, scaled);
    return saturate(std::int64_t{rounding_shift_right(gated, -output.shift)} + y.zero_point);
  });
}

Int8Table int8_table(const Sigmoid&, const Affine& x, const Affine& y, Rounding rounding) {
  expect_output(y, {1.0f / 256, -128});
  const Q4Input input(x);
  return tabulate([&](std::int32_t q) {
    return saturating_at_limits(input, q - x.zero_point, rounding, [](std::int32_t value) {
      return saturate(std::int64_t{rounding_shift_right(fixed_logistic(value), 31 - 8)} - 128);
    });
  });
}

Int8Table int8_table(const Tanh&, const Affine& x, const Affine& y, Rounding rounding) {
  expect_output(y, {1.0f / 128, 0});
  const Q4Input input(x);
  return tabulate([&](std::int32_t q) {
    return saturating_at_limits(input, q - x.zero_point, rounding, [](std::int32_t value) {
      return saturate(rounding_shift_right(fixed_tanh(value), 31 - 7));
    });
  });
}

Int8Table int8_table(const Quantize&, const Affine& x, const Affine& y, Rounding rounding) {
  const FixedPoint factor = requantize_factor(x, y);
  return tabulate([&](std::int32_t q) {
    return saturate(std::int64_t{multiply(q - x.zero_point, factor, rounding)} + y.zero_point);
  });
}

SoftmaxTable softmax_table(const Softmax& op, const Affine& x, const Affine& y, Rounding rounding) {
  expect_output(y, {1.0f / 256, -128});
  constexpr int kIntegerBits = 5;
  const double limit = rounding == Rounding::kSingle ? 1073741823.0 : 2147483647.0;
  const double steepness = static_cast<double>(op.beta) * static_cast<double>(x.scale);
  const double factor = std::min(steepness * (1 << (31 - kIntegerBits)), limit);
  if (!(factor > 1)) {
    fail("beta times the input scale is {}; expected more than 2^-26", number_text(steepness));
  }
  const FixedPoint fixed = fixed_point(factor);
  // Differences beyond this leave the format: their exponential counts as nothing.
  const double radius = std::floor(std::ldexp(31.0 * (1 << (31 - kIntegerBits)), -fixed.shift));
  SoftmaxTable table;
  for (std::int32_t distance = 0; distance <= 255 && distance <= radius; ++distance) {
    table.exp[static_cast<std::size_t>(distance)] = fixed_exp(multiply(-distance, fixed, rounding), kIntegerBits);
  }
  return table;
}

void int8_softmax(const SoftmaxTable& table, std::span<const std::int8_t> x, std::span<std::int8_t> y) {
  const std::int32_t largest = *std::max_element(x.begin(), x.end());
  std::int32_t sum = 0;
  for (const std::int8_t q : x) {
    sum += rounding_shift_right(table.exp[static_cast<std::size_t>(largest - q)], SoftmaxTable::kSumIntegerBits);
  }
  const FixedReciprocal reciprocal = fixed_reciprocal(sum, SoftmaxTable::kSumIntegerBits);
  const int exponent = reciprocal.bits_over_unit + 31 - 8;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::int32_t exp = table.exp[static_cast<std::size_t>(largest - x[i])];
    const std::int32_t probability = rounding_doubling_high_multiply(reciprocal.fraction, exp);
    y[i] = saturate(std::int64_t{rounding_shift_right(probability, exponent)} - 128);
  }
}

}  // namespace mj
