// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace mj {

/// What every exit, the network's own end last, says of every sample.
struct ExitAnswers {
  std::vector<std::vector<float>> confidence;   ///< {exit, sample}: probability of the answer given
  std::vector<std::vector<char>> right;         ///< {exit, sample}: whether it is the label

  std::size_t exits() const { return right.size(); }
  std::size_t samples() const { return right.empty() ? 0 : right[0].size(); }
};

/// Answers and confidences from logits {exit}: row-major {sample, class}; the confidence is the largest softmax of
/// logits / temperature. One temperature per exit.
ExitAnswers exit_answers(std::span<const std::vector<float>> logits, std::span<const std::int32_t> labels,
                         std::span<const double> temperatures);

/// What comes of stopping at the first exit whose confidence reaches its threshold, and at the end otherwise.
struct ExitOutcome {
  double accuracy = 0;
  double energy_j = 0;             ///< mean over samples
  std::vector<double> answered;    ///< per exit, the end last: share of the samples that stop there
  double error = 0;                ///< standard error of the accuracy's difference from that of the end
};

/// `energy_j`: per exit, what an inference costs that stops there; one more for the end. `thresholds`: one for every exit
/// but the end, 0..1.
ExitOutcome outcome_of(const ExitAnswers& answers, std::span<const double> energy_j, std::span<const double> thresholds);

/// Thresholds that trade energy for accuracy in the best way found: for each price of a joule from dear to cheap,
/// coordinate ascent of accuracy - price * energy over the thresholds, each among 100 quantiles of the confidences of the
/// samples that reach its exit, and 1 (never). Duplicates and points another one beats in both are left out; the rest is
/// ordered by energy, rising.
std::vector<std::vector<double>> threshold_curve(const ExitAnswers& answers, std::span<const double> energy_j);

/// Throws `Error` unless there are `exits` thresholds, each within 0..1.
void check_thresholds(std::span<const double> thresholds, std::size_t exits);

}  // namespace mj
