// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/int8.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "mj/base/error.h"
#include "mj/base/text.h"

namespace mj {
namespace {

// TFLite's kernels for sums take factors below one only.
FixedPoint factor_below_one(double factor) {
  const FixedPoint fixed = checked_factor(factor);
  if (fixed.shift > 0) {
    fail("output scale is too small for its inputs: the sum would be multiplied by {}; expected less than 1",
         number_text(factor));
  }
  return fixed;
}

// round(real / scale) + zero point in float, as TFLite's CalculateActivationRangeQuantized, without overflow.
std::int32_t quantized_limit(float real, const Affine& y) {
  const float steps = std::round(real / y.scale);
  if (std::isnan(steps)) {
    fail("limit {} of the activation is not a number", float_text(real));
  }
  return static_cast<std::int32_t>(std::clamp(static_cast<double>(steps) + y.zero_point, -1e9, 1e9));
}

}  // namespace

FixedPoint checked_factor(double factor) {
  if (!std::isfinite(factor) || factor < 0) {
    fail("requantisation factor {} is not a finite positive number; check the scales", number_text(factor));
  }
  const FixedPoint fixed = fixed_point(factor);
  if (fixed.shift > 30) {
    fail("requantisation factor {} is too large; expected less than 2^30", number_text(factor));
  }
  return fixed;
}

Affine int8_affine(const Type& type, const char* what) {
  if (type.dtype != DType::kI8 || !type.quant || type.quant->per_channel() || type.quant->scale.size() != 1 ||
      type.quant->zero_point.size() != 1) {
    const char* detail = type.dtype == DType::kF32 ? "" : !type.quant ? " without a scale" : "";
    if (type.quant && type.quant->per_channel()) detail = " with one scale per channel";
    fail("{} is {}{}; expected i8 with one scale and zero point", what, type_text(type), detail);
  }
  return {type.quant->scale[0], type.quant->zero_point[0]};
}

bool same_affine(const Affine& a, const Affine& b) {
  return a.zero_point == b.zero_point && std::abs(static_cast<double>(a.scale - b.scale)) <= 1e-6;
}

Int8Limits int8_limits(const Range& range, const Affine& y) {
  Int8Limits limits;
  if (range.low != -kInfinity) {
    limits.low = std::clamp(quantized_limit(range.low, y), -128, 127);
  }
  if (range.high != kInfinity) {
    limits.high = std::clamp(quantized_limit(range.high, y), -128, 127);
  }
  return limits;
}

std::vector<FixedPoint> conv_factors(const Affine& x, const Quantization& weight, std::int64_t channels,
                                     const Affine& y) {
  std::vector<FixedPoint> factors(static_cast<std::size_t>(channels));
  for (std::size_t c = 0; c < factors.size(); ++c) {
    const double scale = weight.scale.size() == 1 ? weight.scale[0] : weight.scale.at(c);
    factors[c] = checked_factor(static_cast<double>(x.scale) * scale / static_cast<double>(y.scale));
  }
  return factors;
}

std::vector<FixedPoint> linear_factors(const Affine& x, const Quantization& weight, std::int64_t channels,
                                       const Affine& y) {
  if (weight.scale.size() != 1) {
    return conv_factors(x, weight, channels, y);
  }
  const double product = static_cast<double>(x.scale * weight.scale[0]);
  return std::vector<FixedPoint>(static_cast<std::size_t>(channels),
                                 checked_factor(product / static_cast<double>(y.scale)));
}

SumFactors add_factors(const Affine& a, const Affine& b, const Affine& y) {
  const double twice_larger = 2 * static_cast<double>(std::max(a.scale, b.scale));
  return {factor_below_one(static_cast<double>(a.scale) / twice_larger),
          factor_below_one(static_cast<double>(b.scale) / twice_larger),
          factor_below_one(twice_larger / ((1 << SumFactors::kLeftShift) * static_cast<double>(y.scale)))};
}

SumFactors sub_factors(const Affine& a, const Affine& b, const Affine& y) {
  const float twice_larger = 2 * std::max(a.scale, b.scale);
  return {factor_below_one(static_cast<double>(a.scale / twice_larger)),
          factor_below_one(static_cast<double>(b.scale / twice_larger)),
          factor_below_one(static_cast<double>(twice_larger / ((1 << SumFactors::kLeftShift) * y.scale)))};
}

FixedPoint mul_factor(const Affine& a, const Affine& b, const Affine& y) {
  return checked_factor(static_cast<double>(a.scale) * static_cast<double>(b.scale) / static_cast<double>(y.scale));
}

FixedPoint requantize_factor(const Affine& x, const Affine& y) {
  return checked_factor(static_cast<double>(x.scale) / static_cast<double>(y.scale));
}

PReluFactors prelu_factors(const Affine& x, const Affine& slope, const Affine& y) {
  return {requantize_factor(x, y), mul_factor(x, slope, y)};
}

FixedPoint mean_factor(const Affine& x, const Affine& y, std::int64_t count) {
  MJ_CHECK(count > 0);
  const FixedPoint factor = requantize_factor(x, y);
  // Division by the count goes into the multiplier; the shift keeps its precision as far as the formats allow.
  int shift = 63 - std::countl_zero(static_cast<std::uint64_t>(count));
  shift = std::min({shift, 32, 31 + factor.shift});
  return {static_cast<std::int32_t>((static_cast<std::int64_t>(factor.multiplier) << shift) / count),
          factor.shift - shift};
}

}  // namespace mj
