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

/// A folder whose main has these statements before it could come to the network.
std::filesystem::path faulty(const std::filesystem::path& folder, const std::string& target, const std::string& declarations,
                             const std::string& statements) {
  const Graph graph = random_int8_graph(102, 20);
  Firmware firmware = emit(graph, {.name = "net", .target = target});
  firmware["main.c"] = "#include \"board.h\"\n#include \"net.h\"\nstatic net_state state;\nextern volatile int counter;\nvolatile int counter;\n" +
                       declarations + "\nint main(void);\nint main(void) {\n" + statements +
                       "\n  board_read(net_input(&state), NET_INPUT_BYTES);\n  net_infer(&state);\n  board_write(net_output(&state, 0), 1);\n  return 0;\n}\n";
  write_firmware(folder, firmware);
  return folder;
}

/// What goes wrong on a device, and the sentence about it, behind the name of the program.
struct Fault {
  const char* name;
  const char* machine;
  const char* declarations;
  const char* statements;
  const char* message;
};

// Each call needs the place of the last: no compiler makes a loop of it.
constexpr const char* kRecursion =
    "int deeper(volatile int* last);\n__attribute__((noinline)) int deeper(volatile int* last) {\n  volatile int here[8];\n"
    "  here[0] = last[0] ^ 1;\n  here[1] = here[0] == 77 ? 0 : deeper(here);\n  return here[1] + last[0];\n}";

const Fault kFaults[] = {
    {"IllegalOnMsp430", "msp430fr5994", "", "  __asm__ volatile(\".word 0x13c0\");", "illegal instruction 0x13c0 at 0x[0-9a-f]+ \\(main.*\\)"},
    {"UnalignedOnMsp430", "msp430fr5994", "", "  counter = *(volatile int*)0x1c01;",
     "unaligned word read at 0x1c01 by the instruction at 0x[0-9a-f]+ \\(main.*\\)"},
    {"VacantOnMsp430", "msp430fr5994", "", "  *(volatile int*)0x3d00 = 1;",
     "write at 0x3d00, where there is no memory, by the instruction at 0x[0-9a-f]+ \\(main.*\\)"},
    {"StackOnMsp430", "msp430fr5994", kRecursion, "  counter = deeper(&counter);",
     "stack overflow: stack pointer 0x[0-9a-f]+ below 0x[0-9a-f]+ \\(.*\\), set by the instruction at 0x[0-9a-f]+ \\(deeper.*\\)"},
    {"RunawayOnMsp430", "msp430fr5994", "", "  while (counter != 77) counter = 5;", "still running after 3000000 instructions, at 0x[0-9a-f]+ \\(main.*\\)"},
    {"SleepOnMsp430", "msp430fr5994", "", "  __asm__ volatile(\"bis #16, r2\");",
     "processor switched off before 0x[0-9a-f]+ \\(main.*\\); nothing wakes it"},
    {"WatchdogOnMsp430", "msp430fr5994", "", "  *(volatile unsigned*)0x015c = 0x5a04;\n  while (counter != 77) counter = 5;",
     "watchdog ran out by the instruction at 0x[0-9a-f]+ \\(main.*\\)"},
    {"IllegalOnM4", "m4", "", "  __asm__ volatile(\"udf #0\");", "illegal instruction at 0x[0-9a-f]+ \\(main.*\\)"},
    {"UnalignedOnM4", "m4", "", "  __asm__ volatile(\"ldr r0, =0x20000401\\n\\tldm r0, {r1, r2}\" ::: \"r0\", \"r1\", \"r2\");",
     "unaligned access at 0x[0-9a-f]+ \\(main.*\\)"},
    {"StackOnM4", "m4", kRecursion, "  counter = deeper(&counter);",
     "stack overflow: the stack went down to 0x[0-9a-f]+, [0-9]+ bytes, where the program has 1024 \\(STACK in the Makefile\\)"},
    {"RunawayOnM4", "m4", "", "  while (counter != 77) counter = 5;", "still running after 3000000 instructions, at 0x[0-9a-f]+ \\(main.*\\)"},
    {"IllegalOnRv32", "rv32", "", "  __asm__ volatile(\".word 0xffffffff\");", "illegal instruction at 0x[0-9a-f]+ \\(main.*\\)"},
    {"StackOnRv32", "rv32", kRecursion, "  counter = deeper(&counter);",
     "stack overflow: the stack went down to 0x[0-9a-f]+, [0-9]+ bytes, where the program has 1024 \\(STACK in the Makefile\\)"},
};

class TwinFaults : public testing::TestWithParam<Fault> {};

TEST_P(TwinFaults, AreReportedWithAddressAndSymbol) {
  const Fault& fault = GetParam();
  const DeviceMachine& machine = find_machine(fault.machine);
  if (const std::string tool = missing_for(machine); !tool.empty()) GTEST_SKIP() << "not installed: " << tool;
  const ScratchFolder folder;
  const auto net = faulty(folder.path() / "net", std::string(machine.target), fault.declarations, fault.statements);
  const Graph graph = random_int8_graph(102, 20);
  const auto bytes = static_cast<std::size_t>(graph.type(graph.inputs[0]).bytes());
  const std::string elf = std::filesystem::absolute(net / "build" / machine.name / "net.elf").string();
  const std::string message = error_of(net, bytes, {.machine = std::string(machine.name), .limit = 3'000'000});
  ASSERT_TRUE(message.starts_with(elf + ": ")) << message;
  EXPECT_THAT(message.substr(elf.size() + 2), testing::MatchesRegex(fault.message));
}

INSTANTIATE_TEST_SUITE_P(Devices, TwinFaults, testing::ValuesIn(kFaults), [](const auto& test) { return std::string(test.param.name); });

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
