// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

namespace mj {

/// (e^x - 1) / x, exact near 0.
inline double phi1(double x) {
  if (std::fabs(x) > 1e-2) return std::expm1(x) / x;
  return 1 + x / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5 * (1 + x / 6 * (1 + x / 7)))));
}

/// (e^x - 1 - x) / x^2, exact near 0; -> 1/2.
inline double phi2(double x) {
  if (std::fabs(x) > 1e-2) return (std::expm1(x) - x) / (x * x);
  return 0.5 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5 * (1 + x / 6 * (1 + x / 7)))));
}

/// The time at which y(t) = r (e^{bt} - 1) / b, which starts at 0 with rate r, reaches `distance`; infinite when it never does.
inline double time_to(double distance, double rate, double b) {
  const double z = b * distance / rate;
  if (std::fabs(z) < 1e-3) return distance / rate * (1 - z * (1.0 / 2 - z * (1.0 / 3 - z * (1.0 / 4 - z / 5))));
  return z <= -1 ? HUGE_VAL : std::log1p(z) / b;
}

}  // namespace mj
