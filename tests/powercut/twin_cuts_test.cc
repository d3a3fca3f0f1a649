// SPDX-License-Identifier: Apache-2.0

// Power cuts between the instructions of firmware on emulated devices.
#include "mj/twin/powercut/twin_cuts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mj/base/error.h"
#include "mj/base/process.h"
#include "mj/ir/evaluate.h"
#include "mj/ir/tensor.h"
#include "mj/twin/run.h"
#include "networks.h"
#include "random_int8_graph.h"
#include "tests/unit/error_of.h"

namespace mj {
namespace {

bool has_msp430() { return installed({"make", "clang", "ld.lld"}); }
bool has_m4() { return installed({"make", "cc", "arm-none-eabi-gcc", "qemu-system-arm"}); }

TwinCutResult cut_twin(const FirmwareFolder& folder, const TwinCutOptions& options) {
  return cut_power_on_twin(folder, options, silent_progress());
}

class Msp430Cuts : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_msp430()) GTEST_SKIP() << "not installed: make, clang or lld";
  }
  const TestFolder folder_;
};

TEST_F(Msp430Cuts, EveryBoundaryOfAWholeInferenceIsSurvived) {
  const FirmwareFolder firmware = emit_intermittent(small_residual_network(), folder_.path() / "net", "fram", 5e-8, "msp430");
  const TwinCutResult result = cut_twin(firmware, {.units = false, .every = 1, .random = 500});
  EXPECT_EQ(result.divergences, 0) << result.first_divergence;
  EXPECT_EQ(result.single_cuts, result.instructions);
  EXPECT_EQ(result.cut_units, static_cast<std::int64_t>(firmware.units.size()));
  EXPECT_GE(result.restarts_run_to_the_end, result.units);
  EXPECT_GT(result.random_cuts, 500);
}

TEST_F(Msp430Cuts, EveryBoundaryOfOneUnitOfEveryKindIsSurvived) {
  for (const std::uint64_t seed : {3, 5}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const FirmwareFolder firmware = emit_intermittent(random_int8_graph(seed, 8), folder_.path() / "net", "fram", 4e-7, "msp430");
    const TwinCutResult result = cut_twin(firmware, {.random = 20, .seed = seed});
    RecordProperty("cuts", static_cast<int>(result.single_cuts));
    EXPECT_EQ(result.divergences, 0) << result.first_divergence;
    EXPECT_GT(result.single_cuts, 1000);
    EXPECT_GT(result.cut_units, 5);
  }
}

TEST_F(Msp430Cuts, OfIntermittentFirmwareGiveTheEvaluatorsBytes) {
  const Graph graph = small_residual_network();
  emit_intermittent(graph, folder_.path() / "net", "fram", 5e-8, "msp430");
  RandomStream random(4, 0x430);
  std::vector<std::byte> inputs, expected;
  const Evaluator evaluator(graph);
  for (int i = 0; i < 4; ++i) {
    const Tensor input = random_int8_input(graph, random);
    inputs.insert(inputs.end(), input.data.begin(), input.data.end());
    for (const Tensor& output : evaluator.run(input)) expected.insert(expected.end(), output.data.begin(), output.data.end());
  }
  EXPECT_EQ(run_twin(folder_.path() / "net", inputs, {}).outputs, expected);
}

class Msp430SeedBugs : public testing::TestWithParam<const char*> {};

TEST_P(Msp430SeedBugs, AreCaught) {
  if (!has_msp430()) GTEST_SKIP() << "not installed: make, clang or lld";
  const TestFolder folder;
  const FirmwareFolder firmware = emit_intermittent(small_residual_network(), folder.path() / "net", "fram", 5e-8, "msp430");
  const TwinCutResult all = cut_twin(firmware, {.units = false, .every = 1, .seed_bug = GetParam()});
  EXPECT_GT(all.divergences, 0);
  EXPECT_THAT(all.first_divergence, testing::MatchesRegex("cut after [0-9]+ instructions of .*, at 0x[0-9a-f]+.*: .+"));
  const TwinCutResult random = cut_twin(firmware, {.units = false, .random = 2000, .seed_bug = GetParam()});
  EXPECT_GT(random.divergences, 0);
}

