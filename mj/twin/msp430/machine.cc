// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/msp430/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "mj/base/error.h"
#include "mj/base/random.h"
#include "mj/twin/msp430/core.h"

namespace mj::msp430 {
namespace {

/// More cycles than any one instruction takes, wait states included: no deadline is missed by running this much less.
constexpr std::uint64_t kMostCycles = 512;

std::string_view name_of(Region region) {
  switch (region) {
    case Region::kPeripheral:
      return "peripheral registers";
    case Region::kRom:
      return "read-only memory";
    case Region::kSram:
      return "SRAM, which holds nothing when power comes";
    case Region::kFram:
      return "FRAM";
    case Region::kVacant:
      break;
  }
  return "no memory";
}

}  // namespace

Machine::Machine(Program program, const MachineOptions& options)
    : program_(std::move(program)), halt_(program_.find("_halt")), core_(std::make_unique<Core>(options.map)) {
  Peripherals& peripherals = core_->memory.peripherals;
  peripherals.multiplier_base = options.multiplier_base;
  peripherals.multiplier16_base = options.multiplier16_base;
  peripherals.watchdog_runs = options.watchdog;
  peripherals.fram_waits_reset = options.fram_waits;
  core_->memory.count_traffic(options.memory_traffic);
  const auto limit = options.stack_limit ? options.stack_limit : program_.find("__stack_limit");
  core_->stack_limit = limit.value_or(0);
  load();
  if (halt_) core_->breakpoints.insert(*halt_);
  power_up(options.seed);
}

Machine::~Machine() = default;
Machine::Machine(Machine&&) noexcept = default;
Machine& Machine::operator=(Machine&&) noexcept = default;

void Machine::load() {
  Memory& memory = core_->memory;
  for (const Segment& segment : program_.segments) {
    for (std::size_t i = 0; i < segment.bytes.size(); i += kPageBytes - (segment.address + i) % kPageBytes) {
      const auto at = static_cast<std::uint32_t>(segment.address + i);
      if (memory.region(at) != Region::kFram) {
        fail("segment of {} bytes at {:#x}: {:#x} is {}; expected FRAM", segment.bytes.size(), segment.address, at,
             name_of(memory.region(at)));
      }
    }
    memory.poke(segment.address, segment.bytes);
  }
  memory.freeze();
  const auto vector = memory.view(kResetVector, 2);
  if (vector[0] == std::byte{0xFF} && vector[1] == std::byte{0xFF}) {
    fail("no reset vector at {:#x}: expected the address of the first instruction", kResetVector);
  }
}

void Machine::power_up(std::uint64_t seed) {
  RandomStream noise(seed);
  for (std::uint32_t& reg : core_->registers) reg = static_cast<std::uint32_t>(noise.next()) & (kAddressMask - 1);
  core_->registers[kCg] = 0;
  core_->stack_low = Core::kNoStack;
  core_->memory.lose_power([&] { return noise.next(); });
  start();
}

/// What every reset does.
void Machine::start() {
  core_->registers[kSr] = 0;
  const auto vector = core_->memory.view(kResetVector, 2);
  core_->registers[kPc] = std::to_integer<std::uint32_t>(vector[0]) | std::to_integer<std::uint32_t>(vector[1]) << 8;
  core_->memory.peripherals.reset(cycles());
}

void Machine::cut_power(std::uint64_t seed) { power_up(seed); }

Stop Machine::run(std::uint64_t limit) {
  Core& core = *core_;
  const std::uint64_t end = limit > ~core.instructions ? ~std::uint64_t{0} : core.instructions + limit;
  core.halt = Halt::kNone;
  core.resumed = core.registers[kPc];
  try {
    if (core.registers[kPc] & 1) {
      core.current = core.registers[kPc];
      ++core.instructions;
      throw Fault{FaultKind::kOddJump, core.current, {}};
    }
    while (core.instructions < end && core.halt == Halt::kNone) {
      const std::uint64_t deadline = core.memory.peripherals.watchdog.deadline();
      core.stop_at = end;
      if (deadline != Watchdog::kNever) {
        const std::uint64_t now = cycles();
        if (now >= deadline) throw DeviceReset{"watchdog ran out"};
        core.stop_at = std::min(end, core.instructions + std::max<std::uint64_t>(1, (deadline - now) / kMostCycles));
      }
      try {
        core.run();
      } catch (const WatchdogWritten&) {
      }
    }
  } catch (const Fault& fault) {
    --core.instructions;
    core.registers[kPc] = core.current;
    return {StopReason::kFault, core.current, explain(fault)};
  } catch (const DeviceReset& reset) {
    Stop stop{StopReason::kReset, core.current,
              fmt::format("{} by the instruction at {}", reset.cause, program_.describe(core.current))};
    start();
    return stop;
  }
  switch (core.halt) {
    case Halt::kSelfJump:
      return stopped(StopReason::kHalted);
    case Halt::kBreakpoint:
      return stopped(halt_ == core.registers[kPc] ? StopReason::kHalted : StopReason::kBreakpoint);
    case Halt::kCpuOff:
      return stopped(StopReason::kCpuOff);
    case Halt::kNone:
      break;
  }
  return stopped(StopReason::kLimit);
}

Stop Machine::stopped(StopReason reason) const { return {reason, core_->registers[kPc], {}}; }

void Machine::run_to_halt(std::uint64_t limit) {
  const Stop stop = run(limit);
  switch (stop.reason) {
    case StopReason::kHalted:
      return;
    case StopReason::kLimit:
      fail("still running after {} instructions, at {}", limit, program_.describe(stop.address));
    case StopReason::kBreakpoint:
      fail("stopped by a breakpoint at {}", program_.describe(stop.address));
    case StopReason::kCpuOff:
      fail("processor switched off before {}; nothing wakes it", program_.describe(stop.address));
    case StopReason::kReset:
    case StopReason::kFault:
      fail("{}", stop.message);
  }
}

std::string Machine::explain(const Fault& fault) const {
  const std::string here = program_.describe(core_->current);
  switch (fault.kind) {
    case FaultKind::kIllegalInstruction: {
      const auto word = core_->memory.view(fault.address, 2);
      return fmt::format("illegal instruction {:#06x} at {}",
                         std::to_integer<unsigned>(word[0]) | std::to_integer<unsigned>(word[1]) << 8, here);
    }
    case FaultKind::kUnalignedRead:
      return fmt::format("unaligned word read at {:#x} by the instruction at {}", fault.address, here);
    case FaultKind::kUnalignedWrite:
      return fmt::format("unaligned word write at {:#x} by the instruction at {}", fault.address, here);
    case FaultKind::kVacantRead:
      return fmt::format("read at {:#x}, where there is no memory, by the instruction at {}", fault.address, here);
    case FaultKind::kVacantWrite:
      return fmt::format("write at {:#x}, where there is no memory, by the instruction at {}", fault.address, here);
    case FaultKind::kReadOnlyWrite:
      return fmt::format("write at {:#x} into read-only memory by the instruction at {}", fault.address, here);
    case FaultKind::kFetch:
      return fmt::format("instruction fetch at {:#x}: {}, no code", fault.address,
                         name_of(core_->memory.region(fault.address)));
    case FaultKind::kOddJump:
      return fmt::format("odd program counter {:#x} set by the instruction at {}", fault.address, here);
    case FaultKind::kStackOverflow:
      return fmt::format("stack overflow: stack pointer {:#x} below {}, set by the instruction at {}", fault.address,
                         program_.describe(core_->stack_limit), here);
    case FaultKind::kPeripheral:
      break;
  }
  return fmt::format("{} by the instruction at {}", fault.detail, here);
}

std::uint64_t Machine::instructions() const { return core_->instructions; }
std::uint64_t Machine::cycles() const { return core_->cycles + core_->memory.traffic.wait_cycles; }
const MemoryTraffic& Machine::traffic() const { return core_->memory.traffic; }

std::optional<std::uint32_t> Machine::stack_low() const {
  return core_->stack_low == Core::kNoStack ? std::nullopt : std::optional(core_->stack_low);
}

std::uint32_t Machine::reg(unsigned number) const {
  MJ_CHECK(number < 16);
  return core_->registers[number];
}

void Machine::set_reg(unsigned number, std::uint32_t value) {
  MJ_CHECK(number < 16);
  value &= number == kSr ? 0xFFFF : kAddressMask;
  if (number == kPc && (value & 1)) fail("odd program counter {:#x}; instructions lie at even addresses", value);
  if (number != kCg) core_->registers[number] = value;
}

std::span<const std::byte> Machine::memory(std::uint32_t address, std::uint32_t bytes) const {
  if (bytes > kAddressSpace || address > kAddressSpace - bytes) {
    fail("{} bytes at {:#x} go beyond the address space of 1 MB", bytes, address);
  }
  return core_->memory.view(address, bytes);
}

void Machine::write_memory(std::uint32_t address, std::span<const std::byte> bytes) {
  if (bytes.size() > kAddressSpace || address > kAddressSpace - bytes.size()) {
    fail("{} bytes at {:#x} go beyond the address space of 1 MB", bytes.size(), address);
  }
  core_->memory.poke(address, bytes);
}

void Machine::add_breakpoint(std::uint32_t address) {
  core_->breakpoints.insert(address);
  core_->memory.code.forget(address);
}

void Machine::remove_breakpoint(std::uint32_t address) {
  if (halt_ == address) return;
  core_->breakpoints.erase(address);
  core_->memory.code.forget(address);
}

std::uint32_t Machine::symbol(std::string_view name) const {
  const auto address = program_.find(name);
  if (!address) fail("no symbol '{}' in the program", name);
  return *address;
}

}  // namespace mj::msp430
