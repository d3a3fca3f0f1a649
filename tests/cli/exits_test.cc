// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "mj/arch/architecture.h"
#include "mj/io/onnx.h"
#include "tests/cli/command_line.h"

namespace mj {
namespace {

using testing::HasSubstr;

TEST(ExitsCommand, ChoosesOnASetTheNetworkHasNotSeen) {
  const ScratchFolder folder, fresh, wide;
  write_bars(folder.path(), 90, 30);
  write_bars(fresh.path(), 33, 3);
  write_onnx(folder / "net.onnx", build(parse_architecture("resnet-8-w4-s1"), {12, 12, 1}, 3, 5));
  const auto exits = [&](const std::string& choose_on) {
    return millijoule({"exits", folder / "net.onnx", "--data", "npy:" + folder.path().string(), "-o", folder / "exits.onnx", "--epochs", "2",
                       "--views", "1", "--width", "4", "--batch", "16", "--json", "-", "--choose-on", choose_on});
  };
  const Ran ran = exits("npy:" + fresh.path().string());
  ASSERT_EQ(ran.exit_code, 0) << ran.errors;
  for (const auto& exit : nlohmann::json::parse(ran.output)["exits"]) {
    const double right = 33 * exit["validation_accuracy"].get<double>();  // of 33 images, not of the 8 held out
    EXPECT_NEAR(right, std::round(right), 0.01);
  }
  const Ran missing = exits("npy:" + (wide.path() / "none").string());
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.errors, HasSubstr("none"));
}

TEST(ExitsCommand, AddsExitsThatEveryOtherCommandTakes) {
  const ScratchFolder folder;
  write_bars(folder.path(), 90, 30);
  const std::string data = "npy:" + folder.path().string();
  write_onnx(folder / "net.onnx", build(parse_architecture("resnet-8-w4-s1"), {12, 12, 1}, 3, 5));
  const Ran ran = millijoule({"exits", folder / "net.onnx", "--data", data, "-o", folder / "exits.onnx", "--epochs", "3", "--views", "2",
                              "--width", "4", "--batch", "16", "--json", "-", "--plot", folder / "exits.svg"});
  ASSERT_EQ(ran.exit_code, 0) << ran.errors;
  const auto json = nlohmann::json::parse(ran.output);
  ASSERT_EQ(json["exits"].size(), 4u);  // three block boundaries and the end
  double before = 0;
  for (const auto& exit : json["exits"]) {
    EXPECT_GT(exit["energy_j"].get<double>(), before);
    before = exit["energy_j"].get<double>();
  }
  EXPECT_EQ(json["exits"][0]["state_bytes"], 4 * 4 * 4 + 3);
  EXPECT_EQ(json["exits"][3]["name"], "logits");
  EXPECT_THAT(read_text(folder / "exits.svg"), HasSubstr("<svg"));

  const Ran evaluated = millijoule({"eval", folder / "exits.onnx", "--data", data, "--json", "-"});
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.errors;
  const auto per_exit = nlohmann::json::parse(evaluated.output)["per_exit"];
  ASSERT_EQ(per_exit.size(), 4u);
  for (std::size_t k = 0; k < 4; ++k) {
    EXPECT_EQ(per_exit[k]["name"], json["exits"][k]["name"]);
    EXPECT_NEAR(per_exit[k]["accuracy"].get<double>(), json["exits"][k]["accuracy"].get<double>(), 0.04);  // one image of 30
  }
  const Ran quantized = millijoule({"quantize", folder / "exits.onnx", "--data", data, "-o", folder / "int8.onnx", "--images", "40"});
  ASSERT_EQ(quantized.exit_code, 0) << quantized.errors;
  const Ran emitted = millijoule({"emit", folder / "int8.onnx", "-o", folder / "firmware"});
  EXPECT_EQ(emitted.exit_code, 0) << emitted.errors;
  EXPECT_THAT(read_text(folder / "firmware/model.h"), HasSubstr("uint8_t model_infer_until(model_state* state, mj_go_on go_on, void* context);"));
  EXPECT_THAT(read_text(folder / "firmware/README.md"), HasSubstr("The network can answer at 3 exits before its end."));

  // The same for a device whose power fails, through the proof and the simulator.
  const Ran intermittent = millijoule({"emit", folder / "int8.onnx", "-o", folder / "kept", "--intermittent", "--platform", "msp430fr5994",
                                       "--charge", "300 uJ"});
  ASSERT_EQ(intermittent.exit_code, 0) << intermittent.errors;
  const auto manifest = nlohmann::json::parse(read_text(folder / "kept/manifest.json"));
  ASSERT_EQ(manifest["exits"].size(), 4u);
  EXPECT_EQ(manifest["exits"][3]["unit"], manifest["units"].size() - 1);
  EXPECT_EQ(manifest["units"][manifest["exits"][0]["unit"].get<std::size_t>()]["op"], "exit");
  double joules = 0;
  std::size_t exit = 0;
  for (const auto& unit : manifest["units"]) {
    joules += unit["energy_j"].get<double>() + manifest["commit_energy_j"].get<double>();
    if (unit["op"] != "exit") continue;
    EXPECT_NEAR(manifest["exits"][exit]["energy_j"].get<double>(), joules, 1e-6 * joules);
    EXPECT_EQ(manifest["exits"][exit]["name"], json["exits"][exit]["name"]);
    ++exit;
  }
  const Ran cut = millijoule({"powercut", folder / "kept", "--single", "--random", "100", "--json", "-"});
  EXPECT_EQ(cut.exit_code, 0) << cut.errors;
  EXPECT_EQ(nlohmann::json::parse(cut.output)["divergences"], 0);
  EXPECT_EQ(nlohmann::json::parse(cut.output)["exits"], 3);

  const Ran simulated = millijoule({"simulate", folder / "kept", "--trace", "constant:2mW", "--duration", "1h", "--capacitor", "1mF", "--policy",
                                    "all", "--model", folder / "int8.onnx", "--data", data, "--write-outcomes", folder / "outcomes.csv",
                                    "--json", "-"});
  ASSERT_EQ(simulated.exit_code, 0) << simulated.errors;
  const auto simulation = nlohmann::json::parse(simulated.output);
  std::map<std::string, nlohmann::json> policies;
  for (const auto& run : simulation["policies"]) policies[run["policy"]] = run;
  ASSERT_TRUE(policies.contains("confidence-energy"));
  EXPECT_GT(policies["exit:exit1"]["answers"], policies["full"]["answers"]);
  EXPECT_EQ(policies["exit:exit2"]["exits"][1]["answers"], policies["exit:exit2"]["answers"]);
  EXPECT_GE(policies["confidence"]["answers"], policies["full"]["answers"]);
  // The policy that was simulated, as constants that compile into the firmware.
  const Ran chosen = millijoule({"simulate", folder / "kept", "--trace", "constant:2mW", "--duration", "1h", "--capacitor", "1mF", "--period",
                                 "30s", "--policy", "confidence-energy", "--outcomes", folder / "outcomes.csv", "--write-policy",
                                 folder / "kept/rf_policy.h"});
  ASSERT_EQ(chosen.exit_code, 0) << chosen.errors;
  EXPECT_THAT(read_text(folder / "kept/rf_policy.h"), HasSubstr("static const mj_policy_plan rf_policy = {\n    MJ_POLICY_CONFIDENCE_ENERGY,\n    4,"));
  write_file(folder / "kept/main.c", std::string(R"(#include "model.h"
#include "rf_policy.h"
static model_nonvolatile kept;
static model_state state;
static mj_policy_state policy;
int main(void) {
  mj_policy_asker asker;
  asker.plan = &rf_policy;
  asker.state = &policy;
  asker.stored_uj = 0;
  (void)model_recover(&state, &kept);
  mj_policy_begin(&rf_policy, &policy, 0, 0, 100);
  return model_infer_until(&state, mj_policy_ask, &asker) && model_exit(&state) < MODEL_OUTPUTS ? 1 : 0;
}
)"));
  const ProcessResult made = run_process({"make", "-s"}, {}, folder / "kept");
  EXPECT_EQ(made.exit_code, 0) << made.errors;

  // Whether an answer is right is what the int8 network itself says.
  const Ran int8 = millijoule({"eval", folder / "int8.onnx", "--data", data, "--json", "-"});
  const auto accuracy = nlohmann::json::parse(int8.output)["per_exit"];
  std::istringstream table(read_text(folder / "outcomes.csv"));
  std::vector<double> right(4, 0);
  std::string line;
  std::getline(table, line);
  EXPECT_EQ(line.find("label,exit1_answer,exit1_confidence,exit2_answer"), 0u);
  int images = 0;
  for (; std::getline(table, line); ++images) {
    std::istringstream cells(line);
    std::string cell, label;
    std::getline(cells, label, ',');
    for (double& count : right) {
      std::getline(cells, cell, ',');
      count += cell == label;
      std::getline(cells, cell, ',');
    }
  }
  EXPECT_EQ(images, 30);
  for (std::size_t k = 0; k < 4; ++k) EXPECT_NEAR(accuracy[k]["accuracy"].get<double>(), right[k] / 30, 1e-6);
}

TEST(ExitsCommand, SaysWhatIsWrongInOneSentence) {
  const ScratchFolder folder;
  write_bars(folder.path(), 60, 30);
  const std::string data = "npy:" + folder.path().string(), net = folder / "net.onnx";
  write_onnx(net, build(parse_architecture("resnet-8-w4-s1"), {12, 12, 1}, 3, 5));
  const auto error = [&](std::vector<std::string> more) {
    std::vector<std::string> all{"exits", net, "--data", data, "-o", folder / "out.onnx"};
    all.insert(all.end(), more.begin(), more.end());
    const Ran ran = millijoule(all);
    EXPECT_EQ(ran.exit_code, 1);
    return ran.errors;
  };
  EXPECT_THAT(error({"--at", "nowhere"}), HasSubstr("no exit is possible at 'nowhere'; expected one of "));
  EXPECT_EQ(error({"--thresholds", "0.5,1.5,0.5"}),
            "millijoule: " + net + ": threshold 1.5 is not a confidence; expected 0 to 1\n");
  EXPECT_EQ(error({"--method", "gnat"}), "millijoule: no method 'gnat' of exits; expected head, gnet, flat or pooled\n");
  write_onnx(net, build(parse_architecture("resnet-8-w4-s1"), {16, 16, 1}, 3, 5));
  EXPECT_EQ(error({}), "millijoule: " + net + ": the network takes inputs of 16x16x1; the data has 12x12x1\n");
}

}  // namespace
}  // namespace mj
