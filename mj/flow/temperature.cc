// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/temperature.h"

#include <algorithm>
#include <cmath>

#include "mj/base/error.h"

namespace mj {
namespace {

constexpr double kLowest = 0.05, kHighest = 100;

/// max softmax(z / T) of one row whose largest entry is `largest`.
double confidence(std::span<const double> row, double largest, double temperature) {
  double sum = 0;
  for (double z : row) sum += std::exp((z - largest) / temperature);
  return 1 / sum;
}

std::vector<double> rows_of(std::span<const float> logits, std::int64_t classes, Objective objective) {
  std::vector<double> rows(logits.begin(), logits.end());
  if (objective != Objective::kStandardised) return rows;
  const auto k = static_cast<std::size_t>(classes);
  for (std::size_t begin = 0; begin < rows.size(); begin += k) {
    const std::span<double> row(rows.data() + begin, k);
    double mean = 0, square = 0;
    for (double z : row) mean += z / static_cast<double>(k);
    for (double z : row) square += (z - mean) * (z - mean) / static_cast<double>(k);
    for (double& z : row) z = (z - mean) / (std::sqrt(square) + 1e-7);
  }
  return rows;
}

}  // namespace

double softening_temperature(std::span<const float> logits, std::int64_t classes, Objective objective) {
  MJ_CHECK(classes >= 2 && !logits.empty() && logits.size() % static_cast<std::size_t>(classes) == 0);
  const std::vector<double> rows = rows_of(logits, classes, objective);
  const auto k = static_cast<std::size_t>(classes);
  std::vector<double> largest;
  for (std::size_t begin = 0; begin < rows.size(); begin += k) {
    largest.push_back(*std::max_element(rows.begin() + static_cast<std::ptrdiff_t>(begin),
                                        rows.begin() + static_cast<std::ptrdiff_t>(begin + k)));
  }
  const double target = (1 + 1 / static_cast<double>(classes)) / 2;
  const auto mean_confidence = [&](double temperature) {
    double sum = 0;
    for (std::size_t i = 0; i < largest.size(); ++i) {
      sum += confidence(std::span(rows).subspan(i * k, k), largest[i], temperature);
    }
    return sum / static_cast<double>(largest.size());
  };
  double low = std::log(kLowest), high = std::log(kHighest);
  if (mean_confidence(kLowest) <= target) return kLowest;
  if (mean_confidence(kHighest) >= target) return kHighest;
  for (int i = 0; i < 50; ++i) {  // to 1e-14 of ln T
    const double middle = (low + high) / 2;
    (mean_confidence(std::exp(middle)) > target ? low : high) = middle;
  }
  return std::exp((low + high) / 2);
}

PairedDifference paired_difference(const Arm& a, const Arm& b) {
  MJ_CHECK(a.correct.size() == b.correct.size() && !a.correct.empty());
  const auto n = static_cast<double>(a.correct.size());
  double sum = 0, square = 0;
  for (std::size_t i = 0; i < a.correct.size(); ++i) {
    const double d = static_cast<double>(a.correct[i]) - static_cast<double>(b.correct[i]);
    sum += d, square += d * d;
  }
  const double mean = sum / n;
  // One disagreement more on either side than was seen: small sets must not look certain.
  return {mean, std::sqrt(std::max((square + 2) / n - mean * mean, 0.0) / n)};
}

double choose_temperature(const Arm& low, const Arm& middle, const Arm& high) {
  MJ_CHECK(low.temperature < middle.temperature && middle.temperature < high.temperature);
  const double below = std::log(low.temperature / middle.temperature);
  const double above = std::log(high.temperature / middle.temperature);
  const PairedDifference down = paired_difference(low, middle), up = paired_difference(high, middle);
  // f(x) = slope x + bend x^2 through (below, down), (0, 0), (above, up); each coefficient is linear in the two.
  const double bend_down = 1 / (below * (below - above)), bend_up = 1 / (above * (above - below));
  const double slope_down = -above * bend_down, slope_up = -below * bend_up;
  const double bend = bend_down * down.mean + bend_up * up.mean;
  const double slope = slope_down * down.mean + slope_up * up.mean;
  double best = up.mean >= down.mean ? above : below;
  if (bend < 0) best = std::clamp(-slope / (2 * bend), below, above);
  const double weight_down = slope_down * best + bend_down * best * best;
  const double weight_up = slope_up * best + bend_up * best * best;
  const double gain = weight_down * down.mean + weight_up * up.mean;
  const double error = std::hypot(weight_down * down.error, weight_up * up.error);
  const double signal = error > 0 ? gain * gain / (gain * gain + error * error) : 0;
  double x = gain > 0 ? signal * best : 0;
  if (gain < error) x = std::max(x, 0.0);
  return middle.temperature * std::exp(x);
}

double choose_alpha(const Arm& middle, const Arm& without_labels) {
  const PairedDifference gain = paired_difference(without_labels, middle);
  return gain.mean > gain.error ? 1 : middle.alpha;
}

}  // namespace mj
