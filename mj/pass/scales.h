// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "mj/ir/type.h"

namespace mj {

// Scales and zero points of TFLite's int8 specification (tensorflow.org/lite/performance/quantization_spec).

/// Asymmetric int8 for reals in [low, high], widened to include 0, so that 0 (padding, ReLU) is exact: scale =
/// range/255, zero point = round(-128 - low/scale). An empty range {0, 0} gets scale 1. Scales stay above
/// `least_scale`.
Quantization activation_quantization(float low, float high, double least_scale = 0);

/// Symmetric scales of a weight, one per output (row): max|w| / 127, or / 7 with 4 bits.
///
/// They are raised where the accumulator could leave 32 bits: |bias|/(s_x s_w) + 255 sum|w|/s_w stays below 2^30 for
/// any input. A row of zeros gets the scale that gives its bias 20 bits, for then its multiplier s_x s_w / s_y stays in
/// range while the bias keeps all precision an output can show; without a bias either, the largest scale of the others.
/// `bias` holds one number per row (0 where there is none), which also tells the number of rows.
std::vector<float> weight_scales(std::span<const float> weight, std::span<const float> bias, float input_scale, int bits = 8);

/// The same where all rows share one scale: the largest they need. Rows of zeros need none for the precision of their bias.
float weight_scale(std::span<const float> weight, std::span<const float> bias, float input_scale, int bits = 8);

/// The largest magnitude of a weight with these bits (8 or 4): 127 or 7.
std::int32_t largest_weight(int bits);

/// round(x / scale), ties away from zero, saturated to low..high.
std::int32_t quantized_value(double x, double scale, std::int32_t low, std::int32_t high);

}  // namespace mj
