// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace mj {

/// A real factor as fixed point: factor = multiplier * 2^(shift - 31), multiplier in [2^30, 2^31), or both 0 for none.
struct FixedPoint {
  std::int32_t multiplier = 0;
  std::int32_t shift = 0;  ///< positive is to the left

  bool operator==(const FixedPoint&) const = default;
};

/// TFLite's QuantizeMultiplier (tensorflow/lite/kernels/internal/quantization_util.cc); `factor` is finite and not
/// negative. Factors below 2^-32 become 0.
FixedPoint fixed_point(double factor);

/// How a product with a fixed-point factor is rounded.
enum class Rounding : std::uint8_t {
  kDouble,  ///< TFLite's reference kernels: rounding doubling high multiply, then rounding shift (ties away from 0)
  kSingle,  ///< TFLITE_SINGLE_ROUNDING: one rounding of the 64-bit product, half up
};

/// TFLite's MultiplyByQuantizedMultiplier for 32-bit accumulators; shift in -31..30. A left shift that overflows wraps.
std::int32_t multiply(std::int32_t x, FixedPoint factor, Rounding rounding);

}  // namespace mj
