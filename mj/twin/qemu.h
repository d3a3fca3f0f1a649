// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mj/base/process.h"
#include "mj/emit/machines.h"
#include "mj/twin/elf.h"
#include "mj/twin/marks.h"

namespace mj {

/// What the counting plugin wrote at the end of a run.
struct QemuAnswers {
  std::vector<Passage> passages;
  std::uint64_t lowest_store = 0;
  std::uint64_t instructions = 0;
  std::optional<std::uint32_t> limit;  ///< where the run was when it had used up its instructions
  bool cut = false;
  bool done = false;  ///< it came to its end, see `qemu_plugin.cc`
};

/// The stack of a program: it grows down from `top` to `limit`.
struct QemuStack {
  std::uint32_t limit, top;
};
constexpr std::uint32_t kGuardBytes = 0x10000;  ///< below the stack, where nothing else lies

/// Both throw `Error` naming a symbol that the program lacks.
std::uint32_t needed_symbol(const ElfProgram& program, std::string_view name);
QemuStack stack_of(const ElfProgram& program);

/// Compiles the plugin in a folder. Throws `Error` when the host has no C compiler.
std::filesystem::path compile_qemu_plugin(const std::filesystem::path& folder);

struct QemuRun {
  const DeviceMachine& machine;
  const ElfProgram& program;
  std::filesystem::path image;  ///< linked, or what the ROM holds
  std::filesystem::path plugin;
  std::string arguments;         ///< of the plugin, beside its output
  std::filesystem::path memory;  ///< file behind the board's RAM at 0x21000000, or empty
  std::filesystem::path noise;   ///< what the RAM at 0x20000000 holds before the program starts, or empty
};

/// Runs a program in a folder where it finds input.bin and leaves output.bin. Throws `Error`: for an emulator that is
/// missing or fails, and one sentence with address and nearest symbol for a program that faults, overflows its stack or
/// does not end in 15 minutes; one that used up its instructions is left to the caller.
QemuAnswers run_qemu(const QemuRun& run, const std::filesystem::path& folder);

}  // namespace mj
