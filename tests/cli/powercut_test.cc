// SPDX-License-Identifier: Apache-2.0

// emit --intermittent and powercut, as a user types them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "mj/arch/architecture.h"
#include "mj/base/error.h"
#include "mj/base/process.h"
#include "mj/io/onnx.h"
#include "tests/cli/command_line.h"

namespace mj {
namespace {

using ::testing::HasSubstr;

bool has_program(const char* name) {
  try {
    return run_process({name, "--version"}).exit_code == 0;
  } catch (const Error&) {
    return false;
  }
}

class PowercutCommand : public ::testing::Test {
 protected:
  void SetUp() override {
    write_bars(folder.path(), 30, 6);
    write_onnx(folder / "net.onnx", build(parse_architecture("resnet-8-w4-s2"), {12, 12, 1}, 3, 5));
    const Ran quantized = millijoule({"quantize", folder / "net.onnx", "--data", "npy:" + folder.path().string(), "-o",
                                      folder / "int8.onnx", "--images", "20"});
    ASSERT_EQ(quantized.exit_code, 0) << quantized.errors;
  }
  Ran emit(std::vector<std::string> more) {
    std::vector<std::string> arguments{"emit", folder / "int8.onnx", "-o", folder / "fw", "--name", "net"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return millijoule(arguments);
  }
  ScratchFolder folder;
};

TEST_F(PowercutCommand, FindsNothingInEmittedFirmwareAndThePlantedFault) {
  const Ran emitted = emit({"--intermittent", "--platform", "msp430fr5994", "--charge", "500 uJ"});
  ASSERT_EQ(emitted.exit_code, 0) << emitted.errors;
  const Ran sound = millijoule({"powercut", folder / "fw", "--single", "--double", "20", "--random", "50", "--json", "-"});
  EXPECT_EQ(sound.exit_code, 0) << sound.errors;
  const auto json = nlohmann::json::parse(sound.output);
  EXPECT_EQ(json.at("divergences"), 0);
  EXPECT_EQ(json.at("single_cuts"), json.at("writes").get<int>() * 3);
  EXPECT_GT(json.at("double_cuts"), 0);
  EXPECT_GT(json.at("random_cuts"), 0);
  EXPECT_LE(json.at("write_amplification"), 1.05);
  const Ran faulty = millijoule({"powercut", folder / "fw", "--seed-bug", "in-place-residual"});
  EXPECT_EQ(faulty.exit_code, 1);
  EXPECT_THAT(faulty.errors, HasSubstr("of the runs diverged; first: "));
}

TEST_F(PowercutCommand, CutsBetweenInstructionsOfAnEmulatedDevice) {
  if (!has_program("clang") || !has_program("ld.lld")) GTEST_SKIP() << "not installed: clang or lld";
  const Ran emitted = emit({"--intermittent", "--platform", "msp430fr5994", "--charge", "20 uJ", "--target", "msp430"});
  ASSERT_EQ(emitted.exit_code, 0) << emitted.errors;
  const Ran sound = millijoule({"powercut", folder / "fw", "--on", "twin", "--every", "997", "--random", "10", "--json", "-"});
  EXPECT_EQ(sound.exit_code, 0) << sound.errors;
  const auto json = nlohmann::json::parse(sound.output);
  EXPECT_EQ(json.at("machine"), "msp430fr5994");
  EXPECT_EQ(json.at("divergences"), 0);
  EXPECT_GE(json.at("single_cuts").get<std::int64_t>(), json.at("instructions").get<std::int64_t>() / 997);
  EXPECT_GT(json.at("random_cuts"), 10);
  const Ran faulty = millijoule({"powercut", folder / "fw", "--on", "twin", "--every", "31", "--seed-bug", "commit-before-data"});
  EXPECT_EQ(faulty.exit_code, 1);
  EXPECT_THAT(faulty.errors, HasSubstr("of the runs diverged; first: cut after "));
}

TEST_F(PowercutCommand, TellsHostAndTwinApart) {
  EXPECT_EQ(millijoule({"powercut", folder / "fw", "--all"}).exit_code, 2);
  EXPECT_THAT(millijoule({"powercut", folder / "fw", "--every", "5"}).errors, HasSubstr("--every: is for --on twin"));
  EXPECT_THAT(millijoule({"powercut", folder / "fw", "--machine", "m4"}).errors, HasSubstr("--machine: is for --on twin"));
  EXPECT_THAT(millijoule({"powercut", folder / "fw", "--on", "twin", "--double", "5"}).errors, HasSubstr("--double: is for --on host"));
}

TEST_F(PowercutCommand, SaysWhatIsMissing) {
  EXPECT_EQ(emit({"--intermittent"}).exit_code, 2);
  EXPECT_THAT(emit({"--intermittent"}).errors, HasSubstr("needs --platform and --charge: units are cut by their energy"));
  const Ran small = emit({"--intermittent", "--platform", "msp430fr5994", "--charge", "1 nJ"});
  EXPECT_EQ(small.exit_code, 1);
  EXPECT_THAT(small.errors, HasSubstr("): C5: its smallest tile, from "));
  ASSERT_EQ(emit({}).exit_code, 0);
  const Ran continuous = millijoule({"powercut", folder / "fw"});
  EXPECT_EQ(continuous.exit_code, 1);
  EXPECT_THAT(continuous.errors, HasSubstr("has no units: this firmware does not survive power cuts; emit it with --intermittent"));
  EXPECT_EQ(millijoule({"powercut", folder / "fw", "--double", "none"}).exit_code, 2);
  EXPECT_EQ(millijoule({"powercut", folder / "fw", "--seed-bug", "typo"}).exit_code, 2);
}

}  // namespace
}  // namespace mj
