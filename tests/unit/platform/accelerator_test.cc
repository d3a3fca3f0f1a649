// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "mj/arch/architecture.h"
#include "mj/ir/memory.h"
#include "mj/platform/platform.h"
#include "tests/unit/error_of.h"

namespace mj {
namespace {

const std::string kToy = R"(format = 1
name = "toy"
title = "A toy"
ram = { value = 1, unit = "MiB", source = "datasheet: sheet 1" }
nvm = { value = 2, unit = "MiB", source = "datasheet: sheet 1" }

[accelerator.energy]
j_per_run = 1e-3
j_per_weight_byte = 2e-9
j_per_activation_byte = 3e-9
j_per_mac = 4e-12
j_per_operator = 5e-6
source = "measured: by the test"

[accelerator.time]
s_per_run = 1e-3
s_per_weight_byte = 0
s_per_activation_byte = 0
s_per_mac = 1e-11
s_per_operator = 0
source = "assumed: for the test"
)";

/// A pointwise convolution of 4x4x2 to 3 channels and a linear layer of 2 outputs.
Graph two_layers() {
  Graph g;
  const ValueId x = g.add_input("x", {DType::kF32, {4, 4, 2}, {}});
  const ValueId w = g.add_constant("w", {3, 1, 1, 2}, std::vector<float>(6, 1));
  const ValueId y = g.add_node("conv", Conv2d{}, {x, w});
  const ValueId flat = g.add_node("flat", Reshape{{48}}, {y});
  const ValueId v = g.add_constant("v", {2, 48}, std::vector<float>(96, 1));
  g.outputs = {g.add_node("out", Linear{}, {flat, v})};
  g.plan = Plan{};
  for (const ValueId value : {x, y, flat, g.outputs[0]}) g.plan->buffers.push_back({value, 0, g.type(value).bytes(), -1, 3});
  return g;
}

TEST(Accelerator, AddsUpWhatTheNetworkIsMadeOf) {
  const Platform platform = parse_platform(kToy, "toy", "toy.toml");
  const Estimate found = estimate(two_layers(), platform);
  // 6 + 96 weights; 48 + 2 elements written; 4*4*3*2 + 96 multiply-accumulates; 2 operators, for a reshape moves nothing.
  EXPECT_NEAR(found.energy.value, 1e-3 + 2e-9 * 102 + 3e-9 * 50 + 4e-12 * 192 + 5e-6 * 2, 1e-15);
  EXPECT_NEAR(found.latency.value, 1e-3 + 1e-11 * 192, 1e-15);
  EXPECT_EQ(found.cycles, 0);
  EXPECT_EQ(found.boot_energy.value, 0);
}

/// A 1x1 convolution of 100 to 100 channels over 9 x 91 pixels: 8.19 M multiply-accumulates.
TEST(Accelerator, Max78000GivesBackWhatWasMeasured) {
  Graph g;
  const ValueId x = g.add_input("x", {DType::kF32, {9, 91, 100}, {}});
  const ValueId w = g.add_constant("w", {100, 1, 1, 100}, std::vector<float>(10000, 1));
  g.outputs = {g.add_node("conv", Conv2d{}, {x, w})};
  g.plan = Plan{};
  for (const ValueId value : {x, g.outputs[0]}) g.plan->buffers.push_back({value, 0, g.type(value).bytes(), -1, 1});
  const Platform platform = read_platform(std::string(MJ_SOURCE_DIR) + "/platforms/max78000.toml");
  const Estimate found = estimate(g, platform);
  // As published: 1.4 ms and 0.09 mJ, each to two figures.
  EXPECT_NEAR(found.latency.value, 1.4e-3, 0.05e-3);
  EXPECT_NEAR(found.energy.value, 0.09e-3, 0.005e-3);
  EXPECT_TRUE(found.fits(platform));
  EXPECT_EQ(platform.ram_bytes.value, 524288);
  EXPECT_EQ(platform.nvm_bytes.value, 442000);
}

TEST(Accelerator, IsWrittenAsItIsRead) {
  const Platform platform = parse_platform(kToy, "toy", "toy.toml");
  const Platform again = parse_platform(to_toml(platform), "toy", "again.toml");
  EXPECT_EQ(again.title, "A toy");
  EXPECT_EQ(again.ram_bytes.value, 1048576);
  EXPECT_EQ(again.accelerator->energy_j.per_term, platform.accelerator->energy_j.per_term);
  EXPECT_EQ(again.accelerator->time_s.per_term, platform.accelerator->time_s.per_term);
  EXPECT_EQ(again.accelerator->energy_source.kind, Source::Kind::kMeasured);
  EXPECT_EQ(again.accelerator->time_source.text, "for the test");
  Platform odd = platform;
  odd.title = "with \"quotes\" and \\";
  EXPECT_EQ(parse_platform(to_toml(odd), "toy", "odd.toml").title, odd.title);
}

TEST(Accelerator, SaysWhatIsMissing) {
  const auto without = [](const std::string& line) {
    std::string text = kToy;
    text.erase(text.find(line), line.size());
    return error_of([&] { parse_platform(text, "toy", "toy.toml"); });
  };
  EXPECT_EQ(without("j_per_mac = 4e-12\n"), "toy.toml:7: 'j_per_mac' is missing in [accelerator.energy]; expected a number");
  EXPECT_EQ(without("source = \"assumed: for the test\"\n"), "toy.toml:15: 'source' is missing in [accelerator.time]; expected text in quotes");
  EXPECT_EQ(error_of([] { require_microcontroller(parse_platform(kToy, "toy", "toy.toml"), "units of work are planned"); }),
            "platform 'toy' is an accelerator; units of work are planned for microcontrollers only");
}

}  // namespace
}  // namespace mj
