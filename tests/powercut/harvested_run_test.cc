// SPDX-License-Identifier: Apache-2.0

// The emulated device on harvested energy, against the simulation from its plan.
#include "mj/twin/harvested_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mj/base/process.h"
#include "mj/emit/nvm.h"
#include "mj/harvest/simulate.h"
#include "mj/pass/plan_units.h"
#include "networks.h"
#include "tests/unit/error_of.h"

namespace mj {
namespace {

Harvester lossless() {
  Harvester h = find_harvester("ideal");
  h.turn_on_v.value = 3.0, h.turn_off_v.value = h.brown_out_v.value = 2.0, h.full_v.value = 3.6;
  return h;
}

class HarvestedRunTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!installed({"make", "clang", "ld.lld"})) GTEST_SKIP() << "not installed: make, clang or lld";
    const Graph planned = plan_units(small_residual_network(), platform_, {.charge = {4e-6}, .word_bytes = find_nvm("fram").word_bytes});
    write_firmware(folder_.path() / "net", emit(planned, {.name = "net", .target = "msp430", .nvm = "fram"}, &platform_));
    plan_ = read_work_plan(folder_.path() / "net");
  }
  HarvestedRun emulate(Harvester harvester, double farad, const std::string& course, const HarvestedRunOptions& options) {
    const Capacitor capacitor{.family = "plain", .capacitance_f = farad, .leakage_ohm = INFINITY, .series_ohm = 0, .volume_mm3 = 1};
    const PowerStage stage(harvester, capacitor, {}, TraceKind::kPower, plan_.voltage_v);
    const auto trace = make_trace(course, 5);
    return run_harvested(read_device_folder(folder_.path() / "net"), platform_, stage, *trace, options, silent_progress());
  }
  SimulationResult simulated(Harvester harvester, double farad, const std::string& course, const HarvestedRunOptions& options) {
    const Capacitor capacitor{.family = "plain", .capacitance_f = farad, .leakage_ohm = INFINITY, .series_ohm = 0, .volume_mm3 = 1};
    const PowerStage stage(harvester, capacitor, {}, TraceKind::kPower, plan_.voltage_v);
    const auto trace = make_trace(course, 5);
    PolicySetting setting;
    for (const PlannedExit& exit : plan_.exits) setting.exits.push_back(exit.name);
    setting.cost_j = exit_costs(plan_, stage);
    const auto policy = make_policy("full", setting);
    return simulate(plan_, stage, *trace, *policy, nullptr, {.period_s = options.period_s, .duration_s = options.duration_s});
  }

  const TestFolder folder_;
  const Platform platform_ = find_platform("msp430fr5994");
  WorkPlan plan_;
};

TEST_F(HarvestedRunTest, IsCutAndAnswersAsTheSimulationSays) {
  // The plan with what an inference takes in truth: how far cost lines are off is another test's.
  const auto steady = emulate(lossless(), 470e-6, "constant:20mW", {.duration_s = 2, .start_v = 3.6});
  ASSERT_EQ(steady.cuts, 0);
  ASSERT_GT(steady.answers, 30);
  const double true_s = static_cast<double>(steady.cycles) / platform_.frequency_hz.value / static_cast<double>(steady.answers);
  std::vector<WorkPlan::Unit> units;
  for (std::int32_t u = 0; u < plan_.units(); ++u) {
    units.push_back(plan_.unit(u));
    units.back().seconds *= true_s / plan_.seconds_before(plan_.units());
    units.back().energy_j *= true_s / plan_.seconds_before(plan_.units());
  }
  plan_.set_units(units);
  const HarvestedRunOptions options{.duration_s = 4};
  const auto emulated = emulate(lossless(), 4.7e-6, "markov:1mW,on=0.3s,off=0.2s", options);
  const auto expected = simulated(lossless(), 4.7e-6, "markov:1mW,on=0.3s,off=0.2s", options);
  EXPECT_EQ(emulated.wrong_answers, 0);
  EXPECT_GT(emulated.cuts, 100);
  EXPECT_EQ(emulated.boots, expected.boots);
  EXPECT_EQ(emulated.cuts, expected.cuts);
  EXPECT_GT(emulated.answers, 20);
  EXPECT_NEAR(static_cast<double>(emulated.answers), static_cast<double>(expected.answers), 1);
  EXPECT_NEAR(emulated.harvested_j, expected.books.harvested, 1e-9);
  // All that was harvested reached the device or is left.
  EXPECT_NEAR(emulated.harvested_j, emulated.device_j + emulated.stored_end_j, 1e-12);
}

TEST_F(HarvestedRunTest, TakesOneInputInEachPeriod) {
  const auto run = emulate(lossless(), 470e-6, "constant:20mW", {.period_s = 0.25, .duration_s = 2.9, .start_v = 3.6});
  EXPECT_EQ(run.cuts, 0);
  EXPECT_EQ(run.boots, 1);
  EXPECT_EQ(run.answers, 12);
  EXPECT_EQ(run.wrong_answers, 0);
}

TEST_F(HarvestedRunTest, RefusesWhatTheDeviceCannotRun) {
  write_firmware(folder_.path() / "host", emit(plan_units(small_residual_network(), platform_, {.charge = {4e-6}, .word_bytes = find_nvm("fram").word_bytes}),
                                              {.name = "net", .target = "host", .nvm = "fram"}, &platform_));
  const Capacitor capacitor{.family = "plain", .capacitance_f = 1e-3, .leakage_ohm = INFINITY, .series_ohm = 0, .volume_mm3 = 1};
  const PowerStage stage(lossless(), capacitor, {}, TraceKind::kPower, 3);
  const auto trace = make_trace("constant:1mW", 5);
  const auto host = folder_.path() / "host";
  EXPECT_EQ(error_of([&] { run_harvested(read_device_folder(host), platform_, stage, *trace, {.duration_s = 1}, silent_progress()); }),
            host.string() + ": intermittent firmware for target host; the emulated device runs what 'emit --target msp430 --intermittent' makes");
}

}  // namespace
}  // namespace mj
