// SPDX-License-Identifier: Apache-2.0
#include "mj/harvest/work_plan.h"

#include <functional>
#include <nlohmann/json.hpp>

#include "mj/platform/platform.h"
#include "samples.h"

namespace mj {
namespace {

using Json = nlohmann::json;

Json good() {
  return Json::parse(R"({"schema": 1, "name": "net", "platform": "msp430fr5994", "commit_energy_j": 1e-9, "boot_energy_j": 1e-6,
    "units": [{"index": 0, "node": 0, "op": "conv2d", "energy_j": 2e-6, "cycles": 8000, "nvm_read_bytes": 1, "nvm_write_bytes": 1},
              {"index": 1, "node": 1, "op": "reshape", "energy_j": 0, "cycles": 0, "nvm_read_bytes": 0, "nvm_write_bytes": 0},
              {"index": 2, "node": 2, "op": "linear", "energy_j": 4e-6, "cycles": 16000, "nvm_read_bytes": 1, "nvm_write_bytes": 1}],
    "exits": [{"name": "exit1", "unit": 0}, {"name": "logits", "unit": 2}]})");
}

TEST(WorkPlan, ReadsAManifest) {
  const WorkPlan plan = parse_work_plan(good().dump(), "m");
  EXPECT_EQ(plan.units(), 3);
  const double commit_cycles = 1e-9 / find_platform("msp430fr5994").energy_per_cycle_j.value;
  EXPECT_DOUBLE_EQ(plan.unit(0).seconds, (8000 + commit_cycles) / 8e6);
  EXPECT_DOUBLE_EQ(plan.unit(2).energy_j, 4.001e-6);
  EXPECT_GT(plan.unit(1).seconds, 0);  // a commit takes time
  EXPECT_DOUBLE_EQ(plan.energy_to_exit(0), 2.001e-6);
  EXPECT_DOUBLE_EQ(plan.energy_to_exit(1), 6.003e-6);
  EXPECT_DOUBLE_EQ(plan.boot_energy_j, 1e-6);
  EXPECT_DOUBLE_EQ(plan.voltage_v, 3);
  Json single = good();
  single.erase("exits");
  const WorkPlan last = parse_work_plan(single.dump(), "m");
  ASSERT_EQ(last.exits.size(), 1u);
  EXPECT_EQ(last.exits[0].unit, 2);
}

TEST(WorkPlan, TrustsNothing) {
  const auto refusal = [](const std::function<void(Json&)>& change) {
    Json json = good();
    change(json);
    return error_of([&] { parse_work_plan(json.dump(), "m"); });
  };
  EXPECT_EQ(error_of([] { parse_work_plan("{", "m"); }), "m: not JSON; expected the manifest of an emitted folder");
  EXPECT_EQ(error_of([] { parse_work_plan("[1]", "m"); }), "m: there are no units of work; emit with --intermittent and --platform, so that each unit has its energy");
  EXPECT_EQ(refusal([](Json& j) { j.erase("units"); }), "m: there are no units of work; emit with --intermittent and --platform, so that each unit has its energy");
  EXPECT_EQ(refusal([](Json& j) { j["units"] = Json::array(); }), "m: units holds 0 entries; expected 1 to 32766");
  EXPECT_EQ(refusal([](Json& j) { j["units"] = 7; }), "m: units is number; expected a list");
  EXPECT_EQ(refusal([](Json& j) { j["units"][1].erase("cycles"); }), "m: 'cycles' is missing in units[1]");
  EXPECT_EQ(refusal([](Json& j) { j["units"][1] = 3; }), "m: units[1] is number; expected an object");
  EXPECT_EQ(refusal([](Json& j) { j["units"][2]["energy_j"] = -1; }), "m: units[2].energy_j is -1; expected 0 to 1000");
  EXPECT_EQ(refusal([](Json& j) { j["units"][2]["energy_j"] = "x"; }), "m: units[2].energy_j is string; expected a number");
  EXPECT_EQ(refusal([](Json& j) { j["units"][2]["energy_j"] = 1e300; }), "m: units[2].energy_j is 1e+300; expected 0 to 1000");
  EXPECT_EQ(refusal([](Json& j) { j["units"][2]["index"] = 5; }), "m: units[2].index is 5; expected 2 to 2");
  EXPECT_EQ(refusal([](Json& j) { j["platform"] = nullptr; }), "m: platform is null; expected text");
  EXPECT_EQ(refusal([](Json& j) { j["exits"][0]["unit"] = 2; }), "m: exits[1].unit is 2; expected 3 to 2");
  EXPECT_EQ(refusal([](Json& j) { j["exits"][1]["unit"] = 1; }), "m: exits: the last one ('logits') follows unit 1; expected 2, the last unit");
  EXPECT_EQ(refusal([](Json& j) { j["exits"][1]["unit"] = 18446744073709551615u; }), "m: exits[1].unit is 18446744073709551615; expected 1 to 2");
  EXPECT_EQ(refusal([](Json& j) { j["commit_energy_j"] = 0; for (Json& u : j["units"]) u["cycles"] = 0; }), "m: the units take 6.00 uJ and 0 s; expected more than 0");
}

}  // namespace
}  // namespace mj
