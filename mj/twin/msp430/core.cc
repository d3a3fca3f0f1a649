// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/msp430/core.h"

#include "mj/twin/msp430/cycles.h"
#include "mj/twin/msp430/decode.h"

namespace mj::msp430 {
namespace {

Handler handler_of(const Instruction& instruction, std::uint32_t address) {
  switch (instruction.format) {
    case Format::kDouble:
    case Format::kDoubleExtended:
    case Format::kAddress:
    case Format::kSingle:
    case Format::kSingleExtended:
      if (instruction.count != 1 || instruction.count_in_register || instruction.zero_carry) {
        return repeat_handler(instruction);
      }
      if (instruction.operation < Operation::kRrc) return double_operand_handler(instruction);
      return instruction.operation == Operation::kCall ? call_handler(instruction) : single_operand_handler(instruction);
    case Format::kJump:
      return jump_handler(instruction, instruction.destination.value == address);
    case Format::kCalla:
      return call_handler(instruction);
    case Format::kStackBlock:
      return stack_block_handler(instruction);
    case Format::kRotateBlock:
      return rotate_block_handler(instruction);
  }
  return nullptr;
}

void decode_here(Core& core, const Decoded& undecoded);

/// Stands at every breakpoint. Going on from one decodes what it hides.
void break_here(Core& core, const Decoded& entry) {
  if (core.resumed != core.current) return core.stop_before(entry, Halt::kBreakpoint);
  core.resumed = kAddressSpace;
  const Decoded decoded = bind(decode(core.memory, core.current), core.current);
  core.registers[kPc] = (core.current + decoded.length) & kAddressMask;
  core.cycles += decoded.cycles;
  if (core.memory.counts_traffic()) core.memory.count_fetch(core.current, decoded.length);
  decoded.run(core, decoded);
}

/// Stands for every instruction that was not decoded yet: puts the decoded one in its place, which then runs.
void decode_here(Core& core, const Decoded&) {
  const std::uint32_t address = core.current;
  Decoded decoded;
  if (core.breakpoints.contains(address)) {
    decoded.run = &break_here;
  } else {
    decoded = bind(decode(core.memory, address), address);
  }
  core.memory.code.store(address, decoded);
  core.memory.mark_code(address / kPageBytes);
  if (decoded.length > 2) core.memory.mark_code(((address + decoded.length - 2) & kAddressMask) / kPageBytes);
  --core.instructions;  // nothing ran yet
}

}  // namespace

Decoded bind(const Instruction& instruction, std::uint32_t address) {
  Decoded decoded;
  decoded.run = handler_of(instruction, address);
  decoded.source = instruction.source.value;
  decoded.destination = instruction.destination.value;
  const bool plain = instruction.format == Format::kDouble || instruction.format == Format::kSingle;
  decoded.wrap_below = plain ? 0x10000 : 0;
  decoded.source_register = instruction.source.reg;
  decoded.destination_register = instruction.destination.reg;
  decoded.length = instruction.length;
  decoded.cycles = static_cast<std::uint8_t>(cycles_of(instruction));
  if (instruction.format == Format::kStackBlock || instruction.format == Format::kRotateBlock) {
    decoded.source = instruction.count;
  }
  return decoded;
}

Core::Core(const MemoryMap& map) : memory(map, cycles, &decode_here) {}

template <bool kCounting>
void Core::loop() {
  while (instructions < stop_at) {
    current = registers[kPc];
    const Decoded& decoded = memory.code.at(current);
    registers[kPc] = (current + decoded.length) & kAddressMask;
    ++instructions;
    cycles += decoded.cycles;
    if constexpr (kCounting) memory.count_fetch(current, decoded.length);
    decoded.run(*this, decoded);
  }
}

void Core::run() {
  if (memory.counts_traffic()) {
    loop<true>();
  } else {
    loop<false>();
  }
}

}  // namespace mj::msp430
