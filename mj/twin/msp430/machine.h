// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "mj/twin/msp430/fram_cache.h"
#include "mj/twin/msp430/memory_map.h"
#include "mj/twin/msp430/peripherals.h"
#include "mj/twin/msp430/program.h"

namespace mj::msp430 {

struct Core;
struct Fault;

struct MachineOptions {
  MemoryMap map = fr5994_memory();
  std::uint32_t multiplier_base = 0x04C0;    ///< MPY32; `Peripherals::kNone` for a device without
  std::uint32_t multiplier16_base = 0x0130;  ///< the multiplier of older devices, so that their programs run too
  /// Whether the watchdog runs from reset on, as on the device, until the program holds it.
  bool watchdog = false;
  /// Whether words over the memory bus are counted and FRAM wait states added to the cycles. About a third of the speed.
  bool memory_traffic = false;
  /// NWAITS after a reset, as left by a boot loader: 0 up to 8 MHz, 1 above. The program may change it through FRCTL0.
  unsigned fram_waits = 0;
  /// What SRAM and registers hold when power comes is drawn from this.
  std::uint64_t seed = 1;
  /// The stack pointer must not go below this; where a program has the symbol `__stack_limit`, that address, else nothing.
  std::optional<std::uint32_t> stack_limit;
};

enum class StopReason : std::uint8_t {
  kHalted,      ///< reached `_halt`, or a jump to itself was taken
  kBreakpoint,  ///< reached a breakpoint, before its instruction
  kLimit,       ///< ran as many instructions as allowed
  kCpuOff,      ///< went to sleep; there are no interrupts to wake it
  kReset,       ///< the device reset itself and stands at its start again
  kFault,       ///< an instruction that cannot be completed; the program counter stands on it
};

struct Stop {
  StopReason reason = StopReason::kLimit;
  std::uint32_t address = 0;  ///< of the next instruction; after a reset, of the one that caused it
  /// For faults and resets one sentence with address and nearest symbol, e.g.
  /// "unaligned word read at 0x1c05 by the instruction at 0x4a2c (conv+0x1a)".
  std::string message;
};

/// All that a machine is, to come back to: registers, memory, peripherals and counters.
class Snapshot {
 public:
  Snapshot();
  ~Snapshot();
  Snapshot(Snapshot&&) noexcept;
  Snapshot& operator=(Snapshot&&) noexcept;

 private:
  friend class Machine;
  struct State;
  std::unique_ptr<State> state_;
};

/// An MSP430FR5994 that runs a program instruction by instruction, without its interrupts, timers, DMA and accelerator.
///
/// Everything is deterministic: program, options and the calls made decide every bit. Instructions are counted one by one
/// (a repeated one, PUSHM and POPM as one); cycles by the tables of SLAU367 (see cycles.h), wait states on top.
///
///     Machine machine(load_elf("firmware.elf"));
///     machine.run(100'000'000);                  // to its end
///     ...
///     machine.restore(start);                    // again, but cut the power after n instructions
///     machine.run(n);
///     machine.cut_power(seed);
///     machine.run(100'000'000);
class Machine {
 public:
  /// Programs the device and puts it at its reset vector. Throws `Error` where the program does not fit the memory map,
  /// puts bytes into SRAM, or has no reset vector.
  explicit Machine(Program program, const MachineOptions& options = {});
  ~Machine();
  Machine(Machine&&) noexcept;
  Machine& operator=(Machine&&) noexcept;

  /// Runs at most `limit` further instructions. A breakpoint at the present address does not stop it at once.
  Stop run(std::uint64_t limit);
  Stop step() { return run(1); }
  /// Runs to the end: throws `Error` unless it halts within `limit` instructions, saying where it was instead.
  void run_to_halt(std::uint64_t limit);

  /// Takes the power away and brings it back: SRAM and registers hold what `seed` says, FRAM what it held, and the program
  /// stands at its reset vector. Counters go on.
  void cut_power(std::uint64_t seed);

  void save(Snapshot& snapshot) const;
  Snapshot snapshot() const;
  /// Goes back to a snapshot of this machine or of one made from the same program and options.
  void restore(const Snapshot& snapshot);
  /// Whether all of FRAM holds what it held when the snapshot was taken.
  bool same_fram(const Snapshot& snapshot) const;
  /// Whether everything but the counters is as it was then: what follows is then the same, too.
  bool same_state(const Snapshot& snapshot) const;

  std::uint64_t instructions() const;
  std::uint64_t cycles() const;  ///< wait states included
  const MemoryTraffic& traffic() const;
  /// The lowest that the stack pointer has been since power came; nothing before it was first set.
  std::optional<std::uint32_t> stack_low() const;

  std::uint32_t reg(unsigned number) const;
  /// Throws `Error` for an odd PC; values are cut to 20 bits (SR to 16).
  void set_reg(unsigned number, std::uint32_t value);
  std::uint32_t pc() const { return reg(0); }

  /// Memory as it lies there (registers of modelled peripherals are not memory). Throws `Error` beyond 1 MB.
  std::span<const std::byte> memory(std::uint32_t address, std::uint32_t bytes) const;
  void write_memory(std::uint32_t address, std::span<const std::byte> bytes);

  /// `run` stops before the instruction at this address.
  void add_breakpoint(std::uint32_t address);
  void remove_breakpoint(std::uint32_t address);

  const Program& program() const { return program_; }
  /// Address of a symbol of the program; throws `Error` naming it when there is none.
  std::uint32_t symbol(std::string_view name) const;

 private:
  void power_up(std::uint64_t seed);
  void start();
  void load();
  Stop stopped(StopReason reason) const;
  std::string explain(const Fault& fault) const;

  Program program_;
  std::optional<std::uint32_t> halt_;
  std::unique_ptr<Core> core_;
};

}  // namespace mj::msp430
