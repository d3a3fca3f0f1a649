// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "mj/arch/architecture.h"
#include "mj/io/onnx.h"
#include "tests/cli/command_line.h"

namespace mj {
namespace {

using testing::HasSubstr;

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
