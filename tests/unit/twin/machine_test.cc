// SPDX-License-Identifier: Apache-2.0

// What the MSP430 core does beside instructions: watchdog, resets, power cuts, snapshots, and what it says of faults.
#include "mj/twin/msp430/machine.h"

#include <gtest/gtest.h>

#include <vector>

#include "mj/twin/msp430/program.h"

namespace mj::msp430 {
namespace {

constexpr std::uint32_t kStart = 0x4000;
constexpr std::uint16_t kNop = 0x4303;
constexpr std::uint16_t kJumpBackOne = 0x3FFE;  // to the instruction before, of one word
constexpr std::uint16_t kStop = 0x3FFF;         // jmp $

/// A program of these words at 0x4000, named `main`.
Program program_of(const std::vector<std::uint16_t>& words) {
  Program program;
  Segment code{kStart, {}};
  for (const std::uint16_t word : words) {
    code.bytes.push_back(static_cast<std::byte>(word));
    code.bytes.push_back(static_cast<std::byte>(word >> 8));
  }
  program.segments = {code, {kResetVector, {std::byte{0x00}, std::byte{0x40}}}};
  program.symbols = {{kStart, static_cast<std::uint32_t>(code.bytes.size()), "main"}};
  program.entry = kStart;
  return program;
}

Machine machine_of(const std::vector<std::uint16_t>& words, bool watchdog = true) {
  MachineOptions options;
  options.watchdog = watchdog;
  return Machine(program_of(words), options);
}

std::vector<std::uint16_t> store(std::uint16_t value, std::uint16_t address) { return {0x40B2, value, address}; }  // mov #value, &address

std::vector<std::uint16_t> joined(std::initializer_list<std::vector<std::uint16_t>> parts) {
  std::vector<std::uint16_t> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

TEST(Watchdog, ResetsAProgramThatDoesNotHoldIt) {
  Machine machine = machine_of({kNop, kJumpBackOne});
  const Stop stop = machine.run(1'000'000);
  EXPECT_EQ(stop.reason, StopReason::kReset);
  EXPECT_EQ(stop.message.substr(0, stop.message.find(" at ")), "watchdog ran out by the instruction");
  // After 32768 cycles of SMCLK (SLAU367, WDTIS = 4 at reset), in a loop of 3.
  EXPECT_GE(machine.cycles(), 32768u);
  EXPECT_LE(machine.cycles(), 32768u + 3);
  EXPECT_EQ(machine.pc(), kStart) << "it stands at its start again";
  EXPECT_EQ(machine.run(1'000'000).reason, StopReason::kReset) << "and runs again";
  EXPECT_GE(machine.cycles(), 2 * 32768u);
}

TEST(Watchdog, HeldOrClearedInTimeLetsItRun) {
  Machine held = machine_of(joined({store(0x5A80, 0x015C), {kNop, kJumpBackOne}}));
  EXPECT_EQ(held.run(200'000).reason, StopReason::kLimit);
  // mov #0x5a0c, &0x015c; jmp back: WDTCNTCL.
  Machine cleared = machine_of(joined({store(0x5A0C, 0x015C), {0x3FFC}}));
  EXPECT_EQ(cleared.run(200'000).reason, StopReason::kLimit);
  // WDTIS = 7: 64 cycles.
  Machine hasty = machine_of(joined({store(0x5A0F, 0x015C), {kNop, kJumpBackOne}}));
  EXPECT_EQ(hasty.run(200'000).reason, StopReason::kReset);
  EXPECT_LE(hasty.cycles(), 5u + 64 + 3);
}

TEST(Watchdog, WithoutItsPasswordResets) {
  Machine machine = machine_of(joined({{kNop}, store(0x0080, 0x015C), {kStop}}));
  const Stop stop = machine.run(100);
  EXPECT_EQ(stop.reason, StopReason::kReset);
  EXPECT_EQ(stop.message, "watchdog written without its password by the instruction at 0x4002 (main+0x2)");
}

TEST(Reset, BySoftwareKeepsMemoryAndStartsAgain) {
  const auto words = joined({store(0x5A80, 0x015C), store(0x1234, 0x1C00), store(0xA508, 0x0120), {kStop}});
  Machine machine = machine_of(words);
  const Stop stop = machine.run(100);
  EXPECT_EQ(stop.reason, StopReason::kReset);
  EXPECT_EQ(stop.message, "software reset by the instruction at 0x400c (main+0xc)");
  EXPECT_EQ(machine.pc(), kStart);
  EXPECT_EQ(machine.reg(2), 0u);
  EXPECT_EQ(machine.memory(0x1C00, 1)[0], std::byte{0x34}) << "a reset is no power cut";
}

TEST(PowerCut, LosesRegistersAndSramAndKeepsFram) {
  const auto words = joined({store(0x5A80, 0x015C), store(0x1234, 0x1C00), store(0x5678, 0x8000), {kStop}});
  Machine machine = machine_of(words);
  const Snapshot blank = machine.snapshot();
  EXPECT_EQ(machine.run(100).reason, StopReason::kHalted);
  EXPECT_FALSE(machine.same_fram(blank));
  const Snapshot before = machine.snapshot();
  const auto sram_before = std::vector<std::byte>(machine.memory(0x1C00, 0x2000).begin(), machine.memory(0x1C00, 0x2000).end());
  machine.cut_power(7);
  EXPECT_EQ(machine.pc(), kStart);
  EXPECT_TRUE(machine.same_fram(before));
  EXPECT_FALSE(machine.same_state(before));
  const auto sram = machine.memory(0x1C00, 0x2000);
  std::size_t same = 0;
  for (std::size_t i = 0; i < sram.size(); ++i) same += sram[i] == sram_before[i] ? 1 : 0;
  EXPECT_LT(same, sram.size() / 64) << "garbage";
  // The same seed, the same garbage.
  const Snapshot cut = machine.snapshot();
  machine.restore(before);
  EXPECT_TRUE(machine.same_state(before));
  machine.cut_power(7);
  EXPECT_TRUE(machine.same_state(cut));
  machine.restore(before);
  machine.cut_power(8);
  EXPECT_FALSE(machine.same_state(cut));
  EXPECT_TRUE(machine.same_fram(cut));
}

TEST(Snapshots, BringBackEveryStateOnTheWay) {
  // A counter in FRAM and one in SRAM: add #1, &0x8000; add #1, &0x1c00; jmp back.
  const auto words = joined({store(0x5A80, 0x015C), {0x5392, 0x8000, 0x5392, 0x1C00, 0x3FFB}});
  Machine machine = machine_of(words);
  std::vector<Snapshot> way;
  for (int i = 0; i < 60; ++i) {
    way.push_back(machine.snapshot());
    ASSERT_EQ(machine.step().reason, StopReason::kLimit);
  }
  Machine other = machine_of(words);
  for (int i = 59; i >= 0; --i) {
    other.restore(way[static_cast<std::size_t>(i)]);
    EXPECT_EQ(other.instructions(), static_cast<std::uint64_t>(i));
    other.run(static_cast<std::uint64_t>(60 - i));
    EXPECT_TRUE(other.same_state(machine.snapshot())) << i;
    EXPECT_EQ(other.cycles(), machine.cycles());
  }
}

struct Faulty {
  const char* what;
  std::vector<std::uint16_t> words;
  const char* message;
};

TEST(Faults, NameAddressAndSymbol) {
  const Faulty cases[] = {
      {"no instruction", {kNop, 0x13C0}, "illegal instruction 0x13c0 at 0x4002 (main+0x2)"},
      {"odd word read", {0x4215, 0x1C01}, "unaligned word read at 0x1c01 by the instruction at 0x4000 (main)"},
      {"odd word write", store(1, 0x1C03), "unaligned word write at 0x1c03 by the instruction at 0x4000 (main)"},
      {"vacant read", {0x4215, 0x3C00}, "read at 0x3c00, where there is no memory, by the instruction at 0x4000 (main)"},
      {"vacant write", store(1, 0x3D00), "write at 0x3d00, where there is no memory, by the instruction at 0x4000 (main)"},
      {"boot code written", store(1, 0x1000), "write at 0x1000 into read-only memory by the instruction at 0x4000 (main)"},
      {"odd jump", {0x4030, 0x4001}, "odd program counter 0x4001 set by the instruction at 0x4000 (main)"},
      {"peripherals run", {0x4030, 0x0200}, "instruction fetch at 0x200: peripheral registers, no code"},
  };
  for (const Faulty& faulty : cases) {
    SCOPED_TRACE(faulty.what);
    Machine machine = machine_of(faulty.words);
    const Stop stop = machine.run(100);
    EXPECT_EQ(stop.reason, StopReason::kFault);
    EXPECT_EQ(stop.message, faulty.message);
    EXPECT_EQ(machine.run(100).message, stop.message) << "it stays there";
  }
}

TEST(Faults, StackBelowItsLimit) {
  MachineOptions options;
  options.stack_limit = 0x2000;
  // mov #0x2004, sp; push r5, three times.
  Machine machine(program_of({0x4031, 0x2004, 0x1205, 0x1205, 0x1205, kStop}), options);
  const Stop stop = machine.run(100);
  EXPECT_EQ(stop.reason, StopReason::kFault);
  EXPECT_EQ(stop.message, "stack overflow: stack pointer 0x1ffe below 0x2000, set by the instruction at 0x4008 (main+0x8)");
}

}  // namespace
}  // namespace mj::msp430
