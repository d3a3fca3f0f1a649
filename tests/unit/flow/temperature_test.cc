// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/temperature.h"

#include <gtest/gtest.h>

#include <cmath>

#include "mj/base/random.h"

namespace mj {
namespace {

// Two classes a distance d apart: max softmax(z / T) = 1 / (1 + exp(-d / T)) = 3/4 at T = d / ln 3.
TEST(SofteningTemperature, IsTheClosedFormForTwoClasses) {
  for (float d : {0.5f, 3.0f, 40.0f}) {
    const std::vector<float> logits{d, 0, -1, d - 1, 0, d};
    EXPECT_NEAR(softening_temperature(logits, 2, Objective::kPlain), d / std::log(3.0), 1e-6 * d);
  }
}

// One class d above K - 1 equal ones: 1 / (1 + (K - 1) exp(-d / T)) = (1 + 1/K) / 2 at T = d / ln(K + 1).
TEST(SofteningTemperature, IsTheClosedFormForOnePeak) {
  for (const int classes : {3, 10, 100}) {
    std::vector<float> logits(static_cast<std::size_t>(classes), 2.0f);
    logits[1] = 9.0f;
    EXPECT_NEAR(softening_temperature(logits, classes, Objective::kPlain), 7 / std::log(classes + 1.0), 1e-6);
    // Standardised, the peak is sqrt(K - 1) + 1 / sqrt(K - 1) above the rest.
    const double distance = std::sqrt(classes - 1.0) + 1 / std::sqrt(classes - 1.0);
    EXPECT_NEAR(softening_temperature(logits, classes, Objective::kStandardised), distance / std::log(classes + 1.0), 1e-5);
  }
}

TEST(SofteningTemperature, StaysWithinItsRange) {
  EXPECT_EQ(softening_temperature(std::vector<float>{0, 0, 0}, 3, Objective::kPlain), 0.05);
  EXPECT_EQ(softening_temperature(std::vector<float>{1e4f, 0, 0}, 3, Objective::kPlain), 100);
}

/// An arm whose answers are right with this probability, by common random numbers: paired as real arms are.
Arm arm(double temperature, double accuracy, std::size_t samples, std::uint64_t seed) {
  Arm result{temperature, 0.9, accuracy, {}};
  for (std::size_t i = 0; i < samples; ++i) {
    RandomStream shared(seed, i);
    result.correct.push_back(shared.uniform() < accuracy);
  }
  return result;
}

TEST(PairedDifference, IsTheMeanAndItsError) {
  Arm a{1, 0.9, 0, {1, 1, 0, 1}}, b{1, 0.9, 0, {1, 0, 0, 0}};
  const PairedDifference d = paired_difference(a, b);
  EXPECT_EQ(d.mean, 0.5);
  EXPECT_DOUBLE_EQ(d.error, std::sqrt(((2 + 2) / 4.0 - 0.25) / 4));
}

TEST(ChooseTemperature, FindsTheVertexWhereTheSignalIsLarge) {
  // accuracy = .8 - .4 (x - .2)^2 in x = ln(T / 4), with many samples: hardly any shrinking.
  const auto at = [](double temperature) {
    const double x = std::log(temperature / 4);
    return arm(temperature, 0.8 - 0.4 * (x - 0.2) * (x - 0.2), 2000000, 5);
  };
  const double found = choose_temperature(at(2.4), at(4), at(6.4));
  EXPECT_NEAR(std::log(found / 4), 0.2, 0.01);
}

TEST(ChooseTemperature, GoesToTheBetterEndOfASlope) {
  const double up = choose_temperature(arm(2.4, 0.7, 1000000, 1), arm(4, 0.75, 1000000, 1), arm(6.4, 0.81, 1000000, 1));
  EXPECT_NEAR(up, 6.4, 0.01);
  const double down = choose_temperature(arm(2.4, 0.8, 1000000, 1), arm(4, 0.75, 1000000, 1), arm(6.4, 0.69, 1000000, 1));
  EXPECT_NEAR(down, 2.4, 0.01);
}

TEST(ChooseTemperature, NoiseMovesItLittleAndNeverDown) {
  // Equal arms: what differs is chance.
  int seeds = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const double found = choose_temperature(arm(2.4, 0.8, 500, 3 * seed), arm(4, 0.8, 500, 3 * seed + 1), arm(6.4, 0.8, 500, 3 * seed + 2));
    EXPECT_LE(found, 6.4) << "seed " << seed;
    EXPECT_GE(found, 2.4) << "seed " << seed;
    seeds += found >= 4 && found < 4.8;
  }
  EXPECT_GE(seeds, 120);
}

TEST(ChooseAlpha, NeedsMoreThanOneStandardError) {
  EXPECT_EQ(choose_alpha(arm(4, 0.80, 1000, 1), arm(4, 0.805, 1000, 2)), 0.9);
  EXPECT_EQ(choose_alpha(arm(4, 0.80, 1000, 1), arm(4, 0.95, 1000, 1)), 1);
}

}  // namespace
}  // namespace mj
