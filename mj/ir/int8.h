// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "mj/ir/ops.h"
#include "mj/ir/requantize.h"
#include "mj/ir/type.h"

namespace mj {

// What TensorFlow Lite Micro's int8 kernels compute once, before the first inference: fixed-point factors, limits and
// tables. The evaluator runs on them and emitted code holds them, so both agree by construction. The rounding of every
// real intermediate (float here, double there) is part of the specification; docs/int8.md lists it by operator.

/// The quantisation of a value with one scale and one zero point.
struct Affine {
  float scale = 1;
  std::int32_t zero_point = 0;

  bool operator==(const Affine&) const = default;
};

/// The quantisation of an int8 activation; throws `Error` when `type` is anything else: `input is f32[8]; expected i8
/// with one scale and zero point`.
Affine int8_affine(const Type& type, const char* what);

/// Whether bytes keep their meaning when copied from one quantisation to the other: equal zero points and scales that
/// differ by at most 1e-6, the tolerance of TFLite's pooling kernels.
bool same_affine(const Affine& a, const Affine& b);

/// `fixed_point`, for factors computed from the scales of a file: throws `Error` when they are negative, not finite, or
/// need a shift of more than 30, which has no meaning in 32 bits.
FixedPoint checked_factor(double factor);

/// The int8 values a fused activation clamps to.
struct Int8Limits {
  std::int32_t low = -128;
  std::int32_t high = 127;

  bool operator==(const Int8Limits&) const = default;
};
Int8Limits int8_limits(const Range& range, const Affine& y);

/// Accumulator to output, one factor per output channel: x.scale * weight.scale[c] / y.scale.
std::vector<FixedPoint> conv_factors(const Affine& x, const Quantization& weight, std::int64_t channels,
                                     const Affine& y);
/// The same for fully connected layers; with one scale for the whole weight, TFLite multiplies the scales in float.
std::vector<FixedPoint> linear_factors(const Affine& x, const Quantization& weight, std::int64_t channels,
                                       const Affine& y);

/// Sum and difference: both inputs shifted left by 20 and brought to twice the larger scale, then to the output's.
struct SumFactors {
  static constexpr int kLeftShift = 20;
  FixedPoint a, b, output;

  bool operator==(const SumFactors&) const = default;
};
SumFactors add_factors(const Affine& a, const Affine& b, const Affine& y);
SumFactors sub_factors(const Affine& a, const Affine& b, const Affine& y);

FixedPoint mul_factor(const Affine& a, const Affine& b, const Affine& y);

/// From one quantisation to another (quantize, and concat inputs that differ from its output).
FixedPoint requantize_factor(const Affine& x, const Affine& y);

/// For x >= 0, and for x < 0 times the slope.
struct PReluFactors {
  FixedPoint positive, negative;

  bool operator==(const PReluFactors&) const = default;
};
PReluFactors prelu_factors(const Affine& x, const Affine& slope, const Affine& y);

/// From a sum over `count` elements to their mean; its multiplier may be below 2^30.
FixedPoint mean_factor(const Affine& x, const Affine& y, std::int64_t count);

/// A function of one int8 value, `table[q + 128]`: every unary int8 operator is one.
using Int8Table = std::array<std::int8_t, 256>;
Int8Table int8_table(const Clamp& op, const Affine& x, const Affine& y, Rounding rounding);
Int8Table int8_table(const LeakyRelu& op, const Affine& x, const Affine& y, Rounding rounding);
Int8Table int8_table(const HardSigmoid& op, const Affine& x, const Affine& y, Rounding rounding);
Int8Table int8_table(const HardSwish& op, const Affine& x, const Affine& y, Rounding rounding);
Int8Table int8_table(const Sigmoid& op, const Affine& x, const Affine& y, Rounding rounding);
Int8Table int8_table(const Tanh& op, const Affine& x, const Affine& y, Rounding rounding);
Int8Table int8_table(const Quantize& op, const Affine& x, const Affine& y, Rounding rounding);

/// exp(-d * beta * x.scale) in Q0.31 for the distances d = 0..255 from the largest input; 0 where it cannot count.
struct SoftmaxTable {
  static constexpr int kSumIntegerBits = 12;       ///< the sum of exponentials is Q12.19
  static constexpr std::int64_t kMaxDepth = 4095;  ///< more could overflow it
  std::array<std::int32_t, 256> exp{};
};
/// Throws `Error` unless `y` is {1/256, -128}.
SoftmaxTable softmax_table(const Softmax& op, const Affine& x, const Affine& y, Rounding rounding);
/// One row; at most `kMaxDepth` elements.
void int8_softmax(const SoftmaxTable& table, std::span<const std::int8_t> x, std::span<std::int8_t> y);

}  // namespace mj
