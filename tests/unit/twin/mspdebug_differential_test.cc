// SPDX-License-Identifier: Apache-2.0

// The classic instructions against Debian's `mspdebug sim`, one by one, on random instructions and data.
//
// MJ_MSP430_CASES sets how many instructions (default 30000), MJ_MSP430_SEED the seed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "mspdebug_sim.h"
#include "random_instructions.h"

namespace mj::msp430 {
namespace {

constexpr std::uint32_t kRamBegin = 0x0200;

/// 64 KB of memory above the peripherals, as that simulator has it.
Machine mspdebug_machine() {
  MachineOptions options;
  options.map = {{kRamBegin, 0x10000 - kRamBegin, Region::kFram}};
  return Machine({{{kResetVector, {std::byte{0}, std::byte{0x40}}}}, {}, 0}, options);
}

/// What that simulator does otherwise than the device, or what the device leaves open.
bool comparable(const Instruction& instruction, const Machine& machine) {
  const Operand& source = instruction.source;
  const Operand& destination = instruction.destination;
  const bool two = instruction.operation < Operation::kRrc;
  // Byte operands popped from the stack: there SP moves by one byte.
  if (source.mode == Mode::kIndirectIncrement && source.reg == kSp && instruction.width == Width::kByte) return false;
  // Words at odd addresses: a byte is pushed as one there.
  if (instruction.operation == Operation::kPush && (machine.reg(kSp) & 1) != 0) return false;
  // PUSH SP: there the pointer is stored before it moves.
  if (instruction.operation == Operation::kPush && source.mode == Mode::kRegister && source.reg == kSp) return false;
  // Its R3 can be written.
  if (destination.mode == Mode::kRegister && destination.reg == kCg) return false;
  // Decimal addition is tested apart, on decimal digits.
  if (two && instruction.operation == Operation::kDadd) return false;
  // RETI pops 20-bit program counters only on the newer processor.
  if (instruction.operation == Operation::kReti) {
    const auto word = machine.memory(machine.reg(kSp) & 0xFFFE, 2);
    return std::to_integer<unsigned>(word[1]) < 0x10;
  }
  return true;
}

struct MspdebugStep {
  std::uint32_t address = 0;
  std::vector<std::uint16_t> words;
  MspdebugSim::Registers before{};
  MspdebugSim::Registers after{};
};

MspdebugSim::Registers mspdebug_registers(const Machine& machine) {
  MspdebugSim::Registers registers;
  for (unsigned i = 0; i < 16; ++i) registers[i] = machine.reg(i) & 0xFFFF;
  return registers;
}

std::string describe(const MspdebugStep& step, const MspdebugSim::Registers& theirs) {
  std::string text = fmt::format("at {:#06x}:", step.address);
  for (const std::uint16_t word : step.words) text += fmt::format(" {:04x}", word);
  for (unsigned i = 0; i < 16; ++i) {
    text += fmt::format("\n  r{:<2} before {:04x} ours {:04x} theirs {:04x}{}", i, step.before[i], step.after[i], theirs[i],
                        step.after[i] == theirs[i] ? "" : "  <-");
  }
  return text;
}

class MspdebugDifferential : public testing::Test {
 protected:
  void SetUp() override {
    if (!MspdebugSim::available()) GTEST_SKIP() << "mspdebug not found; install Debian's package mspdebug";
    fmt::print("seed {}\n", seed_);
  }

