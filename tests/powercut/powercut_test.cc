// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/powercut/powercut.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/process.h"
#include "mj/ir/evaluate.h"
#include "mj/ir/tensor.h"
#include "mj/pass/plan_units.h"
#include "mj/twin/powercut/machine.h"
#include "networks.h"
#include "random_int8_graph.h"
#include "tests/unit/error_of.h"

namespace mj {
namespace {

PowercutResult cut(const FirmwareFolder& folder, const PowercutOptions& options) { return cut_power(folder, options, silent_progress()); }

class Ports : public testing::TestWithParam<const char*> {};

TEST_P(Ports, SurviveEverySingleAndManyOtherCuts) {
  const TestFolder folder;
  // Small enough that rows, columns, channels or sums are cut.
  const double charge = GetParam() == std::string("words") ? 1e-6 : 5e-8;
  const FirmwareFolder firmware = emit_intermittent(small_residual_network(), folder.path() / "net", GetParam(), charge);
  const PowercutResult result = cut(firmware, {.single = true, .doubles = 3000, .random = 3000});
  EXPECT_EQ(result.divergences, 0) << result.first_divergence;
  EXPECT_EQ(result.isolated_units, static_cast<std::int64_t>(firmware.units.size()));
  const std::int64_t tears = GetParam() == std::string("words") ? 3 : 1;
  EXPECT_EQ(result.single_cuts, result.writes * (2 + tears));
  EXPECT_GT(result.double_cuts, 1000);
  EXPECT_GT(result.random_cuts, 3000);
  // Words that are written in part count whole: ends of results, and of rows of activations.
  if (GetParam() == std::string("words")) {
    EXPECT_LE(result.write_amplification(), 1.25);
  } else {
    EXPECT_EQ(result.write_amplification(), 1.0);
  }
}

TEST_P(Ports, ComputeWhatTheEvaluatorDoes) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const TestFolder folder;
    const Graph graph = random_int8_graph(seed, 25);
    const Platform platform = toy_platform();
    const Bytes word = GetParam() == std::string("words") ? 16 : 1;
    Graph planned;
    const std::string refused = error_of([&] { planned = plan_units(graph, platform, {.charge = {3e-6}, .word_bytes = word}); });
    if (!refused.empty()) {
      EXPECT_EQ(word, 16) << refused;
      EXPECT_THAT(refused, testing::MatchesRegex("unit [0-9]+ .*: C5: its smallest tile that ends with a word of 16 bytes, .*"));
      continue;
    }
    write_firmware(folder.path() / "net", emit(planned, {.name = "net", .nvm = GetParam()}, &platform));
    const ProcessResult made = run_process({"make", "-s", "CFLAGS=-O1"}, {}, folder.path() / "net");
    ASSERT_EQ(made.exit_code, 0) << made.errors;
    RandomStream random(seed, 0x1a9);
    std::vector<std::byte> records, expected;
    const Evaluator evaluator(graph);
    for (int i = 0; i < 4; ++i) {
      const Tensor input = random_int8_input(graph, random);
      records.insert(records.end(), input.data.begin(), input.data.end());
      for (const Tensor& output : evaluator.run(input)) expected.insert(expected.end(), output.data.begin(), output.data.end());
    }
    const ProcessResult ran = run_process({(folder.path() / "net" / "net_run").string()}, records);
    EXPECT_EQ(ran.exit_code, 0) << ran.errors;
    EXPECT_TRUE(ran.output == expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Nvm, Ports, testing::Values("fram", "bytes", "words"));

class RandomNetworks : public testing::TestWithParam<std::uint64_t> {};

TEST_P(RandomNetworks, SurviveEverySingleCut) {
  const TestFolder folder;
  const FirmwareFolder firmware = emit_intermittent(random_int8_graph(GetParam(), 25), folder.path() / "net", "fram", 3e-6);
  const PowercutResult result = cut(firmware, {.single = true, .random = 200, .seed = GetParam()});
  EXPECT_EQ(result.divergences, 0) << "seed " << GetParam() << ": " << result.first_divergence;
  EXPECT_LE(result.write_amplification(), 1.05);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomNetworks, testing::Range<std::uint64_t>(1, 9));

TEST(Powercut, SurvivesAllPairsOfCuts) {
  const TestFolder folder;
  Graph graph;
  {
    const Quantization quant{{0.05f}, {3}, -1};
    const std::vector<std::int8_t> weights{90, -80, 70, 60, -50, 40};
    const ValueId x = graph.add_input("x", Type{DType::kI8, {1, 1, 2}, quant});
    const Quantization scale{{0.004f}, {0}, -1};
    const ValueId w = graph.add_constant("w", Type{DType::kI8, {3, 1, 1, 2}, scale}, Constant::of<std::int8_t>(weights));
    const ValueId y = graph.add_node("conv", Conv2d{}, {x, w});
    graph.value(y).type = {DType::kI8, {1, 1, 3}, quant};
    graph.outputs = {graph.add_node("sum", Add{}, {y, y})};
    graph.value(graph.outputs[0]).type = {DType::kI8, {1, 1, 3}, quant};
  }
  const FirmwareFolder firmware = emit_intermittent(graph, folder.path() / "net", "fram", 4e-8);
  ASSERT_GE(firmware.units.size(), 3u);
  const PowercutResult result = cut(firmware, {.single = false, .doubles = 0});
  EXPECT_EQ(result.divergences, 0) << result.first_divergence;
  EXPECT_GT(result.double_cuts, result.writes * result.writes * 9 / 3) << "of " << result.writes << " writes";
}

class SeedBugs : public testing::TestWithParam<const char*> {};

TEST_P(SeedBugs, AreCaught) {
  const TestFolder folder;
  const FirmwareFolder firmware = emit_intermittent(small_residual_network(), folder.path() / "net", "fram", 5e-8);
  const PowercutResult sound = cut(firmware, {.single = true});
  EXPECT_EQ(sound.divergences, 0) << sound.first_divergence;
  const PowercutResult single = cut(firmware, {.single = true, .seed_bug = GetParam()});
  EXPECT_GT(single.divergences, 0);
  EXPECT_NE(single.first_divergence, "");
  // What cuts alone show, without the units' declarations.
  const PowercutResult random = cut(firmware, {.single = false, .random = 2000, .seed_bug = GetParam()});
  EXPECT_GT(random.divergences, 10);
}

INSTANTIATE_TEST_SUITE_P(All, SeedBugs,
                         testing::Values("in-place-residual", "commit-before-data", "in-place-partials", "stale-volatile-cache"));

class Exits : public testing::TestWithParam<const char*> {};

TEST_P(Exits, SurviveEveryCutWhereverTheyAreStoppedAt) {
  const TestFolder folder;
  const bool words = GetParam() == std::string("words");
  const FirmwareFolder firmware = emit_intermittent(small_exit_network(), folder.path() / "net", GetParam(), words ? 1e-6 : 1e-7);
  ASSERT_EQ(firmware.decisions.size(), 2u);
  EXPECT_EQ(firmware.units.at(static_cast<std::size_t>(firmware.decisions[0])).op, "exit");
  const PowercutResult result = cut(firmware, {.single = true, .doubles = 2000, .random = 20000});
  EXPECT_EQ(result.divergences, 0) << result.first_divergence;
  EXPECT_EQ(result.exits, 2);
  EXPECT_GT(result.single_cuts, 3 * result.writes);
  if (!words) EXPECT_LE(result.write_amplification(), 1.05);
}

INSTANTIATE_TEST_SUITE_P(Nvm, Exits, testing::Values("fram", "bytes", "words"));

TEST(Exits, SeedBugsAreCaught) {
  const TestFolder folder;
  const FirmwareFolder firmware = emit_intermittent(small_exit_network(), folder.path() / "net", "fram", 1e-7);
  for (const char* bug : {"re-decide", "commit-before-data", "stale-volatile-cache"}) {
    SCOPED_TRACE(bug);
    const PowercutResult single = cut(firmware, {.single = true, .seed_bug = bug});
    EXPECT_GT(single.divergences, 0);
    const PowercutResult random = cut(firmware, {.single = false, .random = 2000, .seed_bug = bug});
    EXPECT_GT(random.divergences, 10);
  }
}

TEST(Exits, OneStoreSkipsToTheAnswer) {
  const TestFolder folder;
  const FirmwareFolder firmware = emit_intermittent(small_exit_network(), folder.path() / "net", "fram", 1e-7);
  const FirmwareProgram program(firmware, 1, "");
  for (std::int64_t stop = 0; stop < 2; ++stop) {
    Machine machine(firmware, program.copy(0));
    machine.set_decide([&](std::int64_t exit, std::int64_t) { return exit < stop; });
    machine.restart();
    const std::vector<std::byte> input(static_cast<std::size_t>(firmware.input_bytes), std::byte{9});
    machine.set_input(input);
    for (std::int64_t unit = 0; unit < firmware.decisions[static_cast<std::size_t>(stop)]; ++unit) machine.step();
    EXPECT_EQ(machine.phase(), 1);
    machine.writes = 0;
    machine.step();
    EXPECT_EQ(machine.phase(), 2);
    EXPECT_EQ(machine.writes, 2) << "which exit was reached, and the progress";
    EXPECT_EQ(machine.exit(), stop);
    EXPECT_EQ(machine.epoch(), 1u);
  }
}

TEST(SeedBugs, NeedAPlace) {
  const TestFolder folder;
  const FirmwareFolder firmware = emit_intermittent(small_residual_network(), folder.path() / "net", "fram", 1e-6);
  EXPECT_EQ(error_of([&] { cut(firmware, {.seed_bug = "in-place-partials"}); }),
            "seed bug 'in-place-partials': no sum of this network is split over three or more units");
  EXPECT_EQ(error_of([&] { cut(firmware, {.seed_bug = "typo"}); }),
            "seed bug 'typo': is unknown; expected in-place-residual, commit-before-data, in-place-partials, stale-volatile-cache, re-decide");
  EXPECT_EQ(error_of([&] { cut(firmware, {.seed_bug = "re-decide"}); }), "seed bug 're-decide': this network has no exits");
}

/// One machine with a firmware of its own.
struct Device {
  explicit Device(const std::string& nvm)
      : firmware(emit_intermittent(small_residual_network(), folder.path() / "net", nvm, nvm == "words" ? 1e-6 : 2e-7)),
        program(firmware, 1, ""),
        machine(firmware, program.copy(0)),
        input(static_cast<std::size_t>(firmware.input_bytes), std::byte{9}) {}

