// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "mj/harvest/exit_policy.h"
#include "samples.h"

namespace mj {
namespace {

/// Cost and accuracy of deciding by these buckets, by running through all paths of the model.
ExitLevel measured(const BucketModel& model, const std::vector<double>& cost_j, const std::vector<std::uint16_t>& go_on) {
  ExitLevel out{.cost_j = 0, .accuracy = 0, .go_on = go_on};
  std::vector<double> here = model.first;
  for (std::size_t k = 0; k < model.exits; ++k) {
    std::vector<double> next(MJ_POLICY_BUCKETS, 0);
    for (std::size_t b = 0; b < MJ_POLICY_BUCKETS; ++b) {
      out.cost_j += here[b] * (cost_j[k] - (k > 0 ? cost_j[k - 1] : 0));
      if (k + 1 < model.exits && (go_on[k] >> b & 1) != 0) {
        for (std::size_t c = 0; c < MJ_POLICY_BUCKETS; ++c) next[c] += here[b] * model.onward[(k * MJ_POLICY_BUCKETS + b) * MJ_POLICY_BUCKETS + c];
      } else {
        out.accuracy += here[b] * model.accuracy[k * MJ_POLICY_BUCKETS + b];
      }
    }
    here = next;
  }
  return out;
}

TEST(ExitLevels, NoOtherDecisionLiesAboveTheHull) {
  const Outcomes outcomes = made_up_outcomes(3000, 4, 2);
  const BucketModel model = learn_buckets(outcomes);
  const std::vector<double> cost = {1e-3, 2e-3, 4e-3, 6e-3};
  const std::vector<ExitLevel> levels = exit_levels(model, cost);
  ASSERT_GE(levels.size(), 4u);
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const ExitLevel check = measured(model, cost, levels[i].go_on);
    EXPECT_NEAR(check.cost_j, levels[i].cost_j, 1e-12);
    EXPECT_NEAR(check.accuracy, levels[i].accuracy, 1e-12);
  }
  const auto ceiling = [&](double cost_j) {
    if (cost_j <= levels[0].cost_j) return levels[0].accuracy * cost_j / levels[0].cost_j;
    for (std::size_t i = 1; i < levels.size(); ++i) {
      if (cost_j > levels[i].cost_j) continue;
      const double at = (cost_j - levels[i - 1].cost_j) / (levels[i].cost_j - levels[i - 1].cost_j);
      return levels[i - 1].accuracy + at * (levels[i].accuracy - levels[i - 1].accuracy);
    }
    return levels.back().accuracy;
  };
  const std::uint64_t seed = 3;
  for (std::uint64_t i = 0; i < 3000; ++i) {
    RandomStream random(seed, i);
    std::vector<std::uint16_t> go_on(4, 0);
    for (std::size_t k = 0; k < 3; ++k) {
      // Thresholds with some bits flipped: random bits alone are never good.
      go_on[k] = static_cast<std::uint16_t>((1u << random.below(17)) - 1);
      if (i % 2 == 0) go_on[k] = static_cast<std::uint16_t>(go_on[k] ^ (1u << random.below(16)));
    }
    const ExitLevel other = measured(model, cost, go_on);
    ASSERT_LE(other.accuracy, ceiling(other.cost_j) + 1e-9) << "seed " << seed << " case " << i;
  }
  EXPECT_EQ(thinned(levels, 3).size(), 3u);
  EXPECT_EQ(thinned(levels, 3).back().cost_j, levels.back().cost_j);
}

TEST(ExitLevels, FittedOnesMeasureWhatTheySay) {
  const Outcomes outcomes = made_up_outcomes(2000, 3, 4);
  const BucketModel model = learn_buckets(outcomes);
  const std::vector<double> cost = {1e-3, 2e-3, 5e-3};
  const std::vector<ExitLevel> levels = fitted_levels(model, cost, outcomes);
  ASSERT_GE(levels.size(), 4u);
  for (std::size_t i = 0; i < levels.size(); ++i) {
    // Measured here once more, image by image.
    double spent = 0, right = 0;
    for (std::int64_t image = 0; image < outcomes.images; ++image) {
      std::size_t k = 0;
      while (k < 2 && (levels[i].go_on[k] >> model.bucket(k, outcomes.confidence[outcomes.at(image, k)]) & 1) != 0) ++k;
      spent += cost[k];
      right += outcomes.correct[outcomes.at(image, k)];
    }
    EXPECT_NEAR(spent / 2000, levels[i].cost_j, 1e-9);
    EXPECT_NEAR(right / 2000, levels[i].accuracy, 1e-9);
    if (i < 2) continue;
    const auto slope = [&](std::size_t j) { return (levels[j].accuracy - levels[j - 1].accuracy) / (levels[j].cost_j - levels[j - 1].cost_j); };
    EXPECT_LT(slope(i), slope(i - 1));
  }
  // No fixed exit lies above.
  for (std::size_t k = 0; k < 3; ++k) EXPECT_LE(outcomes.accuracy(k) / cost[k], levels[0].accuracy / levels[0].cost_j + 1e-9);
  EXPECT_GE(levels.back().accuracy, outcomes.accuracy(2));
}

TEST(ExitLevels, BucketsHoldEqualShares) {
  const Outcomes outcomes = made_up_outcomes(1600, 2, 2);
  const BucketModel model = learn_buckets(outcomes);
  for (double share : model.first) EXPECT_NEAR(share, 1.0 / 16, 0.01);
  double total = 0;
  for (std::size_t b = 0; b < 16; ++b) total += model.first[b] * model.accuracy[b];
  EXPECT_NEAR(total, outcomes.accuracy(0), 1e-12);
}

struct CPlan {
  std::vector<std::int32_t> cost = {100, 300, 1000}, level_cost = {100, 400, 900};
  std::vector<std::uint16_t> edges = std::vector<std::uint16_t>(3 * 15), go_on = {0, 0, 0, 0x00FF, 0x00FF, 0, 0xFFFF, 0xFFFF, 0};
  mj_policy_plan plan{};

