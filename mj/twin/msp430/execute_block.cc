// SPDX-License-Identifier: Apache-2.0

// Instructions that do one thing several times: PUSHM, POPM, the rotations by up to four bits, and register instructions
// repeated by an extension word.
#include "mj/twin/msp430/alu.h"
#include "mj/twin/msp430/cycles.h"
#include "mj/twin/msp430/operands.h"

namespace mj::msp430 {
namespace {

/// The count travels in `source`.
template <int kBits>
void run_pushm(Core& core, const Decoded& decoded) {
  const std::uint32_t count = decoded.source;
  const std::uint8_t last = decoded.destination_register;
  for (std::uint32_t i = 0; i < count; ++i) core.push<kBits>(core.registers[last - i]);
}

template <int kBits>
void run_popm(Core& core, const Decoded& decoded) {
  const std::uint32_t count = decoded.source;
  const std::uint8_t first = decoded.destination_register;
  for (std::uint32_t i = 0; i < count; ++i) core.set(static_cast<std::uint8_t>(first + i), core.pop<kBits>());
}

template <Operation kOperation, int kBits>
void run_rotate_block(Core& core, const Decoded& decoded) {
  std::uint32_t value = core.registers[decoded.destination_register] & kMask<kBits>;
  std::uint32_t& sr = core.registers[kSr];
  for (std::uint32_t i = 0; i < decoded.source; ++i) {
    if constexpr (kOperation == Operation::kRrcm) value = rotate_right<kBits>(value, sr & kCarry, sr);
    if constexpr (kOperation == Operation::kRram) value = rotate_right<kBits>(value, value >> (kBits - 1), sr);
    if constexpr (kOperation == Operation::kRrum) value = rotate_right<kBits>(value, 0, sr);
    if constexpr (kOperation == Operation::kRlam) value = add<kBits>(value, value, 0, sr);
  }
  core.set(decoded.destination_register, value);
}

template <Operation kOperation>
Handler rotate_of(Width width) {
  return width == Width::kAddress ? &run_rotate_block<kOperation, 20> : &run_rotate_block<kOperation, 16>;
}

}  // namespace

Handler stack_block_handler(const Instruction& instruction) {
  const bool address = instruction.width == Width::kAddress;
  if (instruction.operation == Operation::kPushm) return address ? &run_pushm<20> : &run_pushm<16>;
  return address ? &run_popm<20> : &run_popm<16>;
}

Handler rotate_block_handler(const Instruction& instruction) {
  switch (instruction.operation) {
    case Operation::kRrcm:
      return rotate_of<Operation::kRrcm>(instruction.width);
    case Operation::kRram:
      return rotate_of<Operation::kRram>(instruction.width);
    case Operation::kRlam:
      return rotate_of<Operation::kRlam>(instruction.width);
    default:
      return rotate_of<Operation::kRrum>(instruction.width);
  }
}

}  // namespace mj::msp430
