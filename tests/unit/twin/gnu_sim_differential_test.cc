// SPDX-License-Identifier: Apache-2.0

// All instructions of the MSP430X with 20-bit registers and addresses, and MPY32, against GNU sim.
//
// MJ_MSP430_CASES sets how many instructions (default 30000), MJ_MSP430_SEED the seed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "gnu_sim.h"
#include "random_instructions.h"

namespace mj::msp430 {
namespace {

constexpr std::uint32_t kDataBytes = 0x1000;
/// Memory that is compared: all but the code, and far away only the data.
struct Window {
  std::uint32_t first, bytes;
};
constexpr Window kWindows[] = {{0x0600, 0x3A00}, {0x6000, 0x9F00}, {0x20000, kDataBytes}};
constexpr std::uint32_t kNear = 0x8000;
constexpr std::uint32_t kFar = 0x20000;

/// Memory that holds zeros at first, as the simulator's does.
Machine gnu_sim_machine() {
  MachineOptions options;
  options.map = {{0x0500, kAddressSpace - 0x0500, Region::kFram}};
  Segment zeros{0x0500, std::vector<std::byte>(kAddressSpace - 0x0500)};
  zeros.bytes[kResetVector + 1 - 0x0500] = std::byte{0x40};
  return Machine({{std::move(zeros)}, {}, 0}, options);
}

/// What that simulator does otherwise than the manual says, or what the manual leaves open.
bool comparable(const Instruction& instruction, std::uint32_t address) {
  const Operand& source = instruction.source;
  const Operand& destination = instruction.destination;
  const auto names = [&](std::uint8_t reg) {
    return (source.mode == Mode::kRegister && source.reg == reg) || (destination.mode == Mode::kRegister && destination.reg == reg);
  };
  // Its overflow flag is another bit of SR, so what SR holds is never the same.
  if (names(kSr) || instruction.operation == Operation::kReti) return false;
  // What the program counter is within an instruction of several words, and what a block of registers that has it or the
  // stack pointer pushes and pops.
  if (source.mode == Mode::kRegister && source.reg == kPc) return false;
  if (destination.mode == Mode::kRegister && destination.reg == kPc && instruction.operation != Operation::kMov) return false;
  if (instruction.format == Format::kStackBlock) {
    const int first = instruction.operation == Operation::kPushm ? destination.reg - instruction.count + 1 : destination.reg;
    if (first <= kCg) return false;
  }
  // Its R3 can be written.
  if (names(kCg)) return false;
  // Digits above 9 give what an adder gives; decimal addition is tested apart.
  if (instruction.operation == Operation::kDadd) return false;
  // It extends the sign of a register to 16 bits and not to 20 (SLAU367, "SXT").
  if (instruction.operation == Operation::kSxt && instruction.width != Width::kAddress) return false;
  // SWPBX.A leaves bits 19 to 16 (SLAU367); there they are cleared.
  if (instruction.operation == Operation::kSwpb && instruction.width == Width::kAddress) return false;
  // It knows ZC for RRCX alone.
  if (instruction.zero_carry && instruction.operation != Operation::kRrc) return false;
  // It takes a negative index of CALLA as one of the MSP430, which wraps at 64 KB.
  if (instruction.format == Format::kCalla && source.mode == Mode::kIndexed && source.value >= 0x8000) return false;
  // It takes the negative index of a symbolic operand as positive.
  if (instruction.format == Format::kDouble || instruction.format == Format::kSingle) {
    for (const Operand& operand : {source, destination}) {
      if (operand.mode == Mode::kSymbolic && (operand.value < address || operand.value - address >= 0x8000)) return false;
    }
  }
  // Which word @PC reads while the instruction has more of them is not defined.
  if (source.mode == Mode::kSymbolic && source.value <= address + 4) return false;
  // Address instructions count from behind the index there; elsewhere, and by the manual, from the index itself.
  if ((instruction.format == Format::kAddress || instruction.format == Format::kCalla) &&
      (source.mode == Mode::kSymbolic || destination.mode == Mode::kSymbolic)) {
    return false;
  }
  // Bytes popped by @SP+ move the pointer by one there.
  if (source.mode == Mode::kIndirectIncrement && source.reg == kSp && instruction.width == Width::kByte) return false;
  // It increments twice where one operand is both source and destination, and a destination that is the incremented
  // register is read before.
  if (source.mode == Mode::kIndirectIncrement) {
    const bool single = instruction.operation >= Operation::kRrc && instruction.operation < Operation::kPush;
    if (single || destination.reg == source.reg) return false;
  }
  if (instruction.operation == Operation::kPush) {
    // It moves the stack pointer before it reads the operand, and pushes descending registers when repeated.
    if (source.reg == kSp || instruction.count != 1 || instruction.count_in_register) return false;
  }
  return true;
}

/// Flags that it computes as the manual says.
std::uint32_t trusted_flags(Operation operation) {
  switch (operation) {
    case Operation::kSub:
    case Operation::kSubc:
    case Operation::kRrc:
    case Operation::kRrcm:
    case Operation::kRrum:
    case Operation::kRlam:
      return 0x07;  // never V, or V as N
    case Operation::kSxt:
      return 0x86;  // C left over from what ran before
    default:
      return 0x87;
  }
}

/// The simulator keeps V in bit 7.
std::uint32_t their_sr(std::uint32_t sr) { return (sr & 7) | (sr & kOverflow ? 0x80 : 0); }

struct GnuSimStep {
  std::uint32_t address = 0;
  std::vector<std::uint16_t> words;
  std::uint32_t flags = 0x87;  ///< that are compared
  GnuSim::Registers before{};
  GnuSim::Registers after{};
  std::optional<std::uint32_t> written;  ///< first byte of data that it changed
  std::vector<std::byte> content;        ///< afterwards, of four bytes from there
};

GnuSim::Registers gnu_sim_registers(const Machine& machine) {
  GnuSim::Registers registers;
  for (unsigned i = 0; i < 16; ++i) registers[i] = machine.reg(i);
  return registers;
}

std::string describe(const GnuSimStep& step, const GnuSim::Registers& theirs) {
  std::string text = fmt::format("at {:#07x}:", step.address);
  for (const std::uint16_t word : step.words) text += fmt::format(" {:04x}", word);
  for (unsigned i = 0; i < 16; ++i) {
    const bool differs = step.after[i] != theirs[i];
    text += fmt::format("\n  r{:<2} before {:05x} ours {:05x} theirs {:05x}{}", i, step.before[i], step.after[i], theirs[i],
                        differs ? "  <-" : "");
  }
  return text;
}

/// Registers that are compared: R3 is none, and of SR the flags.
bool same(const GnuSim::Registers& theirs, const GnuSimStep& step) {
  for (unsigned i = 0; i < 16; ++i) {
    if (i == kCg) continue;
    const std::uint32_t ours = i == kSr ? their_sr(step.after[i]) : step.after[i];
    if (((theirs[i] ^ ours) & (i == kSr ? step.flags : kAddressMask)) != 0) return false;
  }
  return true;
}

void compare_with_gnu_sim(std::uint64_t seed, std::uint64_t batch, std::uint64_t count, std::uint64_t& failures) {
  RandomInstructions random({.extended = true}, RandomStream(seed, batch));
  Machine machine = gnu_sim_machine();
  GnuSim sim;
  sim.write(kResetVector, {0x4000});
  for (const std::uint32_t base : {kNear, kFar}) {
    for (std::uint32_t address = base; address < base + kDataBytes; address += 16) {
      std::vector<std::uint16_t> words(8);
      for (auto& word : words) word = static_cast<std::uint16_t>(random.below(0x10000));
      write_words(machine, address, words);
      sim.write(address, words);
    }
  }
  std::array<std::vector<std::byte>, std::size(kWindows)> known;
  const auto copy = [&](std::size_t i) {
    const auto bytes = machine.memory(kWindows[i].first, kWindows[i].bytes);
    known[i].assign(bytes.begin(), bytes.end());
  };
  for (std::size_t i = 0; i < known.size(); ++i) copy(i);
  std::vector<GnuSimStep> steps;
  Snapshot before;
  const auto within = [](std::uint32_t address) {
    return (address >= kNear && address < kNear + kDataBytes) || (address >= kFar && address < kFar + kDataBytes);
  };
  while (steps.size() < count) {
    if (steps.size() % 6 == 0 || machine.pc() < 0x4000 || machine.pc() > 0x6000) {
      for (unsigned reg = 0; reg < 16; ++reg) {
        if (reg == kCg) continue;
        const std::uint32_t stack = (random.chance(50) ? kNear : kFar) + 0x100 + 2 * static_cast<std::uint32_t>(random.below(0x700));
        const std::uint32_t value = reg == kPc   ? random.code_address()
                                    : reg == kSr ? static_cast<std::uint32_t>(random.below(0x200)) & kFlags
                                    : reg == kSp ? stack
                                                 : random.random_value();
        machine.set_reg(reg, value);
        sim.set(reg, reg == kSr ? their_sr(value) : value);
      }
    }
    GnuSimStep step;
    step.address = machine.pc();
    step.words = random.propose(machine);
    const auto instruction = decode_words(step.words, step.address);
    if (!instruction || !comparable(*instruction, step.address) || !within(machine.reg(kSp))) {
      if (!within(machine.reg(kSp))) {
        machine.set_reg(kSp, kNear + 0x800);
        sim.set(kSp, kNear + 0x800);
      }
      continue;
    }
    machine.save(before);
    step.before = gnu_sim_registers(machine);
    write_words(machine, step.address, step.words);
    const Stop stop = machine.step();
    // Its stack pointer is always even; calls into the lowest memory are system calls of that simulator.
    const bool system_call = machine.pc() < 0x0500;
    if (system_call || stop.reason != StopReason::kLimit || (machine.reg(kSr) & ~kFlags) != 0 || (machine.reg(kSp) & 1) != 0) {
      machine.restore(before);
      continue;
    }
    step.after = gnu_sim_registers(machine);
    step.flags = trusted_flags(instruction->operation);
    for (std::size_t i = 0; i < known.size(); ++i) {
      const auto now = machine.memory(kWindows[i].first, kWindows[i].bytes);
      if (std::memcmp(now.data(), known[i].data(), now.size()) == 0) continue;
      const auto changed = std::ranges::mismatch(now, known[i]);
      step.written = kWindows[i].first + static_cast<std::uint32_t>(changed.in1 - now.begin());
      const auto bytes = machine.memory(*step.written, 4);
      step.content.assign(bytes.begin(), bytes.end());
      copy(i);
    }
    sim.write(step.address, step.words);
    sim.step();
    if (step.written) sim.dump(*step.written, 4);
    if (step.flags != 0x87) sim.set(kSr, their_sr(step.after[kSr]));  // go on from what is right
    // An increment beyond 20 bits stays in the register there, though what it shows is cut: an index from it does not wrap
    // at 64 KB. (BIC @R8, 0x8d64(R10) after MOV @R10+, R5 from 0xffffe writes to 0xf8d64.)
    const Operand& source = instruction->source;
    if (source.mode == Mode::kIndirectIncrement && step.after[source.reg] < step.before[source.reg]) {
      sim.set(source.reg, step.after[source.reg]);
    }
    steps.push_back(std::move(step));
  }
  for (const Window& window : kWindows) sim.dump(window.first, window.bytes);
  sim.run();
  ASSERT_EQ(sim.after_steps().size(), steps.size());
  std::size_t written = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto& theirs = sim.after_steps()[i];
    const bool content_same = !steps[i].written || sim.dumps()[written++] == steps[i].content;
    if (theirs && same(*theirs, steps[i]) && content_same) continue;
    ++failures;
    ADD_FAILURE() << "batch " << batch << " instruction " << i << " " << (theirs ? content_same ? "" : fmt::format("wrote otherwise at {:#x} ", *steps[i].written) : "refused there ")
                  << describe(steps[i], theirs.value_or(GnuSim::Registers{}));
    return;  // what follows starts from other registers
  }
  ASSERT_EQ(sim.dumps().size(), written + std::size(kWindows));
  for (std::size_t part = 0; part < std::size(kWindows); ++part) {
    const std::uint32_t base = kWindows[part].first;
    const auto ours = machine.memory(base, kWindows[part].bytes);
    for (std::size_t i = 0; i < ours.size(); ++i) {
      if (sim.dumps()[written + part][i] == ours[i]) continue;
      ++failures;
      ADD_FAILURE() << fmt::format("batch {}: memory at {:#x}: ours {:02x}, theirs {:02x}", batch, base + i,
                                   std::to_integer<unsigned>(ours[i]), std::to_integer<unsigned>(sim.dumps()[written + part][i]));
      return;
    }
  }
}

class GnuSimDifferential : public testing::Test {
 protected:
  void SetUp() override {
    if (!GnuSim::driver()) GTEST_SKIP() << "GNU sim not found; scripts/build_gnu_sim.sh builds it from package gdb-source";
    fmt::print("seed {}\n", seed_);
  }
  const std::uint64_t seed_ = from_environment("MJ_MSP430_SEED", 20260202);
};

TEST_F(GnuSimDifferential, RandomInstructionsAgree) {
  const std::uint64_t cases = from_environment("MJ_MSP430_CASES", 30000);
  constexpr std::uint64_t kBatch = 3000;
  std::uint64_t failures = 0;
  for (std::uint64_t done = 0; done < cases && failures < 8; done += kBatch) {
    compare_with_gnu_sim(seed_, done / kBatch, std::min(kBatch, cases - done), failures);
  }
  fmt::print("{} instructions compared, {} divergences\n", cases, failures);
}

/// Products of MPY32: all widths and signs, read back whole.
TEST_F(GnuSimDifferential, MultiplierAgrees) {
  RandomInstructions random({}, RandomStream(seed_, 2000000));
  MachineOptions options;
  options.map = {{0x0000, 0x0500, Region::kPeripheral}, {0x0500, 0xFB00, Region::kFram}};
  Machine machine({{{kResetVector, {std::byte{0}, std::byte{0x40}}}}, {}, 0}, options);
  GnuSim sim;
  std::vector<GnuSimStep> steps;
  const auto run = [&](std::vector<std::uint16_t> words) {
    GnuSimStep step;
    step.address = 0x4000;
    step.words = std::move(words);
    machine.set_reg(kPc, step.address);
    sim.set(kPc, step.address);
    write_words(machine, step.address, step.words);
    sim.write(step.address, step.words);
    sim.step();
    step.before = gnu_sim_registers(machine);
    ASSERT_EQ(machine.step().reason, StopReason::kLimit);
    step.after = gnu_sim_registers(machine);
    steps.push_back(step);
  };
  for (unsigned reg = 1; reg < 16; ++reg) {
    if (reg == kCg) continue;
    machine.set_reg(reg, 0);
    sim.set(reg, 0);
  }
  const auto store = [&](std::uint16_t offset) {
    run({0x40B2, static_cast<std::uint16_t>(random.random_value()), static_cast<std::uint16_t>(0x04C0 + offset)});
  };
  const auto load = [&](std::uint16_t offset) { run({0x4215, static_cast<std::uint16_t>(0x04C0 + offset)}); };
  for (int i = 0; i < 3000; ++i) {
    if (random.chance(50)) {
      // 16 x 16. Its sums begin at zero after a product, so sums are built on a product of nothing.
      const bool is_signed = random.chance(50);
      const auto product = static_cast<std::uint16_t>(is_signed ? 2 : 0);
      const bool sums = random.chance(50);
      if (sums) {
        run({0x4382, static_cast<std::uint16_t>(0x04C0 + product)});  // CLR
        run({0x4382, 0x04C8});
      }
      for (std::uint64_t terms = sums ? 1 + random.below(4) : 1; terms > 0; --terms) {
        store(static_cast<std::uint16_t>(product + (sums ? 4 : 0)));
        store(0x08);
        load(0x0A);
        load(0x0C);
      }
    } else {  // 32 x 32
      const auto mode = static_cast<std::uint16_t>(4 * random.below(2));
      store(static_cast<std::uint16_t>(0x10 + mode));
      store(static_cast<std::uint16_t>(0x12 + mode));
      store(0x20);
      store(0x22);
      for (const std::uint16_t result : {0x24, 0x26, 0x28, 0x2A}) load(result);
    }
  }
  sim.run();
  ASSERT_EQ(sim.after_steps().size(), steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    ASSERT_TRUE(sim.after_steps()[i]);
    ASSERT_EQ((*sim.after_steps()[i])[5], steps[i].after[5]) << i << " " << describe(steps[i], *sim.after_steps()[i]);
  }
  fmt::print("{} multiplier accesses compared\n", steps.size());
}

}  // namespace
}  // namespace mj::msp430
