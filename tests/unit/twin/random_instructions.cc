// SPDX-License-Identifier: Apache-2.0
#include "random_instructions.h"

#include <cstdlib>

#include "mj/twin/msp430/decode.h"
#include "mj/twin/msp430/fault.h"

namespace mj::msp430 {

std::uint32_t RandomInstructions::random_value() {
  static constexpr std::uint32_t kEdges[] = {0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFF, 0x80000, 0xFFFFF};
  const std::uint32_t mask = space_.extended ? 0xFFFFF : 0xFFFF;
  if (chance(45)) return data_address(2);
  if (chance(25)) return kEdges[stream_.below(std::size(kEdges))] & mask;
  return static_cast<std::uint32_t>(stream_.next()) & (chance(70) ? 0xFFFF : mask);
}

std::uint32_t RandomInstructions::decimal(int digits) {
  std::uint32_t value = 0;
  for (int i = 0; i < digits; ++i) value = value << 4 | static_cast<std::uint32_t>(stream_.below(10));
  return value;
}

std::uint32_t RandomInstructions::data_address(unsigned alignment) {
  const std::uint32_t base = space_.extended && chance(50) ? space_.far_data : space_.data;
  return base + alignment * static_cast<std::uint32_t>(stream_.below(space_.data_bytes / alignment));
}

/// An index that reaches data from the register, or any at all.
std::uint32_t RandomInstructions::index_for(const Machine& machine, std::uint32_t reg, std::uint32_t index_word,
                                            unsigned alignment) {
  if (chance(5)) return static_cast<std::uint32_t>(stream_.next());
  const std::uint32_t base = reg == kSr ? 0 : reg == kPc ? index_word : machine.reg(reg);
  return data_address(alignment) - base;
}

std::vector<std::uint16_t> RandomInstructions::double_operand(const Machine& machine, bool extended) {
  const auto operation = static_cast<std::uint32_t>(4 + stream_.below(12));
  const auto as = static_cast<std::uint32_t>(stream_.below(4));
  const auto ad = static_cast<std::uint32_t>(stream_.below(2));
  const auto source = static_cast<std::uint32_t>(stream_.below(16));
  const auto destination = static_cast<std::uint32_t>(stream_.below(16));
  const auto width = extended ? stream_.below(3) : stream_.below(2);  // byte, word, address
  const unsigned alignment = width == 0 ? 1 : 2;
  const std::uint32_t word = operation << 12 | source << 8 | ad << 7 | (width == 1 ? 0u : 0x40u) | as << 4 | destination;
  std::vector<std::uint16_t> words;
  if (extended) words.push_back(static_cast<std::uint16_t>(0x1800 | (width == 2 ? 0 : 0x40)));
  words.push_back(static_cast<std::uint16_t>(word));
  const auto add_index = [&](std::uint32_t reg, int shift) {
    const auto here = static_cast<std::uint32_t>(machine.pc() + 2 * words.size());
    const std::uint32_t index = index_for(machine, reg, here, alignment);
    words.push_back(static_cast<std::uint16_t>(index));
    if (extended) words[0] |= static_cast<std::uint16_t>((index >> 16 & 0xF) << shift);
  };
  if (as == 1 && source != kCg) add_index(source, 7);
  if (as == 3 && source == kPc) {
    const std::uint32_t value = random_value();
    words.push_back(static_cast<std::uint16_t>(value));
    if (extended) words[0] |= static_cast<std::uint16_t>((value >> 16 & 0xF) << 7);
  }
  if (ad == 1 && destination != kCg) add_index(destination, 0);
  if (extended && as == 0 && ad == 0 && chance(60)) words[0] |= static_cast<std::uint16_t>(stream_.next() & 0x018F);
  return words;
}

std::vector<std::uint16_t> RandomInstructions::single_operand(const Machine& machine, bool extended) {
  if (!extended && chance(4)) return {0x1300};
  const auto code = static_cast<std::uint32_t>(stream_.below(extended ? 5 : 6));
  const auto as = static_cast<std::uint32_t>(stream_.below(4));
  const auto reg = static_cast<std::uint32_t>(stream_.below(16));
  const bool words_only = code == 1 || code == 3 || code == 5;
  const auto width = words_only ? (extended ? 1 + stream_.below(2) : 1) : stream_.below(extended ? 3 : 2);
  const unsigned alignment = width == 0 ? 1 : 2;
  const bool bit = words_only ? false : width != 1;
  std::vector<std::uint16_t> words;
  if (extended) words.push_back(static_cast<std::uint16_t>(0x1800 | (width == 2 ? 0 : 0x40)));
  words.push_back(static_cast<std::uint16_t>(0x1000 | code << 7 | (bit ? 0x40 : 0) | as << 4 | reg));
  if ((as == 1 && reg != kCg) || (as == 3 && reg == kPc)) {
    const auto here = static_cast<std::uint32_t>(machine.pc() + 2 * words.size());
    const std::uint32_t value = as == 3 ? (code == 5 ? code_address() : random_value()) : index_for(machine, reg, here, alignment);
    words.push_back(static_cast<std::uint16_t>(value));
    // Simulators take the high bits from either place of the extension word: fill both.
    if (extended) words[0] |= static_cast<std::uint16_t>((value >> 16 & 0xF) * 0x81);
  } else if (extended && as == 0 && chance(60)) {
    words[0] |= static_cast<std::uint16_t>(stream_.next() & 0x018F);
  }
  return words;
}

std::vector<std::uint16_t> RandomInstructions::address_instruction(const Machine& machine) {
  const auto high = static_cast<std::uint32_t>(stream_.below(16));
  const auto low = static_cast<std::uint32_t>(stream_.below(16));
  const std::uint32_t here = machine.pc() + 2;
  const auto with_index = [&](std::uint32_t word, std::uint32_t reg) {
    return std::vector<std::uint16_t>{static_cast<std::uint16_t>(word),
                                      static_cast<std::uint16_t>(index_for(machine, reg, here, 2))};
  };
  const auto with_value = [&](std::uint32_t word, std::uint32_t value, int shift) {
    return std::vector<std::uint16_t>{static_cast<std::uint16_t>(word | (value >> 16 & 0xF) << shift),
                                      static_cast<std::uint16_t>(value)};
  };
  const auto one = [](std::uint32_t word) { return std::vector<std::uint16_t>{static_cast<std::uint16_t>(word)}; };
  switch (stream_.below(16)) {
    case 0:
      return one(high << 8 | low);
    case 1:
      return one(high << 8 | 0x10 | low);
    case 2:
      return with_value(0x20 | low, data_address(2), 8);
    case 3:
      return with_index(high << 8 | 0x30 | low, high);
    case 4:
      return with_value(high << 8 | 0x60, data_address(2), 0);
    case 5:
      return with_index(high << 8 | 0x70 | low, low);
    case 6:
    case 7:
      return with_value(0x80 | static_cast<std::uint32_t>(stream_.below(4)) << 4 | low, random_value(), 8);
    case 8:
    case 9:
      return one(high << 8 | 0xC0 | static_cast<std::uint32_t>(stream_.below(4)) << 4 | low);
    case 10:
    case 11:
      return one((static_cast<std::uint32_t>(stream_.next()) & 0x0F1F) | 0x40 | low);  // RRCM, RRAM, RLAM, RRUM
    case 12:
    case 13:
      return one(0x1400 | (static_cast<std::uint32_t>(stream_.next()) & 0x03FF));  // PUSHM, POPM
    case 14:
      return one(0x1340 | static_cast<std::uint32_t>(stream_.below(4)) << 4 | low);  // CALLA by register
    default:
      return with_value(0x13B0, code_address(), 0);
  }
}

std::vector<std::uint16_t> RandomInstructions::propose(const Machine& machine) {
  const auto kind = stream_.below(100);
  if (kind < 8) return {static_cast<std::uint16_t>(0x2000 | stream_.below(0x2000))};
  const bool extended = space_.extended && chance(60);
  if (space_.extended && kind < 35) return address_instruction(machine);
  if (kind < 50) return single_operand(machine, extended);
  return double_operand(machine, extended);
}

std::optional<Instruction> decode_words(const std::vector<std::uint16_t>& words, std::uint32_t address) {
  static const MemoryMap kAll = {{0, kAddressSpace, Region::kFram}};
  static const std::uint64_t kNoCycles = 0;
  static Memory memory(kAll, kNoCycles, nullptr);
  std::vector<std::byte> bytes;
  for (const std::uint16_t word : words) {
    bytes.push_back(static_cast<std::byte>(word));
    bytes.push_back(static_cast<std::byte>(word >> 8));
  }
  if (address + bytes.size() > kAddressSpace) return std::nullopt;
  memory.poke(address, bytes);
  try {
    return decode(memory, address);
  } catch (const Fault&) {
    return std::nullopt;
  }
}

void write_words(Machine& machine, std::uint32_t address, const std::vector<std::uint16_t>& words) {
  machine.write_memory(address, std::as_bytes(std::span(words)));
}

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

}  // namespace mj::msp430
