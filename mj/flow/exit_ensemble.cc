// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/exit_ensemble.h"

#include <algorithm>
#include <cmath>

#include "mj/base/error.h"

namespace mj {
namespace {

/// Mean negative log-likelihood at (a, b) with its gradient and second derivatives.
struct Loss {
  double value = 0, ga = 0, gb = 0, aa = 0, ab = 0, bb = 0;
};

Loss loss_at(std::span<const float> own, std::span<const float> before, std::span<const std::int32_t> labels, double a,
             double b) {
  const std::size_t n = labels.size(), classes = own.size() / n;
  Loss loss;
  std::vector<double> p(classes);
  for (std::size_t i = 0; i < n; ++i) {
    const float* x = own.data() + i * classes;
    const float* y = before.empty() ? nullptr : before.data() + i * classes;
    const auto score = [&](std::size_t c) { return a * x[c] + (y ? b * y[c] : 0); };
    double top = score(0), sum = 0;
    for (std::size_t c = 1; c < classes; ++c) top = std::max(top, score(c));
    for (std::size_t c = 0; c < classes; ++c) sum += p[c] = std::exp(score(c) - top);
    const auto label = static_cast<std::size_t>(labels[i]);
    loss.value += std::log(sum) + top - score(label);
    double mx = 0, my = 0, xx = 0, xy = 0, yy = 0;
    for (std::size_t c = 0; c < classes; ++c) {
      const double q = p[c] / sum, u = x[c], v = y ? y[c] : 0;
      mx += q * u, my += q * v, xx += q * u * u, xy += q * u * v, yy += q * v * v;
    }
    loss.ga += mx - x[label], loss.gb += my - (y ? y[label] : 0);
    loss.aa += xx - mx * mx, loss.ab += xy - mx * my, loss.bb += yy - my * my;
  }
  const double scale = 1 / static_cast<double>(n);
  for (double* part : {&loss.value, &loss.ga, &loss.gb, &loss.aa, &loss.ab, &loss.bb}) *part *= scale;
  return loss;
}

}  // namespace

EnsembleStep fit_ensemble(std::span<const float> own, std::span<const float> before, std::span<const std::int32_t> labels,
                          const EnsembleStep& fallback) {
  MJ_CHECK(before.empty() || before.size() == own.size());
  if (labels.empty()) return fallback;
  constexpr int kIterations = 100;
  constexpr double kDamping = 1e-9;
  double a = 1 / fallback.temperature, b = before.empty() ? 0 : fallback.carry / fallback.temperature;
  bool with_b = !before.empty();
  Loss here = loss_at(own, before, labels, a, b);
  for (int i = 0; i < kIterations; ++i) {
    const double aa = here.aa + kDamping, bb = here.bb + kDamping;
    double da = 0, db = 0;
    if (with_b) {
      const double determinant = aa * bb - here.ab * here.ab;
      da = -(bb * here.ga - here.ab * here.gb) / determinant;
      db = -(aa * here.gb - here.ab * here.ga) / determinant;
    } else {
      da = -here.ga / aa;
    }
    // Halved until the loss falls, as far from the optimum a whole step may overshoot.
    double step = 1;
    Loss next = loss_at(own, before, labels, a + da, b + db);
    while (!(next.value <= here.value) && step > 1e-6) {
      step /= 2;
      next = loss_at(own, before, labels, a + step * da, b + step * db);
    }
    if (!(next.value <= here.value)) break;
    a += step * da, b += step * db;
    const bool settled = here.value - next.value < 1e-12;
    here = next;
    if (with_b && b < 0) {  // an exit before may be ignored, but not contradicted
      b = 0, with_b = false;
      here = loss_at(own, before, labels, a, b);
      continue;
    }
    if (settled) break;
  }
  if (!(a > 1e-6) || !std::isfinite(a) || !std::isfinite(b)) return fallback;
  return {b / a, 1 / a};
}

}  // namespace mj
