// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/exit_thresholds.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "mj/base/error.h"

namespace mj {
namespace {

constexpr int kQuantiles = 100, kPrices = 60, kRounds = 4;
/// As a threshold: nothing reaches it, not even a confidence that rounds to 1.
constexpr double kNever = 1;

bool stops(const ExitAnswers& answers, std::span<const double> thresholds, std::size_t k, std::size_t i) {
  return thresholds[k] < kNever && answers.confidence[k][i] >= static_cast<float>(thresholds[k]);
}

/// The best threshold of exit k for this price while the others stay: samples that reach it, most confident first, stop
/// here one after the other.
double best_threshold(const ExitAnswers& answers, std::span<const double> energy_j, std::span<const double> thresholds,
                      std::size_t k, double price) {
  struct Reaching {
    float confidence;
    double gain;  ///< of stopping here over going on
  };
  std::vector<Reaching> reaching;
  const std::size_t end = answers.exits() - 1;
  for (std::size_t i = 0; i < answers.samples(); ++i) {
    std::size_t before = 0;
    while (before < k && !stops(answers, thresholds, before, i)) ++before;
    if (before < k) continue;
    std::size_t later = k + 1;
    while (later < end && !stops(answers, thresholds, later, i)) ++later;
    const double gain = answers.right[k][i] - answers.right[later][i] + price * (energy_j[later] - energy_j[k]);
    reaching.push_back({answers.confidence[k][i], gain});
  }
  std::ranges::stable_sort(reaching, [](const Reaching& a, const Reaching& b) { return a.confidence > b.confidence; });
  double best = kNever, best_gain = 0, gain = 0;
  const std::size_t step = std::max<std::size_t>(1, reaching.size() / kQuantiles);
  for (std::size_t i = 0; i < reaching.size(); ++i) {
    gain += reaching[i].gain;
    const bool tie = i + 1 < reaching.size() && reaching[i + 1].confidence == reaching[i].confidence;
    if ((i + 1) % step == 0 && !tie && gain > best_gain) best_gain = gain, best = reaching[i].confidence;
  }
  return best;
}

}  // namespace

ExitAnswers exit_answers(std::span<const std::vector<float>> logits, std::span<const std::int32_t> labels,
                         std::span<const double> temperatures) {
  MJ_CHECK(logits.size() == temperatures.size() && !labels.empty());
  ExitAnswers answers;
  for (std::size_t k = 0; k < logits.size(); ++k) {
    const std::size_t classes = logits[k].size() / labels.size();
    MJ_CHECK(classes > 0 && classes * labels.size() == logits[k].size());
    std::vector<float> confidence;
    std::vector<char> right;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const auto row = std::span(logits[k]).subspan(i * classes, classes);
      const auto top = std::ranges::max_element(row);
      double sum = 0;
      for (const float x : row) sum += std::exp((x - *top) / temperatures[k]);
      confidence.push_back(static_cast<float>(1 / sum));
      right.push_back(top - row.begin() == labels[i]);
    }
    answers.confidence.push_back(std::move(confidence));
    answers.right.push_back(std::move(right));
  }
  return answers;
}

ExitOutcome outcome_of(const ExitAnswers& answers, std::span<const double> energy_j, std::span<const double> thresholds) {
  const std::size_t end = answers.exits() - 1, n = answers.samples();
  MJ_CHECK(energy_j.size() == end + 1 && thresholds.size() == end && n > 0);
  ExitOutcome outcome;
  outcome.answered.assign(end + 1, 0);
  std::int64_t right = 0, at_end = 0, changed = 0;
  for (std::size_t i = 0; i < n; ++i) {
    std::size_t k = 0;
    while (k < end && !stops(answers, thresholds, k, i)) ++k;
    right += answers.right[k][i];
    at_end += answers.right[end][i];
    changed += answers.right[k][i] != answers.right[end][i];
    outcome.answered[k] += 1;
  }
  const auto share = [&](std::int64_t count) { return static_cast<double>(count) / static_cast<double>(n); };
  outcome.accuracy = share(right);
  // Of paired differences that are -1, 0 or 1.
  outcome.error = std::sqrt((share(changed) - share(right - at_end) * share(right - at_end)) / static_cast<double>(n));
  for (std::size_t k = 0; k <= end; ++k) {
    outcome.answered[k] /= static_cast<double>(n);
    outcome.energy_j += outcome.answered[k] * energy_j[k];
  }
  return outcome;
}

std::vector<std::vector<double>> threshold_curve(const ExitAnswers& answers, std::span<const double> energy_j) {
  const std::size_t end = answers.exits() - 1;
  struct Found {
    std::vector<double> thresholds;
    ExitOutcome outcome;
  };
  std::vector<Found> found;
  std::vector<double> thresholds(end, kNever);
  // From one point of accuracy for the whole energy of an inference up to all accuracy for a fiftieth of it.
  for (int p = 0; p <= kPrices; ++p) {
    const double price = 0.01 * std::pow(5000.0, static_cast<double>(p) / kPrices) / energy_j[end];
    for (int round = 0; round < kRounds; ++round) {
      const std::vector<double> before = thresholds;
      for (std::size_t k = end; k-- > 0;) thresholds[k] = best_threshold(answers, energy_j, thresholds, k, price);
      if (thresholds == before) break;
    }
    found.push_back({thresholds, outcome_of(answers, energy_j, thresholds)});
  }
  found.push_back({std::vector<double>(end, kNever), outcome_of(answers, energy_j, std::vector<double>(end, kNever))});
  std::ranges::stable_sort(found, [](const Found& a, const Found& b) { return a.outcome.energy_j < b.outcome.energy_j; });
  std::vector<std::vector<double>> curve;
  double best = -1;
  for (const Found& point : found) {
    if (point.outcome.accuracy <= best) continue;
    best = point.outcome.accuracy;
    curve.push_back(point.thresholds);
  }
  return curve;
}

void check_thresholds(std::span<const double> thresholds, std::size_t exits) {
  if (thresholds.size() != exits) fail("{} thresholds are given; expected {}, one per exit", thresholds.size(), exits);
  for (const double threshold : thresholds) {
    if (!(threshold >= 0 && threshold <= 1)) fail("threshold {} is not a confidence; expected 0 to 1", threshold);
  }
}

}  // namespace mj