  void work(int steps) {
    for (int i = 0; i < steps; ++i) machine.step();
  }
  std::vector<std::byte> answer() {
    while (machine.phase() == 1) machine.step();
    const auto output = machine.output();
    return {output.begin(), output.end()};
  }

  TestFolder folder;
  FirmwareFolder firmware;
  FirmwareProgram program;
  Machine machine;
  std::vector<std::byte> input;
};

constexpr int kIsWaiting = 0, kIsWorking = 1;

TEST(BadMemory, OfAnotherBuildStartsOver) {
  Device device("fram");
  EXPECT_EQ(device.machine.restart(), kOtherBuild) << "blank";
  EXPECT_EQ(device.machine.phase(), kIsWaiting);
  device.machine.set_input(device.input);
  device.work(2);
  EXPECT_EQ(device.machine.restart(), kResumed);
  EXPECT_EQ(device.machine.phase(), kIsWorking);
  const std::vector<std::byte> right = device.answer();
  device.machine.next();
  device.machine.set_input(device.input);
  device.work(2);
  device.machine.kept()[device.machine.calls().build_offset + 3] ^= std::byte{1};
  EXPECT_EQ(device.machine.restart(), kOtherBuild);
  EXPECT_EQ(device.machine.phase(), kIsWaiting);
  EXPECT_EQ(device.machine.epoch(), 0u);
  device.machine.set_input(device.input);
  EXPECT_EQ(device.answer(), right);
}

TEST(BadMemory, BeyondTheLastUnitIsDetectedOnFram) {
  Device device("fram");
  device.machine.restart();
  const auto units = static_cast<unsigned>(device.firmware.units.size());
  for (unsigned value = 0; value < 0x10000; ++value) {
    device.machine.kept()[0] = static_cast<std::byte>(value & 0xff);
    device.machine.kept()[1] = static_cast<std::byte>(value >> 8);
    const unsigned number = value & 0x7fff;
    const bool known = number <= units || number == 0x7fff;
    ASSERT_EQ(device.machine.restart(), known ? kResumed : kCorrupted) << value;
  }
}

TEST(BadMemory, AnsweredNumbersAreNotUsedAgain) {
  Device device("fram");
  device.machine.restart();
  for (unsigned n = 1; n <= 3; ++n) {
    device.machine.set_input(device.input);
    device.answer();
    EXPECT_EQ(device.machine.epoch(), n);
    device.machine.next();
  }
  device.machine.kept()[1] = std::byte{0x55};
  EXPECT_EQ(device.machine.restart(), kCorrupted);
  device.machine.set_input(device.input);
  device.answer();
  EXPECT_GT(device.machine.epoch(), 3u);
}

TEST(BadMemory, DamageToOneSlotIsDetected) {
  for (const char* nvm : {"bytes", "words"}) {
    SCOPED_TRACE(nvm);
    Device device(nvm);
    device.machine.restart();
    device.machine.set_input(device.input);
    device.work(1);
    const std::vector<std::byte> kept(device.machine.kept().begin(), device.machine.kept().end());
    int detected = 0, resumed = 0;
    for (std::size_t i = 0; i < device.machine.calls().progress_bytes; ++i) {
      for (int flip = 1; flip < 256; ++flip) {
        std::ranges::copy(kept, device.machine.kept().begin());
        device.machine.kept()[i] ^= static_cast<std::byte>(flip);
        const int found = device.machine.restart();
        if (found == kCorrupted) {
          ++detected;
          ASSERT_EQ(device.machine.phase(), kIsWaiting);
        } else {
          // It looks as a commit that was cut does, and both slots held the same: nothing is lost.
          ++resumed;
          ASSERT_EQ(found, kResumed);
          ASSERT_TRUE(std::ranges::equal(device.machine.kept(), kept)) << i;
        }
      }
    }
    if (nvm == std::string("bytes")) {
      EXPECT_GT(detected, 100 * resumed);
    }
  }
}

TEST(BadMemory, AnInputIsPartOfTheState) {
  Device device("fram");
  device.machine.restart();
  device.machine.set_input(device.input);
  const std::vector<std::byte> other(device.input.size(), std::byte{0x77});
  device.machine.restart();
  device.machine.set_input(other);  // refused: one has been committed
  const std::vector<std::byte> first = device.answer();
  device.machine.next();
  device.machine.set_input(device.input);
  EXPECT_EQ(device.answer(), first);
  device.machine.next();
  device.machine.set_input(other);
  EXPECT_NE(device.answer(), first);
}

TEST(FirmwareFolder, SaysWhatIsWrongWithAManifest) {
  const TestFolder folder;
  const std::filesystem::path net = folder.path() / "net";
  emit_intermittent(small_residual_network(), net, "fram", 1e-6);
  const std::string manifest = read_text(net / "manifest.json");
  const auto error_with = [&](const std::string& from, const std::string& to) {
    std::string text = manifest;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    write_file(net / "manifest.json", text.replace(at, from.size(), to));
    return error_of([&] { read_firmware(net); });
  };
  const std::string where = (net / "manifest.json").string() + ": ";
  EXPECT_EQ(error_with("\"schema\": 1", "\"schema\": 2"), where + "'schema' is 2; expected 1");
  EXPECT_EQ(error_with("\"units\":", "\"parts\":"),
            where + "has no units: this firmware does not survive power cuts; emit it with --intermittent");
  EXPECT_EQ(error_with("\"name\": \"net\"", "\"name\": \"a b\""), where + "'name' is 'a b'; expected a C identifier");
  EXPECT_EQ(error_with("\"index\":0", "\"index\":7"), where + "unit 0: is out of order");
  EXPECT_EQ(error_with("{", "["), where + "is not JSON");
  EXPECT_THAT(error_with("\"begin\":0,\"run\":", "\"begin\":0,\"run\":99999999"), testing::MatchesRegex(".*: unit [0-9]+: bytes up to .* are outside of the arena of .*"));
  EXPECT_EQ(error_of([&] { read_firmware(folder.path()); }),
            folder.path().string() + ": no manifest.json; expected a folder that 'millijoule emit' wrote");
}

}  // namespace
}  // namespace mj