INSTANTIATE_TEST_SUITE_P(All, Msp430SeedBugs,
                         testing::Values("in-place-residual", "commit-before-data", "in-place-partials", "stale-volatile-cache"));

TEST_F(Msp430Cuts, EveryBoundaryOfANetworkWithExitsIsSurvived) {
  const FirmwareFolder firmware = emit_intermittent(small_exit_network(), folder_.path() / "net", "fram", 1e-7, "msp430");
  ASSERT_EQ(firmware.decisions.size(), 2u);
  const TwinCutResult result = cut_twin(firmware, {.units = false, .every = 1, .random = 500});
  EXPECT_EQ(result.divergences, 0) << result.first_divergence;
  EXPECT_EQ(result.single_cuts, result.instructions);
  EXPECT_EQ(result.cut_units, static_cast<std::int64_t>(firmware.units.size()));
}

class M4Cuts : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_m4()) GTEST_SKIP() << "not installed: make, cc, arm-none-eabi-gcc or qemu-system-arm";
  }
  const TestFolder folder_;
};

TEST_F(M4Cuts, EveryBoundaryOfOneUnitOfEveryKindIsSurvived) {
  const FirmwareFolder firmware = emit_intermittent(small_residual_network(), folder_.path() / "net", "fram", 2e-7, "cortex-m");
  const TwinCutResult result = cut_twin(firmware, {.random = 10});
  EXPECT_EQ(result.divergences, 0) << result.first_divergence;
  EXPECT_GT(result.single_cuts, 10 * result.restarts);
  EXPECT_GE(result.restarts, result.cut_units);
  EXPECT_GT(result.random_cuts, 10);
}

TEST_F(M4Cuts, EveryUnitKindOfANetworkWithExitsIsSurvived) {
  const FirmwareFolder firmware = emit_intermittent(small_exit_network(), folder_.path() / "net", "fram", 2e-7, "cortex-m");
  const TwinCutResult result = cut_twin(firmware, {.random = 10});
  EXPECT_EQ(result.divergences, 0) << result.first_divergence;
  EXPECT_GE(result.restarts, result.cut_units);
}

TEST_F(M4Cuts, FindAPlantedFault) {
  const FirmwareFolder firmware = emit_intermittent(small_residual_network(), folder_.path() / "net", "fram", 2e-7, "cortex-m");
  const TwinCutResult result = cut_twin(firmware, {.seed_bug = "in-place-residual"});
  EXPECT_GT(result.divergences, 0);
  EXPECT_THAT(result.first_divergence, testing::HasSubstr("cut after "));
}

TEST(TwinCuts, SayWhatTheyNeed) {
  const TestFolder folder;
  const auto on_host = emit_intermittent(small_residual_network(), folder.path() / "host", "fram", 5e-8);
  EXPECT_EQ(error_of([&] { cut_twin(on_host, {}); }),
            (folder.path() / "host").string() + ": emitted for target host; expected 'emit --target msp430' or cortex-m");
  const auto on_arm = emit_intermittent(small_residual_network(), folder.path() / "arm", "fram", 5e-8, "cortex-m");
  EXPECT_EQ(error_of([&] { cut_twin(on_arm, {.machine = "msp430fr5994"}); }),
            (folder.path() / "arm").string() + ": emitted for target cortex-m; machine msp430fr5994 needs 'emit --target msp430'");
  if (!has_m4()) return;
  EXPECT_EQ(error_of([&] { cut_twin(on_arm, {.machine = "m0"}); }),
            (folder.path() / "arm").string() + ": machine m0 has no non-volatile memory; expected m4 or msp430fr5994");
}

}  // namespace
}  // namespace mj
