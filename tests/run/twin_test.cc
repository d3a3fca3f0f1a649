// SPDX-License-Identifier: Apache-2.0

// Firmware built for every machine and run there gives the evaluator's bytes; what goes wrong on a device is said with its
// place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiled.h"
#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/emit/far.h"
#include "mj/emit/machines.h"
#include "mj/twin/run.h"
#include "random_int8_graph.h"

namespace mj {
namespace {

using testing::HasSubstr;

/// What a machine needs that is not installed; empty when all is.
std::string missing_for(const DeviceMachine& machine) {
  std::vector<std::string> tools{"make"};
  if (machine.target == "cortex-m") tools.insert(tools.end(), {"arm-none-eabi-gcc", "qemu-system-arm"});
  if (machine.target == "riscv") tools.insert(tools.end(), {"riscv64-unknown-elf-gcc", "qemu-system-riscv32"});
  if (machine.target == "msp430") tools.insert(tools.end(), {"clang", "ld.lld"});
  for (const std::string& tool : tools) {
    if (!has_program(tool)) return tool;
  }
  return "";
}

std::string error_of(const std::filesystem::path& folder, std::size_t bytes, const TwinOptions& options) {
  try {
    run_twin(folder, std::vector<std::byte>(bytes), options);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

class Twin : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (const std::string tool = missing_for(machine_); !tool.empty()) GTEST_SKIP() << "not installed: " << tool;
  }
  std::filesystem::path emitted(const Graph& graph) {
    write_firmware(folder_.path() / "net", emit(graph, {.name = "net", .target = machine_.target}));
    return folder_.path() / "net";
  }
  const DeviceMachine& machine_ = find_machine(GetParam());
  const ScratchFolder folder_;
};

TEST_P(Twin, GivesTheEvaluatorsBytes) {
  const Graph graph = random_int8_graph(102, 20);
  RandomStream random(102, 7);
  std::vector<Tensor> inputs;
  std::vector<std::byte> stream;
  for (int i = 0; i < 3; ++i) {
    inputs.push_back(random_int8_input(graph, random));
    stream.insert(stream.end(), inputs.back().data.begin(), inputs.back().data.end());
  }
  const TwinRun run = run_twin(emitted(graph), stream, {.machine = machine_.name});
  EXPECT_EQ(run.outputs, expected_outputs(graph, inputs));
  EXPECT_EQ(run.inferences, 3u);
  EXPECT_EQ(run.cycles.has_value(), machine_.target == "msp430");
  EXPECT_GT(run.stack_bytes, 0);
  std::uint64_t layers = 0;
  for (const TwinLayer& layer : run.layers) layers += layer.instructions;
  EXPECT_LE(layers, run.instructions);
  EXPECT_GT(layers, run.instructions * 9 / 10);
}

TEST_P(Twin, StopsAProgramThatRunsAway) {
  const Graph graph = random_int8_graph(102, 20);
  const auto folder = emitted(graph);
  const auto bytes = static_cast<std::size_t>(graph.type(graph.inputs[0]).bytes());
  EXPECT_THAT(error_of(folder, bytes, {.machine = machine_.name, .limit = 500}),
              HasSubstr("still running after 500 instructions, at 0x"));
}

TEST_P(Twin, RefusesAProgramForAnotherProcessor) {
  const Graph graph = random_int8_graph(102, 20);
  const auto folder = emitted(graph);
  const auto bytes = static_cast<std::size_t>(graph.type(graph.inputs[0]).bytes());
  run_twin(folder, std::vector<std::byte>(bytes), {.machine = machine_.name});
  const auto elf = folder / "build" / machine_.name / "net.elf";
  auto file = read_file(elf);
  file[18] = std::byte{62};  // x86-64
  write_file(elf, file);
  EXPECT_THAT(error_of(folder, bytes, {.machine = machine_.name}), HasSubstr("ELF file for machine 62; expected "));
}

INSTANTIATE_TEST_SUITE_P(Machines, Twin, testing::Values("m0", "m4", "m55", "rv32", "msp430fr5994"),
                         [](const auto& test) { return test.param; });

TEST(TwinRefuses, OtherFamiliesAndHosts) {
  const ScratchFolder folder;
  const Graph graph = random_int8_graph(102, 20);
  write_firmware(folder.path() / "host", emit(graph, {.name = "net"}));
  write_firmware(folder.path() / "arm", emit(graph, {.name = "net", .target = "cortex-m"}));
  EXPECT_THAT(error_of(folder.path() / "host", 1, {}), HasSubstr("emitted for target host; expected 'emit --target cortex-m'"));
  const auto bytes = static_cast<std::size_t>(graph.type(graph.inputs[0]).bytes());
  EXPECT_THAT(error_of(folder.path() / "arm", bytes, {.machine = "rv32"}),
              HasSubstr("emitted for target cortex-m; machine rv32 needs 'emit --target riscv'"));
  EXPECT_THAT(error_of(folder.path() / "arm", bytes, {.machine = "m7"}),
              HasSubstr("unknown machine 'm7'; expected one of m4, m0, m55, rv32, msp430fr5994"));
}

}  // namespace
}  // namespace mj
