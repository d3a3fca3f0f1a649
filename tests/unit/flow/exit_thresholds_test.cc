// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/exit_thresholds.h"

#include <gtest/gtest.h>

#include <cmath>

#include "mj/base/error.h"
#include "mj/base/random.h"
#include "mj/flow/exit_ensemble.h"
#include "tests/unit/error_of.h"

namespace mj {
namespace {

/// Exits that know more the later they come, and whose confidence is their probability of being right.
ExitAnswers calibrated(std::size_t exits, std::size_t samples, std::uint64_t seed) {
  ExitAnswers answers;
  answers.confidence.resize(exits);
  answers.right.resize(exits);
  for (std::size_t i = 0; i < samples; ++i) {
    RandomStream stream(seed, i);
    const double ease = stream.uniform();
    for (std::size_t k = 0; k < exits; ++k) {
      const double p = std::min(0.99, 0.2 + 0.8 * std::pow(ease, 1.5 / static_cast<double>(k + 1)));
      answers.confidence[k].push_back(static_cast<float>(p));
      answers.right[k].push_back(stream.uniform() < p);
    }
  }
  return answers;
}

TEST(ExitThresholds, AreObeyed) {
  const ExitAnswers answers{{{0.9f, 0.5f, 0.2f, 0.9f}, {0.1f, 0.8f, 0.7f, 0.6f}, {1, 1, 1, 1}},
                            {{1, 0, 0, 0}, {0, 1, 0, 1}, {0, 0, 1, 1}}};
  const std::vector<double> energy{1, 2, 4};
  const ExitOutcome outcome = outcome_of(answers, energy, std::vector<double>{0.9, 0.75});
  EXPECT_EQ(outcome.answered, (std::vector<double>{0.5, 0.25, 0.25}));
  EXPECT_DOUBLE_EQ(outcome.accuracy, 0.75);
  EXPECT_DOUBLE_EQ(outcome.energy_j, (1 + 2 + 4 + 1) / 4.0);
  // Samples 0 and 1 are gained and 3 is lost against the end: differences 1, 1, 0, -1.
  EXPECT_DOUBLE_EQ(outcome.error, std::sqrt((3.0 / 4 - 1.0 / 16) / 4));
  EXPECT_EQ(outcome_of(answers, energy, std::vector<double>{1, 1}).error, 0);
  // 1 is never reached, 0 always.
  EXPECT_EQ(outcome_of(answers, energy, std::vector<double>{1, 1}).answered.back(), 1);
  EXPECT_EQ(outcome_of(answers, energy, std::vector<double>{0, 0}).answered.front(), 1);
}

TEST(ExitThresholds, TheCurveRisesAndHoldsOnOtherSamples) {
  const std::vector<double> energy{1, 2, 3, 4};
  const ExitAnswers fitted_on = calibrated(4, 4000, 1), others = calibrated(4, 4000, 2);
  const auto curve = threshold_curve(fitted_on, energy);
  ASSERT_GE(curve.size(), 8u);
  double energy_before = 0, accuracy_before = 0;
  for (const auto& thresholds : curve) {
    const ExitOutcome here = outcome_of(fitted_on, energy, thresholds);
    EXPECT_GE(here.energy_j, energy_before);
    EXPECT_GT(here.accuracy, accuracy_before);
    energy_before = here.energy_j, accuracy_before = here.accuracy;
    EXPECT_NEAR(outcome_of(others, energy, thresholds).accuracy, here.accuracy, 0.04);  // 4 standard errors
  }
}

TEST(ExitThresholds, OfOneExitAreAsGoodAsExhaustiveSearch) {
  const ExitAnswers answers = calibrated(2, 60, 3);
  const std::vector<double> energy{1, 3};
  const auto curve = threshold_curve(answers, energy);
  // Whatever threshold is tried, some point of the curve costs no more for every price that was asked.
  for (const double price : {0.02, 0.1, 0.3}) {
    double best = -1e9, found = -1e9;
    for (std::size_t i = 0; i < 60; ++i) {
      const ExitOutcome o = outcome_of(answers, energy, std::vector<double>{answers.confidence[0][i]});
      best = std::max(best, o.accuracy - price * o.energy_j);
    }
    for (const auto& thresholds : curve) {
      const ExitOutcome o = outcome_of(answers, energy, thresholds);
      found = std::max(found, o.accuracy - price * o.energy_j);
    }
    EXPECT_GE(found, best - 0.01) << price;
  }
}

TEST(ExitThresholds, OutsideZeroToOneAreRefused) {
  const auto error_of = [](std::vector<double> thresholds) {
    return mj::error_of([&] { check_thresholds(thresholds, 2); });
  };
  EXPECT_EQ(error_of({0.5, 1}), "");
  EXPECT_EQ(error_of({0.5, 1.5}), "threshold 1.5 is not a confidence; expected 0 to 1");
  EXPECT_EQ(error_of({NAN, 0.5}), "threshold nan is not a confidence; expected 0 to 1");
  EXPECT_EQ(error_of({0.5}), "1 thresholds are given; expected 2, one per exit");
}

TEST(ExitEnsemble, FindsTheFactorsTheLabelsWereDrawnWith) {
  constexpr std::size_t kSamples = 20000, kClasses = 3;
  std::vector<float> own, before;
  std::vector<std::int32_t> labels;
  for (std::size_t i = 0; i < kSamples; ++i) {
    RandomStream stream(9, i);
    double weights[kClasses], sum = 0;
    for (double& weight : weights) {
      own.push_back(static_cast<float>(2 * stream.normal()));
      before.push_back(static_cast<float>(2 * stream.normal()));
      weight = std::exp(0.8 * own.back() + 0.4 * before.back());  // a = 0.8, b = 0.4
      sum += weight;
    }
    double u = stream.uniform() * sum;
    std::int32_t label = 0;
    while (label < 2 && u >= weights[label]) u -= weights[label++];
    labels.push_back(label);
  }
  const EnsembleStep step = fit_ensemble(own, before, labels, {0, 1});
  EXPECT_NEAR(step.temperature, 1 / 0.8, 0.05);
  EXPECT_NEAR(step.carry, 0.5, 0.03);
  // What contradicts is left out, not subtracted.
  for (float& x : before) x = -x;
  EXPECT_EQ(fit_ensemble(own, before, labels, {0, 1}).carry, 0);
}

}  // namespace
}  // namespace mj
