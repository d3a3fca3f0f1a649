// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/rounding_error.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace mj {

double cut_share(double density) {
  if (density >= 1) return 0;
  double low = 0, high = 10;
  for (int i = 0; i < 60; ++i) {
    const double t = (low + high) / 2;
    (std::erfc(t / std::numbers::sqrt2) > density ? low : high) = t;
  }
  const double t = (low + high) / 2;
  return 1 - density - 2 * t * std::exp(-t * t / 2) / std::sqrt(2 * std::numbers::pi);
}

double rounding_error(int bits, double mean_square, double largest) {
  const double step = largest / (bits == 4 ? 7 : 127);
  const double uniform = step * step / 12;
  return bits == 4 ? std::min(uniform, 0.0115 * mean_square) : uniform;
}

std::vector<float> best_rounded(std::span<const float> elements, int bits) {
  float largest = 0;
  for (const float x : elements) largest = std::max(largest, std::abs(x));
  if (largest == 0) return {elements.begin(), elements.end()};
  const double most = bits == 4 ? 7 : 127;
  std::vector<float> best, rounded(elements.size());
  double least = 0;
  for (const double ratio : {1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3}) {
    const double step = largest * ratio / most;
    double error = 0;
    for (std::size_t i = 0; i < elements.size(); ++i) {
      rounded[i] = static_cast<float>(std::clamp(std::round(elements[i] / step), -most, most) * step);
      error += (rounded[i] - elements[i]) * (rounded[i] - elements[i]);
    }
    if (best.empty() || error < least) best = rounded, least = error;
    if (bits != 4) break;
  }
  return best;
}

}  // namespace mj
