// SPDX-License-Identifier: Apache-2.0

// MSP430 format II and its extended form: RRC, SWPB, RRA, SXT, PUSH.
#include <array>

#include "mj/twin/msp430/alu.h"
#include "mj/twin/msp430/operands.h"

namespace mj::msp430 {
namespace {

template <Operation kOperation, int kBits, Access kAccess>
void run_single(Core& core, const Decoded& decoded) {
  std::uint32_t& sr = core.registers[kSr];
  const std::uint8_t reg = decoded.destination_register;
  if constexpr (kOperation == Operation::kPush) {
    std::uint32_t value = load_source<kAccess == Access::kSpecial ? Access::kRegister : kAccess, kBits>(core, decoded);
    // SLAU367, "PUSH SP": the pointer is moved before it is stored.
    if (kAccess == Access::kSpecial && reg == kSp) value = (value - (kBits == 20 ? 4 : 2)) & kMask<kBits>;
    core.push<kBits>(value);
  } else if constexpr (kIsRegister<kAccess>) {
    store_register<kAccess>(core, reg, compute<kOperation, kBits>(core.registers[reg] & kMask<kBits>, sr));
  } else if constexpr (kAccess != Access::kImmediate) {
    const std::uint32_t address = destination_address<kAccess>(core, decoded);
    core.memory.write<kBits>(address, compute<kOperation, kBits>(core.memory.read<kBits>(address), sr));
    if constexpr (kAccess == Access::kIncrement) increment<kBits>(core, reg);
  }
}

constexpr Operation kFirst = Operation::kRrc;
constexpr std::size_t kOperations = 5;
constexpr std::size_t kCount = kOperations * kWidths * kAccesses;

template <std::size_t kIndex>
constexpr Handler entry() {
  constexpr std::size_t kRest = kIndex / kAccesses;
  constexpr auto kOperation = static_cast<Operation>(static_cast<std::size_t>(kFirst) + kRest / kWidths);
  return &run_single<kOperation, kBitsOf[kRest % kWidths], static_cast<Access>(kIndex % kAccesses)>;
}

template <std::size_t... kIndices>
constexpr std::array<Handler, sizeof...(kIndices)> entries(std::index_sequence<kIndices...>) {
  return {entry<kIndices>()...};
}

constexpr std::array<Handler, kCount> kHandlers = entries(std::make_index_sequence<kCount>());

}  // namespace

Handler single_operand_handler(const Instruction& instruction) {
  const Operand& operand = instruction.source;
  const bool pc_pushed = operand.mode == Mode::kRegister && operand.reg == kPc && instruction.operation == Operation::kPush;
  const Access access = operand.mode == Mode::kImmediate || pc_pushed ? Access::kImmediate : destination_access(operand);
  const std::size_t operation = static_cast<std::size_t>(instruction.operation) - static_cast<std::size_t>(kFirst);
  const std::size_t width = static_cast<std::size_t>(instruction.width);
  return kHandlers[(operation * kWidths + width) * kAccesses + static_cast<std::size_t>(access)];
}

}  // namespace mj::msp430
