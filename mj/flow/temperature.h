// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "mj/learn/objective.h"

namespace mj {

/// The temperature at which the teacher's largest probability is, on average, half way between certainty and ignorance:
/// mean over rows of max softmax(z / T) = (1 + 1/K) / 2, by bisection in ln T; for `Objective::kStandardised`, of
/// standardised rows. Needs no training. Within [0.05, 100]: an end is returned when even that is not enough.
/// `logits` row-major {n, classes}.
double softening_temperature(std::span<const float> logits, std::int64_t classes, Objective objective);

/// A short training of the student with its outcome on every validation sample.
struct Arm {
  double temperature = 0;
  double alpha = 0;
  double accuracy = 0;                 ///< on validation
  std::vector<std::uint8_t> correct;   ///< 1 where the answer was right, in the order of the validation samples
};

/// A difference of two arms' accuracies on the same samples, and its standard error.
struct PairedDifference {
  double mean = 0;
  double error = 0;
};
PairedDifference paired_difference(const Arm& a, const Arm& b);

/// Where the parabola through three arms at ln T = ln T0 + {below, 0, above} has its maximum, kept within the arms and
/// drawn back towards T0 by how little its gain stands out of the noise: factor gain^2 / (gain^2 + error^2). Where noise
/// prevails the answer is not below T0, since short trainings favour low temperatures.
double choose_temperature(const Arm& low, const Arm& middle, const Arm& high);

/// 1 where giving the labels no weight is better by more than one standard error, else the alpha of the other arms.
double choose_alpha(const Arm& middle, const Arm& without_labels);

}  // namespace mj