  const std::uint64_t seed_ = from_environment("MJ_MSP430_SEED", 20260101);
};

/// One process of the simulator: chains of instructions from fresh registers, memory carried on and compared at the end.
void compare_with_mspdebug(std::uint64_t seed, std::uint64_t batch, std::uint64_t count, std::uint64_t& failures) {
  RandomInstructions random({}, RandomStream(seed, batch));
  Machine machine = mspdebug_machine();
  MspdebugSim sim;
  sim.write(kResetVector, {0x4000});
  for (std::uint32_t address = 0x8000; address < 0x9000; address += 16) {
    std::vector<std::uint16_t> words(8);
    for (auto& word : words) word = static_cast<std::uint16_t>(random.below(0x10000));
    write_words(machine, address, words);
    sim.write(address, words);
  }
  std::vector<MspdebugStep> steps;
  Snapshot before;
  while (steps.size() < count) {
    if (steps.size() % 12 == 0 || machine.pc() < kRamBegin || machine.pc() > 0xFF00) {
      for (unsigned reg = 0; reg < 16; ++reg) {
        if (reg == kCg) continue;
        const std::uint32_t value = reg == kPc   ? random.code_address()
                                    : reg == kSr ? static_cast<std::uint32_t>(random.below(0x200)) & ~kCpuOff
                                    : reg == kSp ? random.random_value() & ~1u
                                                 : random.random_value();
        machine.set_reg(reg, value);
        sim.set(reg, value);
      }
    }
    MspdebugStep step;
    step.address = machine.pc();
    step.words = random.propose(machine);
    const auto instruction = decode_words(step.words, step.address);
    if (!instruction || !comparable(*instruction, machine)) continue;
    machine.save(before);
    step.before = mspdebug_registers(machine);
    write_words(machine, step.address, step.words);
    if (machine.step().reason != StopReason::kLimit) {  // refused, or the end of a program
      machine.restore(before);
      continue;
    }
    if (instruction->operation == Operation::kPush && instruction->width == Width::kByte) {
      // There the high byte of a pushed byte is cleared; the device leaves it (SLAU367, "PUSH"). Cleared afterwards, for an
      // instruction may push onto itself.
      const std::byte zero{};
      machine.write_memory((machine.reg(kSp) + 1) & 0xFFFF, {&zero, 1});
    }
    for (unsigned reg = 0; reg < 16; ++reg) machine.set_reg(reg, machine.reg(reg) & 0xFFFF);
    step.after = mspdebug_registers(machine);
    sim.write(step.address, step.words);
    sim.step();
    steps.push_back(std::move(step));
  }
  sim.dump(kRamBegin, 0x10000 - kRamBegin);
  sim.run();
  // Where it stops early, what went before tells why.
  ASSERT_TRUE(!sim.error().empty() || sim.after_steps().size() == steps.size());
  for (std::size_t i = 0; i < std::min(steps.size(), sim.after_steps().size()); ++i) {
    const auto& theirs = sim.after_steps()[i];
    bool equal = true;
    for (unsigned reg = 0; reg < 16; ++reg) equal = equal && (reg == kCg || theirs[reg] == steps[i].after[reg]);
    if (!equal) {
      ++failures;
      ADD_FAILURE() << "batch " << batch << " instruction " << i << " " << describe(steps[i], theirs);
      return;  // what follows starts from other registers
    }
  }
  ASSERT_EQ(sim.error(), "");
  ASSERT_EQ(sim.dumps().size(), 1u);
  const auto ours = machine.memory(kRamBegin, 0x10000 - kRamBegin);
  ASSERT_EQ(sim.dumps()[0].size(), ours.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    if (sim.dumps()[0][i] == ours[i]) continue;
    ++failures;
    ADD_FAILURE() << fmt::format("batch {}: memory at {:#x}: ours {:02x}, theirs {:02x}", batch, kRamBegin + i,
                                 std::to_integer<unsigned>(ours[i]), std::to_integer<unsigned>(sim.dumps()[0][i]));
    return;
  }
}

TEST_F(MspdebugDifferential, RandomInstructionsAgree) {
  const std::uint64_t cases = from_environment("MJ_MSP430_CASES", 30000);
  constexpr std::uint64_t kBatch = 5000;
  std::uint64_t failures = 0;
  for (std::uint64_t done = 0; done < cases && failures < 5; done += kBatch) {
    compare_with_mspdebug(seed_, done / kBatch, std::min(kBatch, cases - done), failures);
  }
  fmt::print("{} instructions compared, {} divergences\n", cases, failures);
}

TEST_F(MspdebugDifferential, DecimalAdditionAgrees) {
  RandomInstructions random({}, RandomStream(seed_, 1000000));
  Machine machine = mspdebug_machine();
  MspdebugSim sim;
  std::vector<MspdebugStep> steps;
  for (int i = 0; i < 1000; ++i) {
    const bool byte = random.chance(50);
    MspdebugStep step;
    step.address = 0x4000;
    step.words = {static_cast<std::uint16_t>(0xA405 | (byte ? 0x40 : 0))};  // DADD R4, R5
    const std::uint32_t values[] = {0x4000, 0x3000, static_cast<std::uint32_t>(random.below(2)), 0, random.decimal(4), random.decimal(4)};
    for (unsigned reg = 0; reg < 6; ++reg) {
      machine.set_reg(reg, values[reg]);
      if (reg != kCg) sim.set(reg, values[reg]);
    }
    write_words(machine, step.address, step.words);
    sim.write(step.address, step.words);
    sim.step();
    step.before = mspdebug_registers(machine);
    ASSERT_EQ(machine.step().reason, StopReason::kLimit);
    step.after = mspdebug_registers(machine);
    steps.push_back(step);
  }
  sim.run();
  ASSERT_EQ(sim.error(), "");
  ASSERT_EQ(sim.after_steps().size(), steps.size());
  // The sum alone: the simulator's flags are not the device's.
  for (std::size_t i = 0; i < steps.size(); ++i) {
    ASSERT_EQ(sim.after_steps()[i][5], steps[i].after[5]) << describe(steps[i], sim.after_steps()[i]);
  }
}

/// The 16-bit multiplier at 0x0130: random operands, modes and partial results.
TEST_F(MspdebugDifferential, MultiplierAgrees) {
  RandomInstructions random({}, RandomStream(seed_, 2000000));
  MachineOptions options;
  options.map = {{0x0100, 0x0100, Region::kPeripheral}, {kRamBegin, 0x10000 - kRamBegin, Region::kFram}};
  Machine machine({{{kResetVector, {std::byte{0}, std::byte{0x40}}}}, {}, 0}, options);
  MspdebugSim sim;
  std::vector<MspdebugStep> steps;
  machine.set_reg(kPc, 0x4000);
  machine.set_reg(kSr, 0);
  for (unsigned reg = 0; reg < 16; ++reg) {
    if (reg != kCg) sim.set(reg, machine.reg(reg) & 0xFFFF);
    machine.set_reg(reg, machine.reg(reg) & 0xFFFF);
  }
  while (steps.size() < 6000) {
    MspdebugStep step;
    step.address = machine.pc();
    if (step.address > 0x7F00) {
      machine.set_reg(kPc, 0x4000);
      sim.set(kPc, 0x4000);
      continue;
    }
    const auto offset = static_cast<std::uint16_t>(0x0130 + 2 * random.below(8));
    const bool reads = random.chance(40);
    if (!reads && offset == 0x013E) continue;  // SUMEXT is read-only
    step.words = reads ? std::vector<std::uint16_t>{0x4215, offset}  // MOV &offset, R5
                       : std::vector<std::uint16_t>{0x40B2, static_cast<std::uint16_t>(random.random_value()), offset};
    write_words(machine, step.address, step.words);
    sim.write(step.address, step.words);
    sim.step();
    step.before = mspdebug_registers(machine);
    ASSERT_EQ(machine.step().reason, StopReason::kLimit);
    step.after = mspdebug_registers(machine);
    steps.push_back(step);
  }
  sim.run();
  ASSERT_EQ(sim.error(), "");
  ASSERT_EQ(sim.after_steps().size(), steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    ASSERT_EQ(sim.after_steps()[i][5], steps[i].after[5]) << i << " " << describe(steps[i], sim.after_steps()[i]);
  }
}

}  // namespace
}  // namespace mj::msp430
