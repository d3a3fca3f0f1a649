// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/qemu.h"

#include <fmt/format.h>

#include <cstdlib>
#include <sstream>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/process.h"
#include "mj/twin/qemu_plugin.h"

namespace mj {
namespace {

constexpr int kFaultExit = 99;  // of the start-up code's handlers
constexpr const char* kMostSeconds = "900";

std::vector<std::string> emulator(const QemuRun& run) {
  const DeviceMachine& machine = run.machine;
  std::vector<std::string> command{"timeout", "-k", "5", kMostSeconds};
  if (machine.target == "riscv") {
    command.insert(command.end(), {"qemu-system-riscv32", "-M", "virt", "-bios", "none", "-m", "64M"});
  } else if (machine.name == "m0") {
    command.insert(command.end(), {"qemu-system-arm", "-M", "microbit", "-global", "nrf51-soc.sram-size=262144"});
  } else {
    std::string board = machine.name == "m55" ? "mps3-an547" : "mps2-an386";
    if (!run.memory.empty()) {
      board += ",memory-backend=nv";
      command.insert(command.end(), {"qemu-system-arm", "-object",
                                     fmt::format("memory-backend-file,id=nv,mem-path={},share=on,size=16M", run.memory.string())});
    } else {
      command.push_back("qemu-system-arm");
    }
    command.insert(command.end(), {"-M", board});
  }
  if (!run.noise.empty()) {
    command.insert(command.end(), {"-device", fmt::format("loader,file={},addr=0x20000000,force-raw=on", run.noise.string())});
  }
  command.insert(command.end(), {"-nographic", "-monitor", "none", "-serial", "null", "-semihosting-config",
                                 "enable=on,target=native"});
  return command;
}

QemuAnswers read_answers(const std::filesystem::path& file) {
  QemuAnswers answers;
  std::istringstream lines(read_text(file));
  std::string word;
  std::uint64_t value = 0;
  while (lines >> word >> value) {
    if (word == "passage") {
      Passage passage;
      passage.address = static_cast<std::uint32_t>(value);
      lines >> passage.instructions;
      answers.passages.push_back(passage);
    } else if (word == "stack") {
      answers.lowest_store = value;
    } else if (word == "instructions") {
      answers.instructions = value;
    } else if (word == "limit") {
      answers.limit = static_cast<std::uint32_t>(value);
    } else if (word == "cut" || word == "until") {
      answers.cut = true;
    } else if (word == "done") {
      answers.done = true;
    }
  }
  return answers;
}

/// The hexadecimal number behind `label` in a text; 0 when it is not there.
std::uint32_t number_after(const std::string& text, std::string_view label) {
  const std::size_t at = text.find(label);
  return at == std::string::npos ? 0 : static_cast<std::uint32_t>(std::strtoul(text.c_str() + at + label.size(), nullptr, 16));
}

[[noreturn]] void fail_overflow(std::uint64_t lowest, const QemuStack& stack) {
  fail("stack overflow: the stack went down to {:#x}, {} bytes, where the program has {} (STACK in the Makefile)", lowest,
       stack.top - lowest, stack.top - stack.limit);
}

[[noreturn]] void explain(const ProcessResult& result, const ElfProgram& program, const QemuStack& stack) {
  const std::string& text = result.errors;
  const bool lockup = text.find("Lockup") != std::string::npos;
  const std::uint32_t pc = lockup ? number_after(text, "R15=") : number_after(text, "pc=");
  const std::uint32_t sp = lockup ? number_after(text, "R13=") : number_after(text, "sp=");
  if (!lockup && result.exit_code != kFaultExit) fail("the emulator ended with {}: {}", result.exit_code, excerpt(text));
  if (sp < stack.limit) fail_overflow(sp, stack);
  const std::uint32_t cause = number_after(text, "cause=");
  // CFSR of Armv7-M: undefined instruction, unaligned access; mcause of RISC-V: illegal instruction, misaligned.
  const bool riscv = program.find("_start").has_value();
  const bool illegal = riscv ? cause == 2 : (cause & 0x00010000u) != 0;
  const bool unaligned = riscv ? cause == 4 || cause == 6 : (cause & 0x01000000u) != 0;
  fail("{} at {}", illegal ? "illegal instruction" : unaligned ? "unaligned access" : "fault", program.describe(pc));
}

}  // namespace

std::uint32_t needed_symbol(const ElfProgram& program, std::string_view name) {
  const auto address = program.find(name);
  if (!address) fail("no symbol '{}' in the program; expected what 'millijoule emit' wrote", name);
  return *address;
}

QemuStack stack_of(const ElfProgram& program) {
  return {needed_symbol(program, "mj_stack_limit"), needed_symbol(program, "mj_stack_top")};
}

std::filesystem::path compile_qemu_plugin(const std::filesystem::path& folder) {
  write_file(folder / "plugin.c", kQemuPluginSource);
  const ProcessResult made = run_process({"cc", "-shared", "-fPIC", "-O2", "-o", "plugin.so", "plugin.c"}, {}, folder);
  if (made.exit_code != 0) fail("the host has no C compiler for the counting plugin: {}", excerpt(made.errors));
  return folder / "plugin.so";
}

QemuAnswers run_qemu(const QemuRun& run, const std::filesystem::path& folder) {
  std::vector<std::string> command = emulator(run);
  command.insert(command.end(), {"-plugin", fmt::format("{},out=counts.txt{}", run.plugin.string(), run.arguments), "-kernel",
                                 run.image.string()});
  const std::filesystem::path counts = folder / "counts.txt";
  std::filesystem::remove(counts);
  const ProcessResult result = run_process(command, {}, folder);
  if (result.exit_code == 127) fail("{} not found; install Debian's package {}", command[4],
                                    run.machine.target == "riscv" ? "qemu-system-misc" : "qemu-system-arm");
  if (!std::filesystem::exists(counts)) fail("the emulator ended with {}: {}", result.exit_code, excerpt(result.errors));
  if (result.exit_code == 124) fail("still running after {} seconds", kMostSeconds);
  const QemuAnswers answers = read_answers(counts);
  const QemuStack stack = stack_of(run.program);
  if (result.exit_code != 0 && !answers.limit) explain(result, run.program, stack);
  if (answers.lowest_store < stack.limit) fail_overflow(answers.lowest_store, stack);
  return answers;
}

}  // namespace mj
