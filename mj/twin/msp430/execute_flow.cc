// SPDX-License-Identifier: Apache-2.0

// Jumps, calls and the return from an interrupt.
#include "mj/twin/msp430/operands.h"

namespace mj::msp430 {
namespace {

template <Operation kOperation>
bool taken(std::uint32_t sr) {
  const bool less = ((sr & kNegative) != 0) != ((sr & kOverflow) != 0);
  switch (kOperation) {
    case Operation::kJnz:
      return (sr & kZero) == 0;
    case Operation::kJz:
      return (sr & kZero) != 0;
    case Operation::kJnc:
      return (sr & kCarry) == 0;
    case Operation::kJc:
      return (sr & kCarry) != 0;
    case Operation::kJn:
      return (sr & kNegative) != 0;
    case Operation::kJge:
      return !less;
    case Operation::kJl:
      return less;
    default:
      return true;
  }
}

/// Nothing changes the flags while a jump repeats itself: once taken it is the end.
template <Operation kOperation, bool kToItself>
void run_jump(Core& core, const Decoded& decoded) {
  if (!taken<kOperation>(core.registers[kSr])) return;
  if constexpr (kToItself) {
    core.stop_before(decoded, Halt::kSelfJump);
  } else {
    core.registers[kPc] = decoded.destination;
  }
}

template <bool kToItself>
Handler jump_to(Operation operation) {
  switch (operation) {
    case Operation::kJnz:
      return &run_jump<Operation::kJnz, kToItself>;
    case Operation::kJz:
      return &run_jump<Operation::kJz, kToItself>;
    case Operation::kJnc:
      return &run_jump<Operation::kJnc, kToItself>;
    case Operation::kJc:
      return &run_jump<Operation::kJc, kToItself>;
    case Operation::kJn:
      return &run_jump<Operation::kJn, kToItself>;
    case Operation::kJge:
      return &run_jump<Operation::kJge, kToItself>;
    case Operation::kJl:
      return &run_jump<Operation::kJl, kToItself>;
    default:
      return &run_jump<Operation::kJmp, kToItself>;
  }
}

template <int kBits, Access kAccess>
void run_call(Core& core, const Decoded& decoded) {
  const std::uint32_t target = load_source<kAccess, kBits>(core, decoded);
  core.push<kBits>(core.registers[kPc]);
  core.set_pc(target);
}

template <int kBits>
Handler call_through(Access access) {
  switch (access) {
    case Access::kImmediate:
      return &run_call<kBits, Access::kImmediate>;
    case Access::kIndexed:
      return &run_call<kBits, Access::kIndexed>;
    case Access::kAbsolute:
      return &run_call<kBits, Access::kAbsolute>;
    case Access::kIndirect:
      return &run_call<kBits, Access::kIndirect>;
    case Access::kIncrement:
      return &run_call<kBits, Access::kIncrement>;
    default:
      return &run_call<kBits, Access::kRegister>;
  }
}

void run_return_from_interrupt(Core& core, const Decoded&) {
  const std::uint32_t sr = core.pop<16>();
  const std::uint32_t pc = core.pop<16>() | (sr & 0xF000) << 4;
  core.set_sr(sr & 0x0FFF);
  core.set_pc(pc);
}

}  // namespace

Handler jump_handler(const Instruction& instruction, bool to_itself) {
  return to_itself ? jump_to<true>(instruction.operation) : jump_to<false>(instruction.operation);
}

Handler call_handler(const Instruction& instruction) {
  if (instruction.operation == Operation::kReti) return &run_return_from_interrupt;
  const Access access = source_access(instruction.source);
  return instruction.width == Width::kAddress ? call_through<20>(access) : call_through<16>(access);
}

}  // namespace mj::msp430
