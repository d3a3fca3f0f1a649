// SPDX-License-Identifier: Apache-2.0
#include "mj/harvest/simulate.h"

#include "mj/harvest/bound.h"
#include "samples.h"

namespace mj {
namespace {

PolicySetting setting_for(const WorkPlan& plan, const PowerStage& stage, const Outcomes* images, double period_s) {
  PolicySetting setting;
  for (const PlannedExit& exit : plan.exits) setting.exits.push_back(exit.name);
  setting.cost_j = exit_costs(plan, stage);
  setting.period_s = period_s;
  setting.capacity_j = stage.full_j() - stage.energy_at(stage.harvester().turn_off_v.value);
  setting.images = images;
  return setting;
}

SimulationResult run(const WorkPlan& plan, const PowerStage& stage, const std::string& trace, const std::string& policy,
                     const Outcomes* images, const SimulationOptions& options) {
  const auto course = make_trace(trace, 5);
  const auto chosen = make_policy(policy, setting_for(plan, stage, images, options.period_s));
  return simulate(plan, stage, *course, *chosen, images, options);
}

TEST(Simulate, TurnsOnAndOffAsTheClosedForms) {
  const double c = 100e-6, r = 50e3, p = 0.5e-3, load = 3e-3;
  const PowerStage stage(plain_harvester(3.0, 2.0), plain_capacitor(c, r), {}, TraceKind::kPower, 3);
  // One endless unit would not fit a charge: units of a tenth of one, one inference longer than the run.
  const WorkPlan plan = plain_plan(10000, 0.1, load);
  const double on = -r * c / 2 * std::log(1 - 0.5 * c * 9 / (p * r * c / 2));
  const double steady = (load - p) * r * c / 2;
  const double runs = r * c / 2 * std::log((0.5 * c * 9 + steady) / (0.5 * c * 4 + steady));
  const auto result = run(plan, stage, "constant:0.5mW", "full", nullptr, {.duration_s = on + 1.5 * runs});
  ASSERT_TRUE(result.first_on_s.has_value());
  EXPECT_NEAR(*result.first_on_s, on, 1e-3 * on);
  EXPECT_EQ(result.cuts, 1);
  EXPECT_NEAR(result.on_s, runs, 1e-3 * runs);
}

TEST(Simulate, CountsWhatASmallStepSimulatorCounts) {
  // The same device in fixed steps of 2 us, written without any of the engine's code.
  const double c = 22e-6, leak = 200e3, load = 3e-3;
  const int units = 40;
  const double unit_j = 20e-6, boot_j = 10e-6;
  const PowerStage stage(plain_harvester(3.0, 2.0), plain_capacitor(c, leak), {}, TraceKind::kPower, 3);
  const WorkPlan plan = plain_plan(units, units * unit_j, load, {1}, boot_j);
  const std::string course = "markov:1mW,on=0.3s,off=0.2s";
  const double duration = 30;
  const auto result = run(plan, stage, course, "full", nullptr, {.duration_s = duration});

  const auto trace = make_trace(course, 5);
  TraceSegment segment{0, 0};
  double energy = 0, left = 0, done = 0, booted = 0;
  bool on = false;
  int unit = 0;
  std::int64_t answers = 0, cuts = 0;
  const double dt = 2e-6, full = 0.5 * c * 3.6 * 3.6;
  for (double t = 0; t < duration; t += dt) {
    while (left <= 0) trace->next(segment), left += segment.duration_s;
    left -= dt;
    energy = std::min(full, energy + dt * (segment.value - 2 * energy / (leak * c) - (on ? load : 0)));
    if (!on && energy >= 0.5 * c * 9) on = true, booted = 0, done = 0;
    if (!on) continue;
    if (energy <= 0.5 * c * 4) {
      on = false;
      ++cuts;
      continue;
    }
    if (booted < boot_j) { booted += load * dt; continue; }
    done += load * dt;
    if (done >= unit_j) {
      done -= unit_j;
      if (++unit == units) unit = 0, ++answers;
    }
  }
  EXPECT_GT(cuts, 100);
  EXPECT_NEAR(static_cast<double>(result.cuts), static_cast<double>(cuts), 0.005 * static_cast<double>(cuts) + 1);
  EXPECT_NEAR(static_cast<double>(result.answers), static_cast<double>(answers), 1);
}

TEST(Simulate, LeapsWithoutChangingTheResult) {
  const PowerStage stage(find_harvester("nano"), make_capacitor(find_capacitor_family("tantalum"), 1e-3), {}, TraceKind::kPower, 3);
  const WorkPlan plan = plain_plan(300, 2e-3, 2.8e-3, {0.2, 0.6, 1}, 10e-6);
  const Outcomes images = made_up_outcomes(500, 3, 1);
  for (double period : {0.0, 3.0}) {
    SimulationOptions options{.period_s = period, .duration_s = 4 * 86400};
    const auto fast = run(plan, stage, "diurnal:4mW,clouds=0.9", "confidence-energy", &images, options);
    options.leap = false;
    const auto slow = run(plan, stage, "diurnal:4mW,clouds=0.9", "confidence-energy", &images, options);
    EXPECT_GT(fast.cuts, 10);
    EXPECT_EQ(fast.answers, slow.answers);
    EXPECT_EQ(fast.correct, slow.correct);
    EXPECT_EQ(fast.cuts, slow.cuts);
    EXPECT_NEAR(fast.books.useful, slow.books.useful, 1e-9 * slow.books.useful);
    EXPECT_NEAR(fast.books.leakage, slow.books.leakage, 1e-6 * slow.books.leakage);
  }
}

TEST(Simulate, BooksEveryJoule) {
  const Outcomes images = made_up_outcomes(500, 3, 1);
  for (const std::string& name : harvester_names()) {
    for (const char* trace : {"markov:0.5mA,on=2s,off=5s", "square:3mA,period=40s,duty=0.2", "constant:0.2mA"}) {
      const PowerStage stage(find_harvester(name), make_capacitor(find_capacitor_family("tantalum"), 470e-6), {.resistance_ohm = 0, .voltage_v = 3}, TraceKind::kCurrent, 3);
      const WorkPlan plan = plain_plan(200, 1e-3, 2.8e-3, {0.2, 0.6, 1}, 10e-6);
      const auto result = run(plan, stage, trace, "energy", &images, {.period_s = 2, .duration_s = 5000});
      EXPECT_LT(result.books.balance_error(), 1e-12) << name << " " << trace;
      // Each answer's units are counted once as useful, whatever was cut.
      double answered = 0;
      for (std::size_t k = 0; k < 3; ++k) answered += static_cast<double>(result.answers_at_exit[k]) * plan.energy_to_exit(k);
      if (stage.harvester().regulated) {
        EXPECT_GE(result.books.useful, answered * (1 - 1e-9));
        EXPECT_LE(result.books.useful, answered + 1.0001e-3);
      }
    }
  }
}

TEST(Simulate, WastesWhatDoesNotFit) {
  const PowerStage stage(plain_harvester(3.0, 2.0, 3.5), plain_capacitor(100e-6), {}, TraceKind::kPower, 3);
  const auto result = run(plain_plan(10, 1e-5, 3e-3), stage, "constant:1mW", "full", nullptr, {.period_s = 1e6, .duration_s = 100});
  const double held = 0.5 * 100e-6 * 3.5 * 3.5;
  EXPECT_NEAR(result.books.wasted_full, 0.1 - held - 1e-5, 1e-12);
}

TEST(Simulate, TakesInputsByThePeriod) {
  const PowerStage stage(plain_harvester(), plain_capacitor(1e-3), {}, TraceKind::kPower, 3);
  const WorkPlan plan = plain_plan(100, 1e-3, 2e-3);  // half a second
  auto result = run(plan, stage, "constant:10mW", "full", nullptr, {.period_s = 10, .duration_s = 1000, .start_v = 3.5});
  EXPECT_EQ(result.inputs, 100);
  EXPECT_EQ(result.answers, 100);
  EXPECT_NEAR(result.completion_s.largest(), 0.5, 1e-6);
  // Every third input while one inference takes two and a half periods of power.
  result = run(plan, stage, "constant:0.4mW", "full", nullptr, {.period_s = 1, .duration_s = 4000, .start_v = 2.9});
  EXPECT_NEAR(static_cast<double>(result.answers), 0.4 * 4000, 5);
  EXPECT_EQ(result.missed(), 4000 - result.answers);
}

TEST(Simulate, RefusesACapacitorThatHoldsNoUnit) {
  const WorkPlan plan = plain_plan(4, 4e-3, 3e-3, {1}, 1e-4);
  const auto attempt = [&](double farad, double series) {
    const PowerStage stage(plain_harvester(3.0, 2.0), plain_capacitor(farad, INFINITY, series), {}, TraceKind::kPower, 3);
    return error_of([&] { run(plan, stage, "constant:1mW", "full", nullptr, {.duration_s = 10}); });
  };
  // 1.1 mJ between 3 V and 2 V: 2 * 1.1 mJ / 5 V^2 = 440 uF.
  EXPECT_EQ(attempt(100e-6, 0), "a capacitor of 100 uF holds 250 uJ from turn-on to turn-off; boot and the largest unit take 1.10 mJ; the smallest that could is 440 uF");
  EXPECT_EQ(attempt(441e-6, 0), "");
  EXPECT_EQ(attempt(1e-3, 1000), "a capacitor of 1.00 mF holds 0 J from turn-on to turn-off; boot and the largest unit take 1.10 mJ; none is large enough, for the load drops 1.50 V over the series resistance");
  const PowerStage stage(plain_harvester(), plain_capacitor(1e-3), {}, TraceKind::kPower, 3);
  EXPECT_EQ(error_of([&] { run(plan, stage, "constant:1mW", "full", nullptr, {}); }), "the trace goes on for ever; give a duration, e.g. --duration 24h");
}

TEST(Simulate, SaysHowFarADeviceGotThatNeverTurnsOn) {
  const PowerStage stage(plain_harvester(), plain_capacitor(100e-6, 1e4), {}, TraceKind::kPower, 3);
  // Leakage balances 0.4 mW at 2 V.
  const auto result = run(plain_plan(10, 1e-5, 3e-3), stage, "constant:0.4mW", "full", nullptr, {.duration_s = 1000});
  EXPECT_FALSE(result.first_on_s.has_value());
  EXPECT_EQ(result.boots, 0);
  EXPECT_NEAR(result.highest_v, 2.0, 1e-6);
}

TEST(Simulate, WaitsForTheComparator) {
  Harvester h = plain_harvester(3.0, 2.0);
  h.comparator_delay_s.value = 0.01;
  h.brown_out_v.value = 1.5;
  const PowerStage stage(h, plain_capacitor(100e-6), {}, TraceKind::kPower, 3);
  const auto result = run(plain_plan(1000, 1e-1, 3e-3), stage, "square:1mW,period=1000s,duty=0.5", "full", nullptr, {.duration_s = 0.7});
  EXPECT_NEAR(*result.first_on_s, 0.45 + 0.01, 1e-9);
  // (0.5 C 9 + what 10 ms bring - 0.5 C 4) / (3 mW - 1 mW), and 10 ms more.
  EXPECT_NEAR(result.on_s, (250e-6 + 1e-5) / 2e-3 + 0.01, 1e-9);
  EXPECT_EQ(result.cuts, 1);
}

TEST(Simulate, NeverBeatsTheBound) {
  const std::uint64_t seed = 17;
  const Outcomes images = made_up_outcomes(4000, 3, 1);
  for (std::uint64_t i = 0; i < 24; ++i) {
    SCOPED_TRACE(fmt::format("seed {} case {}", seed, i));
    RandomStream random(seed, i);
    const double farad = std::pow(10, -4 + 2 * random.uniform());
    const double period = i % 2 == 0 ? 0 : 0.5 + 4 * random.uniform();
    const std::string trace = fmt::format("markov:{:.3f}mW,on={:.2f}s,off={:.2f}s", 0.3 + 3 * random.uniform(), 0.1 + random.uniform(), 0.1 + 3 * random.uniform());
    const PowerStage stage(find_harvester(i % 3 == 0 ? "ideal" : "nano"), make_capacitor(find_capacitor_family("tantalum"), farad), {}, TraceKind::kPower, 3);
    const WorkPlan plan = plain_plan(200, 1e-3, 2.8e-3, {0.2, 0.6, 1}, 5e-6);
    const SimulationOptions options{.period_s = period, .duration_s = 6000};
    const auto course = make_trace(trace, 5);
    const double most = most_correct(plan, stage, *course, images, options);
    for (const std::string& policy : policy_names(setting_for(plan, stage, &images, period))) {
      if (policy == "clairvoyant") continue;  // knows more
      const auto result = run(plan, stage, trace, policy, &images, options);
      // The images drawn may be kinder than the mean: three standard deviations of their sum.
      const double chance = 3 * std::sqrt(0.25 * static_cast<double>(result.answers) + 1);
      EXPECT_LE(static_cast<double>(*result.correct), most + chance) << policy << " on " << trace;
    }
  }
}

TEST(ValueOfStore, EqualsDynamicProgrammingOnAGrid) {
  const std::uint64_t seed = 23;
  for (std::uint64_t i = 0; i < 20; ++i) {
    SCOPED_TRACE(fmt::format("seed {} case {}", seed, i));
    RandomStream random(seed, i);
    const std::vector<double> slopes = {3, 1.5, 0.25}, lengths = {2, 3, 4};
    const int capacity = 5 + static_cast<int>(random.below(20)), start = static_cast<int>(random.below(static_cast<std::uint64_t>(capacity)));
    std::vector<int> arrivals(30);
    for (int& a : arrivals) a = static_cast<int>(random.below(8));
    ValueOfStore value(slopes, start, capacity);
    for (int a : arrivals) value.receive(a), value.offer(lengths), value.bound();
    // Whole joules lose nothing: all corners are whole.
    const auto worth = [&](int spent) {
      double sum = 0;
      for (std::size_t s = 0; s < slopes.size(); ++s) {
        const double here = std::min<double>(spent, lengths[s]);
        sum += slopes[s] * here, spent -= static_cast<int>(here);
      }
      return sum;
    };
    std::vector<double> best(static_cast<std::size_t>(capacity) + 1, -1e9);
    best[static_cast<std::size_t>(start)] = 0;
    for (int a : arrivals) {
      std::vector<double> next(best.size(), -1e9);
      for (int e = 0; e <= capacity; ++e) {
        for (int spent = 0; spent <= 9 && spent <= e + a; ++spent) {
          auto& cell = next[static_cast<std::size_t>(std::min(capacity, e + a - spent))];
          cell = std::max(cell, best[static_cast<std::size_t>(e)] + worth(spent));
        }
      }
      best = next;
    }
    EXPECT_NEAR(value.most(), *std::max_element(best.begin(), best.end()), 1e-9);
  }
}

}  // namespace
}  // namespace mj
