// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/scales.h"

#include <algorithm>
#include <cmath>

#include "mj/base/error.h"

namespace mj {
namespace {

// Smaller scales would be denormal floats, or make denormal products with each other. No trained network comes near.
constexpr double kLeastActivationScale = 1e-15;
constexpr double kLeastWeightScale = 1e-20;

constexpr double kAccumulatorLimit = 1 << 30;
constexpr double kZeroRowBias = 1 << 20;

/// What the weights of a row need; 0 where they are all 0.
double row_scale(std::span<const float> row, double bias_in_x, int bits) {
  double largest = 0, sum = 0;
  for (const float w : row) {
    largest = std::max<double>(largest, std::abs(w));
    sum += std::abs(w);
  }
  return largest > 0 ? std::max(largest / largest_weight(bits), (bias_in_x + 255 * sum) / kAccumulatorLimit) : 0;
}

}  // namespace

Quantization activation_quantization(float low, float high, double least_scale) {
  MJ_CHECK(std::isfinite(low) && std::isfinite(high));
  const double bottom = std::min<double>(low, 0), top = std::max<double>(high, 0);
  const double range = top - bottom;
  const double wanted = range > 0 ? std::max(range / 255, kLeastActivationScale) : 1.0;
  const auto scale = static_cast<float>(std::max(wanted, least_scale));
  const double zero = std::round(-128 - bottom / scale);
  return {{scale}, {static_cast<std::int32_t>(std::clamp(zero, -128.0, 127.0))}, -1};
}

std::vector<float> weight_scales(std::span<const float> weight, std::span<const float> bias, float input_scale, int bits) {
  const std::size_t rows = bias.size();
  MJ_CHECK(rows > 0 && weight.size() % rows == 0);
  const std::size_t columns = weight.size() / rows;
  std::vector<float> scales(rows, 0);
  for (std::size_t row = 0; row < rows; ++row) {
    const double bias_in_x = std::abs(bias[row]) / static_cast<double>(input_scale);
    const double scale = row_scale(weight.subspan(row * columns, columns), bias_in_x, bits);
    if (scale > 0) {
      scales[row] = static_cast<float>(std::max(scale, kLeastWeightScale));
    } else if (bias_in_x > 0) {
      scales[row] = static_cast<float>(std::max(bias_in_x / kZeroRowBias, kLeastWeightScale));
    }
  }
  const float usual = *std::max_element(scales.begin(), scales.end());
  std::replace(scales.begin(), scales.end(), 0.0f, usual > 0 ? usual : 1.0f);
  return scales;
}

float weight_scale(std::span<const float> weight, std::span<const float> bias, float input_scale, int bits) {
  const std::size_t rows = bias.size();
  MJ_CHECK(rows > 0 && weight.size() % rows == 0);
  const std::size_t columns = weight.size() / rows;
  double needed = 0, largest_bias = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    const double bias_in_x = std::abs(bias[row]) / static_cast<double>(input_scale);
    needed = std::max(needed, row_scale(weight.subspan(row * columns, columns), bias_in_x, bits));
    largest_bias = std::max(largest_bias, bias_in_x);
  }
  if (needed == 0 && largest_bias == 0) return 1;
  const double scale = needed == 0 ? largest_bias / kZeroRowBias : std::max(needed, largest_bias / kAccumulatorLimit);
  return static_cast<float>(std::max(scale, kLeastWeightScale));
}

std::int32_t largest_weight(int bits) { return bits == 4 ? 7 : 127; }

std::int32_t quantized_value(double x, double scale, std::int32_t low, std::int32_t high) {
  return static_cast<std::int32_t>(std::clamp<double>(std::round(x / scale), low, high));
}

}  // namespace mj
