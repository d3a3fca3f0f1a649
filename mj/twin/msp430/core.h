// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <set>

#include "mj/twin/msp430/fault.h"
#include "mj/twin/msp430/instruction.h"
#include "mj/twin/msp430/memory.h"

namespace mj::msp430 {

/// Why the processor stopped by itself.
enum class Halt : std::uint8_t { kNone, kSelfJump, kBreakpoint, kCpuOff };

/// What instructions work on. They run one after another until the counter reaches `stop_at`, which a handler may lower.
struct Core {
  static constexpr std::uint32_t kNoStack = ~std::uint32_t{0};

  explicit Core(const MemoryMap& map);
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  std::array<std::uint32_t, 16> registers{};
  std::uint64_t instructions = 0;
  std::uint64_t cycles = 0;  ///< without wait states, which `memory.traffic` counts
  std::uint64_t stop_at = 0;
  std::uint32_t current = 0;  ///< address of the instruction that is running
  std::uint32_t stack_low = kNoStack;
  std::uint32_t stack_limit = 0;
  Halt halt = Halt::kNone;
  std::uint32_t resumed = kAddressSpace;  ///< a breakpoint here does not stop the run that starts on it
  std::set<std::uint32_t> breakpoints;
  Memory memory;

  /// Runs until `stop_at`. A `Fault` or `DeviceReset` leaves it as an exception: `current` tells where, and the instruction
  /// is counted.
  void run();

  /// Ends the run after this instruction.
  void stop(Halt why) {
    halt = why;
    stop_at = instructions;
  }
  /// Ends the run as if this instruction had not been begun.
  void stop_before(const Decoded& decoded, Halt why) {
    --instructions;
    cycles -= decoded.cycles;
    registers[kPc] = current;
    stop(why);
  }

  void set_pc(std::uint32_t address) {
    if (address & 1) throw Fault{FaultKind::kOddJump, address, {}};
    registers[kPc] = address;
  }
  void set_sp(std::uint32_t address) {
    registers[kSp] = address;
    if (address < stack_low) {
      if (address < stack_limit) throw Fault{FaultKind::kStackOverflow, address, {}};
      stack_low = address;
    }
  }
  void set_sr(std::uint32_t value) {
    registers[kSr] = value & 0xFFFF;
    if (value & kCpuOff) stop(Halt::kCpuOff);
  }
  /// Any register as the destination of an instruction.
  void set(std::uint8_t reg, std::uint32_t value) {
    switch (reg) {
      case kPc:
        return set_pc(value);
      case kSp:
        return set_sp(value);
      case kSr:
        return set_sr(value);
      case kCg:
        return;
      default:
        registers[reg] = value;
    }
  }

  template <int kBits>
  void push(std::uint32_t value) {
    const std::uint32_t sp = (registers[kSp] - (kBits == 20 ? 4 : 2)) & kAddressMask;
    set_sp(sp);
    memory.write<kBits>(sp, value);
  }
  template <int kBits>
  std::uint32_t pop() {
    const std::uint32_t value = memory.read<kBits>(registers[kSp]);
    registers[kSp] = (registers[kSp] + (kBits == 20 ? 4 : 2)) & kAddressMask;
    return value;
  }

 private:
  template <bool kCounting>
  void loop();
};

/// Handlers by encoding: what runs an instruction of these operations, widths and addressing modes.
Handler double_operand_handler(const Instruction& instruction);
Handler single_operand_handler(const Instruction& instruction);
Handler repeat_handler(const Instruction& instruction);
Handler jump_handler(const Instruction& instruction, bool to_itself);
Handler stack_block_handler(const Instruction& instruction);
Handler rotate_block_handler(const Instruction& instruction);
Handler call_handler(const Instruction& instruction);  ///< CALL, CALLA and RETI

/// The instruction at `address`, made ready to run.
Decoded bind(const Instruction& instruction, std::uint32_t address);

}  // namespace mj::msp430
