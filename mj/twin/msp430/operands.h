// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <utility>

#include "mj/twin/msp430/core.h"

namespace mj::msp430 {

/// Addressing modes as they differ at run time: symbolic addresses are absolute once decoded, and so is PC a constant.
/// `kSpecial` is a register that does more than hold a number (PC, SP, SR, R3), as a destination.
enum class Access : std::uint8_t { kRegister, kSpecial, kImmediate, kIndexed, kAbsolute, kIndirect, kIncrement };
inline constexpr std::size_t kAccesses = 7;

inline constexpr int kBitsOf[] = {8, 16, 20};
inline constexpr std::size_t kWidths = 3;

inline Access memory_access(Mode mode) {
  switch (mode) {
    case Mode::kIndexed:
      return Access::kIndexed;
    case Mode::kIndirect:
      return Access::kIndirect;
    case Mode::kIndirectIncrement:
      return Access::kIncrement;
    default:
      return Access::kAbsolute;
  }
}

inline Access source_access(const Operand& operand) {
  if (operand.mode == Mode::kRegister) return operand.reg == kPc ? Access::kImmediate : Access::kRegister;
  return operand.mode == Mode::kImmediate ? Access::kImmediate : memory_access(operand.mode);
}

inline Access destination_access(const Operand& operand) {
  if (operand.mode == Mode::kRegister) return operand.reg <= kCg ? Access::kSpecial : Access::kRegister;
  return memory_access(operand.mode);
}

/// Register plus index; of an MSP430 instruction it stays in the low 64 KB where the register points into them.
inline std::uint32_t indexed_address(const Core& core, const Decoded& decoded, std::uint8_t reg, std::uint32_t index) {
  const std::uint32_t base = core.registers[reg];
  return (base + index) & (base < decoded.wrap_below ? 0xFFFF : kAddressMask);
}

template <int kBits>
void increment(Core& core, std::uint8_t reg) {
  // The stack pointer stays even.
  const std::uint32_t step = kBits == 20 ? 4 : kBits == 16 || reg == kSp ? 2 : 1;
  core.registers[reg] = (core.registers[reg] + step) & kAddressMask;
}

/// The source operand, with the side effect of its mode.
template <Access kAccess, int kBits>
std::uint32_t load_source(Core& core, const Decoded& decoded) {
  constexpr std::uint32_t kOperandMask = (std::uint32_t{1} << kBits) - 1;
  const std::uint8_t reg = decoded.source_register;
  if constexpr (kAccess == Access::kRegister) return core.registers[reg] & kOperandMask;
  if constexpr (kAccess == Access::kImmediate) return decoded.source & kOperandMask;
  if constexpr (kAccess == Access::kIndexed)
    return core.memory.read<kBits>(indexed_address(core, decoded, reg, decoded.source));
  if constexpr (kAccess == Access::kAbsolute) return core.memory.read<kBits>(decoded.source);
  if constexpr (kAccess == Access::kIndirect) return core.memory.read<kBits>(core.registers[reg]);
  if constexpr (kAccess == Access::kIncrement) {
    const std::uint32_t value = core.memory.read<kBits>(core.registers[reg]);
    increment<kBits>(core, reg);
    return value;
  }
}

/// Address of a destination in memory.
template <Access kAccess>
std::uint32_t destination_address(const Core& core, const Decoded& decoded) {
  if constexpr (kAccess == Access::kIndexed)
    return indexed_address(core, decoded, decoded.destination_register, decoded.destination);
  if constexpr (kAccess == Access::kAbsolute) return decoded.destination;
  return core.registers[decoded.destination_register];
}

template <Access kAccess>
inline constexpr bool kIsRegister = kAccess == Access::kRegister || kAccess == Access::kSpecial;

template <Access kAccess>
void store_register(Core& core, std::uint8_t reg, std::uint32_t value) {
  if constexpr (kAccess == Access::kSpecial) {
    core.set(reg, value);
  } else {
    core.registers[reg] = value;
  }
}

}  // namespace mj::msp430
