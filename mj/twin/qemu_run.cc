// SPDX-License-Identifier: Apache-2.0

// A firmware folder's program on QEMU. Inputs and outputs are files that it reaches by semihosting.
#include <algorithm>
#include <sstream>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/process.h"
#include "mj/base/temporary_folder.h"
#include "mj/twin/emulators.h"
#include "mj/twin/marks.h"
#include "mj/twin/qemu_plugin.h"

namespace mj {
namespace {

constexpr std::uint32_t kGuardBytes = 0x10000;  // below the stack, where nothing else lies
constexpr int kFaultExit = 99;                  // of the start-up code's handlers
constexpr const char* kMostSeconds = "900";

std::vector<std::string> emulator(const DeviceMachine& machine) {
  std::vector<std::string> command{"timeout", "-k", "5", kMostSeconds};
  if (machine.target == "riscv") {
    command.insert(command.end(), {"qemu-system-riscv32", "-M", "virt", "-bios", "none", "-m", "64M"});
  } else if (machine.name == "m0") {
    command.insert(command.end(), {"qemu-system-arm", "-M", "microbit", "-global", "nrf51-soc.sram-size=262144"});
  } else {
    command.insert(command.end(), {"qemu-system-arm", "-M", machine.name == "m55" ? "mps3-an547" : "mps2-an386"});
  }
  command.insert(command.end(), {"-nographic", "-monitor", "none", "-serial", "null", "-semihosting-config",
                                 "enable=on,target=native"});
  return command;
}

std::string excerpt(const std::string& text) { return text.substr(0, 600); }

/// The compiled plugin; in the folder of the run, so that nothing is left behind.
std::filesystem::path compiled_plugin(const std::filesystem::path& folder) {
  write_file(folder / "plugin.c", kQemuPluginSource);
  const ProcessResult made = run_process({"cc", "-shared", "-fPIC", "-O2", "-o", "plugin.so", "plugin.c"}, {}, folder);
  if (made.exit_code != 0) fail("the host has no C compiler for the counting plugin: {}", excerpt(made.errors));
  return folder / "plugin.so";
}

struct Answers {
  std::vector<Passage> passages;
  std::uint64_t lowest_store = 0;
  std::uint64_t instructions = 0;
  std::optional<std::uint32_t> limit;
};

Answers read_answers(const std::filesystem::path& file) {
  Answers answers;
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
    }
  }
  return answers;
}

/// The hexadecimal number behind `label` in a text; 0 when it is not there.
std::uint32_t number_after(const std::string& text, std::string_view label) {
  const std::size_t at = text.find(label);
  return at == std::string::npos ? 0 : static_cast<std::uint32_t>(std::strtoul(text.c_str() + at + label.size(), nullptr, 16));
}

struct Stack {
  std::uint32_t limit, top;
};

[[noreturn]] void fail_overflow(std::uint64_t lowest, const Stack& stack) {
  fail("stack overflow: the stack went down to {:#x}, {} bytes, where the program has {} (STACK in the Makefile)", lowest,
       stack.top - lowest, stack.top - stack.limit);
}

[[noreturn]] void explain(const ProcessResult& result, const ElfProgram& program, const Stack& stack) {
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

TwinRun run_on_qemu(const DeviceFolder& folder, const DeviceMachine& machine, const DeviceJob& job,
                    std::span<const std::byte> inputs, std::uint64_t limit) {
  const Marks marks = find_marks(job.program, folder);
  const auto needed = [&](const char* symbol) {
    const auto address = job.program.find(symbol);
    if (!address) fail("no symbol '{}' in the program; expected what 'millijoule emit' wrote", symbol);
    return *address;
  };
  const Stack stack{needed("mj_stack_limit"), needed("mj_stack_top")};
  const TemporaryFolder work;
  write_file(work.path() / "input.bin", inputs);
  std::string plugin = fmt::format("{},out=counts.txt,limit={},guard={},top={},mark={},mark={}",
                                   compiled_plugin(work.path()).string(), limit, stack.limit - kGuardBytes, stack.top,
                                   marks.begin, marks.end);
  for (const auto& [address, layer] : marks.layers) plugin += fmt::format(",mark={}", address);
  std::vector<std::string> command = emulator(machine);
  command.insert(command.end(), {"-plugin", plugin, "-kernel", job.elf.string()});
  const ProcessResult result = run_process(command, {}, work.path());
  if (result.exit_code == 127) fail("{} not found; install Debian's package {}", command[4],
                                    machine.target == "riscv" ? "qemu-system-misc" : "qemu-system-arm");
  const std::filesystem::path counts = work.path() / "counts.txt";
  if (!std::filesystem::exists(counts)) fail("the emulator ended with {}: {}", result.exit_code, excerpt(result.errors));
  if (result.exit_code == 124) fail("still running after {} seconds", kMostSeconds);
  const Answers answers = read_answers(counts);
  if (answers.limit) fail("still running after {} instructions, at {}", limit, job.program.describe(*answers.limit));
  if (result.exit_code != 0) explain(result, job.program, stack);
  if (answers.lowest_store < stack.limit) fail_overflow(answers.lowest_store, stack);

  TwinRun run;
  if (std::filesystem::exists(work.path() / "output.bin")) run.outputs = read_file(work.path() / "output.bin");
  run.all_instructions = answers.instructions;
  run.stack_bytes = static_cast<Bytes>(stack.top - answers.lowest_store);
  count_first_inference(run, marks, answers.passages, folder);
  return run;
}

}  // namespace mj
