// SPDX-License-Identifier: Apache-2.0

// Emitted C compiles without a warning for every target, at every level of optimisation, and as part of C++.
#include <gtest/gtest.h>

#include "compiled.h"
#include "mj/base/error.h"
#include "mj/base/file.h"
#include "random_int8_graph.h"

namespace mj {
namespace {

struct Target {
  std::string name;
  std::vector<std::string> command;
};

class Targets : public testing::TestWithParam<Target> {};

TEST_P(Targets, CompileWithoutAWarning) {
  const Target& target = GetParam();
  if (!has_program(target.command[0])) {
    GTEST_SKIP() << "not installed: " << target.command[0];
  }
  const ScratchFolder folder;
  for (const std::uint64_t seed : {3u, 4u}) {
    const Graph graph = random_int8_graph(seed, 40);
    const auto directory = folder.path() / std::to_string(seed);
    write_firmware(directory, emit(graph, {.name = "net"}));
    for (const char* level : {"-O0", "-O2", "-Os"}) {
      std::vector<std::string> command = target.command;
      for (const char* flag : {"-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-c"}) {
        command.emplace_back(flag);
      }
      command.emplace_back(level);
      for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        const std::string file = entry.path().filename().string();
        if (file.ends_with(".c") && file != "main.c") {
          command.push_back(file);
        }
      }
      EXPECT_NO_THROW(run_or_fail(command, directory)) << "seed " << seed << ' ' << level;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Compilers, Targets,
                         testing::Values(Target{"gcc", {"gcc"}}, Target{"clang", {"clang"}},
                                         Target{"cortex_m4", {"arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb"}},
                                         Target{"cortex_m0", {"arm-none-eabi-gcc", "-mcpu=cortex-m0", "-mthumb"}},
                                         Target{"riscv", {"riscv64-unknown-elf-gcc", "-march=rv32imc", "-mabi=ilp32",
                                                          "-ffreestanding"}},
                                         Target{"msp430", {"clang", "--target=msp430", "-ffreestanding"}}),
                         [](const auto& test) { return test.param.name; });

TEST(Header, IsCxxToo) {
  const ScratchFolder folder;
  write_firmware(folder.path() / "net", emit(random_int8_graph(5, 10), {.name = "net"}));
  write_file(folder.path() / "net" / "user.cc", "#include \"net.h\"\nint main() { return NET_API_VERSION == 1 ? 0 : 1; }\n");
  EXPECT_NO_THROW(run_or_fail({"g++", "-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-c", "user.cc"},
                              folder.path() / "net"));
}

// The state's size is checked by the compiler: a wrong number must not compile.
TEST(Header, RefusesAWrongStateSize) {
  const ScratchFolder folder;
  Firmware firmware = emit(random_int8_graph(6, 10), {.name = "net"});
  std::string& header = firmware.at("net.h");
  const std::string macro = "#define NET_STATE_BYTES ";
  header.insert(header.find(macro) + macro.size(), "1");
  write_firmware(folder.path() / "net", firmware);
  EXPECT_THROW(run_or_fail({"gcc", "-std=c99", "-c", "net.c"}, folder.path() / "net"), Error);
}

}  // namespace
}  // namespace mj