  explicit CPlan(mj_policy_kind kind, std::int32_t period_ms) {
    for (std::size_t i = 0; i < edges.size(); ++i) edges[i] = static_cast<std::uint16_t>((i % 15 + 1) * 2048);
    plan = {static_cast<std::uint8_t>(kind), 3, 3, 1, period_ms, 8000, 800, 100, cost.data(), level_cost.data(), edges.data(), go_on.data()};
  }
};

TEST(DevicePolicy, StopsWhereTheSimpleOnesSay) {
  mj_policy_state state{};
  CPlan full(MJ_POLICY_FULL, 0), fixed(MJ_POLICY_FIXED, 0), energy(MJ_POLICY_ENERGY, 0);
  EXPECT_TRUE(mj_policy_go_on(&full.plan, &state, 0, 32768, 0));
  EXPECT_TRUE(mj_policy_go_on(&fixed.plan, &state, 0, 32768, 0));
  EXPECT_FALSE(mj_policy_go_on(&fixed.plan, &state, 1, 0, 0));
  EXPECT_FALSE(mj_policy_go_on(&energy.plan, &state, 0, 0, 800 + 199));
  EXPECT_TRUE(mj_policy_go_on(&energy.plan, &state, 0, 0, 800 + 200));
  EXPECT_FALSE(mj_policy_go_on(&energy.plan, &state, 1, 0, 800 + 699));
}

TEST(DevicePolicy, ReadsTheBucketOfItsLevel) {
  mj_policy_state state{};
  CPlan p(MJ_POLICY_CONFIDENCE, 1000);
  mj_policy_begin(&p.plan, &state, 0, 0, 5000);
  EXPECT_EQ(state.level, 1);
  EXPECT_TRUE(mj_policy_go_on(&p.plan, &state, 0, 8 * 2048 - 1, 0));
  EXPECT_FALSE(mj_policy_go_on(&p.plan, &state, 0, 8 * 2048, 0));
  CPlan starving(MJ_POLICY_STARVATION, 1000);
  mj_policy_begin(&starving.plan, &state, 0, 0, 5000);
  EXPECT_EQ(state.level, 0);
  EXPECT_FALSE(mj_policy_go_on(&starving.plan, &state, 0, 0, 8000));
}

TEST(DevicePolicy, FollowsIncomeAndStore) {
  CPlan p(MJ_POLICY_CONFIDENCE_ENERGY, 1000);
  // Plenty: the store stays full, so the level climbs to the top.
  mj_policy_state state{};
  std::uint32_t now = 0;
  for (int i = 0; i < 100; ++i, now += 1000) {
    mj_policy_begin(&p.plan, &state, now, 0, 8000);
    mj_policy_end(&p.plan, &state, state.level);
  }
  EXPECT_EQ(state.level, 2);
  // Nothing arrives and inputs wait: down to the level with the most answers per joule.
  std::int32_t stored = 900;
  for (int i = 0; i < 40; ++i, now += 1000) {
    mj_policy_begin(&p.plan, &state, now, 5000, stored);
    mj_policy_end(&p.plan, &state, 0);
    stored -= 1;
  }
  EXPECT_EQ(state.level, 0);
  // 450 uJ arrive per second, the store in the middle: the level that costs 400.
  state = {};
  stored = 4000;
  for (int i = 0; i < 60; ++i, now += 1000) {
    mj_policy_begin(&p.plan, &state, now, 0, 800 + 100);
    mj_policy_end(&p.plan, &state, 0);
    state.spent_uj = 450;
  }
  EXPECT_EQ(state.level, 1);
}

TEST(DevicePolicy, SurvivesExtremes) {
  CPlan p(MJ_POLICY_CONFIDENCE_ENERGY, 2147483647);
  mj_policy_state state{};
  for (std::int32_t stored : {0, 2147483647, -2147483647, 5, 2147483647}) {
    for (std::uint32_t now : {0u, 4294967295u, 1u, 2147483648u, 7u}) {
      mj_policy_begin(&p.plan, &state, now, 2147483647, stored);
      mj_policy_end(&p.plan, &state, 2);
      EXPECT_LT(state.level, 3);
    }
  }
}

TEST(ExitPolicy, NamesWhatItKnows) {
  const Outcomes images = made_up_outcomes(200, 2, 1);
  PolicySetting setting{.exits = {"exit1", "logits"}, .cost_j = {1e-3, 2e-3}, .capacity_j = 1};
  EXPECT_EQ(error_of([&] { make_policy("confidense", setting); }),
            "unknown policy 'confidense' (did you mean confidence?); known: full, energy, confidence, confidence-energy, starvation, clairvoyant, exit:NAME, confidence:SHARE, budget:ENERGY");
  EXPECT_EQ(error_of([&] { make_policy("exit:exit7", setting); }), "policy 'exit:exit7': there is no exit 'exit7'; the network has exit1, logits");
  EXPECT_EQ(error_of([&] { make_policy("confidence", setting); }), "policy 'confidence' looks at confidences; give --data and --model, or --outcomes");
  setting.images = &images;
  EXPECT_EQ(error_of([&] { make_policy("confidence:1.5", setting); }), "policy 'confidence:1.5': '1.5' is no confidence; expected 0 to 1");
  const auto threshold = make_policy("confidence:0.5", setting);
  threshold->begin(0, 0, 0);
  for (std::int64_t i = 0; i < images.images; ++i) {
    EXPECT_EQ(threshold->go_on(0, i, 0), images.confidence[images.at(i, 0)] < 16384);
  }
  const auto clairvoyant = make_policy("clairvoyant", setting);
  for (std::int64_t i = 0; i < images.images; ++i) {
    EXPECT_EQ(clairvoyant->go_on(0, i, 0), images.correct[images.at(i, 0)] == 0 && images.correct[images.at(i, 1)] == 1);
  }
}

TEST(Outcomes, ReadWhatWasWritten) {
  const ScratchFile file(outcomes_text({"exit1", "logits"}, {3, 1}, {3, 2, 0, 1}, {0.25, 0.5, 1, 0.125}));
  const Outcomes outcomes = read_outcomes(file.path());
  EXPECT_EQ(outcomes.images, 2);
  EXPECT_EQ(outcomes.exits, (std::vector<std::string>{"exit1", "logits"}));
  EXPECT_EQ(outcomes.correct, (std::vector<std::uint8_t>{1, 0, 0, 1}));
  EXPECT_EQ(outcomes.confidence, (std::vector<std::uint16_t>{8192, 16384, 32768, 4096}));
  const auto refusal = [](const std::string& text) {
    const ScratchFile bad(text);
    std::string said = error_of([&] { read_outcomes(bad.path()); });
    const std::size_t at = said.find(bad.path());
    return at == std::string::npos ? said : said.replace(at, bad.path().size(), "O");
  };
  EXPECT_EQ(refusal("a,b\n"), "O:1: not a table of outcomes; expected a header 'label,NAME_answer,NAME_confidence,...'");
  EXPECT_EQ(refusal("label,x_answer,y_confidence\n"), "O:1: columns 'x_answer' and 'y_confidence'; expected NAME_answer and NAME_confidence");
  EXPECT_EQ(refusal("label,x_answer,x_confidence\n1,2\n"), "O:2: 2 columns; expected 3");
  EXPECT_EQ(refusal("label,x_answer,x_confidence\n1,2,1.5\n"), "O:2: confidence '1.5'; expected 0 to 1");
  EXPECT_EQ(refusal("label,x_answer,x_confidence\n"), "O: no images; expected one per row after the header");
}

}  // namespace
}  // namespace mj
