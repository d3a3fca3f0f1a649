// SPDX-License-Identifier: Apache-2.0

// Register instructions after an extension word that repeats them or takes their carry as zero.
#include "mj/twin/msp430/cycles.h"
#include "mj/twin/msp430/decode.h"
#include "mj/twin/msp430/operands.h"

namespace mj::msp430 {
namespace {

/// Rare enough to be decoded again each time: so no other instruction pays for what only this one needs.
void run_repeated(Core& core, const Decoded& decoded) {
  const Instruction instruction = decode(core.memory, core.current);
  const Handler once = instruction.operation < Operation::kRrc ? double_operand_handler(instruction)
                                                               : single_operand_handler(instruction);
  const std::uint32_t count = instruction.count_in_register ? (core.registers[instruction.count] & 0xF) + 1 : instruction.count;
  const Decoded operands = decoded;
  core.cycles += (count - 1) * static_cast<std::uint32_t>(repeat_cycles(instruction));
  for (std::uint32_t i = 0; i < count; ++i) {
    if (instruction.zero_carry) core.registers[kSr] &= ~kCarry;
    once(core, operands);
  }
}

}  // namespace

Handler repeat_handler(const Instruction&) { return &run_repeated; }

}  // namespace mj::msp430
