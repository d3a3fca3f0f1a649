// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "mj/arch/architecture.h"
#include "mj/base/error.h"
#include "mj/base/process.h"
#include "mj/io/onnx.h"
#include "mj/ir/encoding.h"
#include "tests/cli/command_line.h"

namespace mj {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

/// A network trained on the bars, and where it lies.
class CompressCommand : public testing::Test {
 protected:
  CompressCommand() : data_("npy:" + folder_.path().string()), net_(folder_ / "net.onnx") {
    write_bars(folder_.path(), 240, 60);
    const Ran ran = millijoule({"train", "--arch", "resnet-8-w8-s1", "--data", data_, "-o", net_, "--epochs", "4", "--batch", "16", "--threads", "1"});
    EXPECT_EQ(ran.exit_code, 0) << ran.errors;
  }

  Ran compress(std::vector<std::string> more) const {
    std::vector<std::string> all{"compress", net_, "--data", data_, "-o", folder_ / "small.onnx", "--batch", "16", "--lr", "0.02", "--threads", "1"};
    all.insert(all.end(), more.begin(), more.end());
    return millijoule(all);
  }

  /// Bytes of const data in the object of NAME.onnx compiled for a Cortex-M4, where each datum has a section of its own; what
  /// has no name are literals in calls.
  Bytes compiled_constants(const std::string& name) const {
    const std::string firmware = folder_ / ("firmware_" + name);
    const Ran emitted = millijoule({"emit", folder_ / (name + ".onnx"), "--target", "cortex-m", "-o", firmware, "--name", name});
    EXPECT_EQ(emitted.exit_code, 0) << emitted.errors;
    const auto text_of = [&](const std::vector<std::string>& command) {
      const ProcessResult ran = run_process(command, {}, firmware);
      EXPECT_EQ(ran.exit_code, 0) << ran.errors;
      return std::string(reinterpret_cast<const char*>(ran.output.data()), ran.output.size());
    };
    text_of({"make", "-s"});
    std::istringstream lines(text_of({"arm-none-eabi-size", "-A", "build/m4/" + name + ".o"}));
    Bytes constants = 0;
    for (std::string line; std::getline(lines, line);) {
      std::istringstream cells(line);
      std::string section;
      Bytes size = 0;
      if (cells >> section >> size && section.starts_with(".rodata.")) constants += size;
    }
    return constants;
  }
  static bool has_arm_compiler() {
    try {
      run_process({"arm-none-eabi-gcc", "--version"});
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  const ScratchFolder folder_;
  const std::string data_, net_;
};

TEST_F(CompressCommand, MeetsTheLimitWithWhatEveryOtherCommandTakes) {
  const Ran ran = compress({"--nvm", "4500 B", "--epochs", "6", "--float", folder_ / "float.onnx", "--json", "-"});
  ASSERT_EQ(ran.exit_code, 0) << ran.errors;
  const auto json = nlohmann::json::parse(ran.output);
  EXPECT_LE(json["exported_bytes"].get<Bytes>(), 4500);
  EXPECT_GT(json["exported_bytes"].get<Bytes>(), 4000) << "memory that is given is used";
  EXPECT_GT(json["parameter_bytes_before"].get<Bytes>(), 70000);
  EXPECT_GE(json["accuracy"].get<double>(), json["accuracy_before"].get<double>() - 0.1);
  Bytes sum = 0;
  for (const auto& layer : json["layers"]) {
    for (const char* key : {"weight_bytes", "index_bytes", "scale_bytes", "bias_bytes"}) sum += layer[key].get<Bytes>();
  }
  EXPECT_LE(sum, json["exported_bytes"].get<Bytes>());
  EXPECT_GE(sum, json["exported_bytes"].get<Bytes>() - 256 - 100 * static_cast<Bytes>(json["layers"].size()))
      << "the rest is the table of pixels and what describes layers to their kernels";

  const Ran evaluated = millijoule({"eval", folder_ / "small.onnx", "--data", data_, "--json", "-"});
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.errors;
  EXPECT_EQ(nlohmann::json::parse(evaluated.output)["accuracy"], json["accuracy"]);

  // The float form holds the same zeros and, quantised anew, takes as many bytes.
  const Ran quantized = millijoule({"quantize", folder_ / "float.onnx", "--data", data_, "-o", folder_ / "again.onnx"});
  ASSERT_EQ(quantized.exit_code, 0) << quantized.errors;
  // What is said is what is compiled, from either file: all named const data of the object.
  if (!has_arm_compiler()) GTEST_SKIP() << "not installed: arm-none-eabi-gcc";
  for (const char* name : {"small", "again"}) {
    EXPECT_NEAR(static_cast<double>(compiled_constants(name)), json["exported_bytes"].get<double>(), 0.01 * json["exported_bytes"].get<double>()) << name;
  }
}

TEST_F(CompressCommand, LearnsFromTheTeacherItIsGiven) {
  const std::string other = folder_ / "other.onnx";
  write_onnx(other, build(parse_architecture("resnet-8-w4-s1"), {12, 12, 1}, 3, 5));  // it has learnt nothing
  const auto compressed = [&](std::vector<std::string> more) {
    more.insert(more.end(), {"--nvm", "5 kB", "--epochs", "2"});
    const Ran ran = compress(more);
    EXPECT_EQ(ran.exit_code, 0) << ran.errors;
    return read_file(folder_ / "small.onnx");
  };
  const std::vector<std::byte> alone = compressed({});
  EXPECT_EQ(compressed({"--teacher", net_}), alone);
  EXPECT_NE(compressed({"--teacher", other}), alone);
}

TEST_F(CompressCommand, SparseCompMeetsItsSize) {
  const Ran ran = compress({"--nvm", "9 kB", "--epochs", "6", "--method", "sparsecomp", "--json", "-"});
  ASSERT_EQ(ran.exit_code, 0) << ran.errors;
  EXPECT_LE(nlohmann::json::parse(ran.output)["exported_bytes"].get<Bytes>(), 9000);
}

TEST_F(CompressCommand, SaysWhatIsWrongInOneSentence) {
  const auto error = [&](std::vector<std::string> more) {
    const Ran ran = compress(more);
    EXPECT_EQ(ran.exit_code, 1);
    const std::size_t last = ran.errors.rfind("millijoule: ");
    return last == std::string::npos ? ran.errors : ran.errors.substr(last);
  };
  const std::string where = "millijoule: " + net_ + ": ";
  EXPECT_EQ(error({}), where + "there is no limit to meet; expected --nvm, --ram or --energy\n");
  EXPECT_THAT(error({"--nvm", "300 B"}),
              MatchesRegex(where + "the NVM limit of 300 B cannot be met: the fewest exported bytes these layers can be brought to are about [0-9,]+ B\n"));
  EXPECT_THAT(error({"--ram", "300 B"}),
              MatchesRegex(where + "the RAM limit of 300 B cannot be met on msp430fr5994: the smallest possible with this input and these layers is [0-9,]+ B; "
                                   "firmware emitted with --intermittent keeps activations in non-volatile memory instead\n"));
  EXPECT_THAT(error({"--energy", "1 nJ"}),
              MatchesRegex(where + "the energy limit of 1.00 nJ cannot be met on msp430fr5994: the least these layers can be brought to is about [0-9.]+ [um]J\n"));
  EXPECT_EQ(error({"--nvm", "0 B"}), where + "a limit is 0; expected more than nothing\n");
  EXPECT_EQ(error({"--nvm", "4KB"}).find("KB") != std::string::npos, true);
  EXPECT_EQ(error({"--nvm", "4kB", "--method", "magic"}), "millijoule: no method 'magic' of compression; expected ours, sparsecomp, qat8 or qat4\n");
  EXPECT_EQ(error({"--energy", "1 mJ", "--method", "sparsecomp"}), where + "SparseComp needs a limit of NVM; it knows no other\n");

  const std::string teacher = folder_ / "teacher.onnx";
  EXPECT_THAT(error({"--nvm", "4kB", "--teacher", folder_ / "nobody.onnx"}), HasSubstr("nobody.onnx"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "small.onnx.checkpoints")) << "nothing is left behind";
  EXPECT_EQ(error({"--nvm", "9kB", "--teacher", net_, "--method", "sparsecomp"}), where + "SparseComp learns from labels alone; expected no --teacher\n");
  write_onnx(teacher, build(parse_architecture("resnet-8-w4-s1"), {16, 16, 1}, 3, 5));
  EXPECT_EQ(error({"--nvm", "4kB", "--teacher", teacher}), where + "teacher: the network takes inputs of 16x16x1; the data has 12x12x1\n");
  write_onnx(teacher, build(parse_architecture("resnet-8-w4-s1"), {12, 12, 1}, 4, 5));
  EXPECT_EQ(error({"--nvm", "4kB", "--teacher", teacher}),
            where + "teacher: it tells 4 classes apart; the network 3\n");

  write_onnx(net_, build(parse_architecture("resnet-8-w4-s1"), {16, 16, 1}, 3, 5));
  EXPECT_EQ(error({"--nvm", "4kB"}), where + "the network takes inputs of 16x16x1; the data has 12x12x1\n");
}

TEST_F(CompressCommand, DoesNothingWhereNothingIsToBeDone) {
  const Ran ran = compress({"--nvm", "60 kB"});
  EXPECT_EQ(ran.exit_code, 0) << ran.errors;
  EXPECT_THAT(ran.output, HasSubstr(": nothing to do: quantised to int8 it takes "));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "small.onnx"));
}

TEST_F(CompressCommand, KilledItGoesOnToTheSameBytes) {
  const std::vector<std::string> asked{"--nvm", "5 kB", "--epochs", "4"};
  ASSERT_EQ(compress(asked).exit_code, 0);
  const std::vector<std::byte> expected = read_file(folder_ / "small.onnx");
  std::filesystem::remove(folder_ / "small.onnx");
  std::vector<std::string> resumed = asked;
  resumed.push_back("--resume");
  // Killed at some moments of its life, then left alone.
  for (const char* seconds : {"1", "2", "4"}) {
    std::vector<std::string> all{"timeout", "-s", "KILL", seconds, MJ_PROGRAM, "compress", net_, "--data", data_, "-o", folder_ / "small.onnx", "--batch", "16", "--lr", "0.02", "--threads", "1"};
    all.insert(all.end(), resumed.begin(), resumed.end());
    run_process(all, {}, {});
  }
  ASSERT_EQ(compress(resumed).exit_code, 0);
  EXPECT_EQ(read_file(folder_ / "small.onnx"), expected);
}

}  // namespace
}  // namespace mj
