// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "mj/base/random.h"
#include "mj/twin/msp430/instruction.h"
#include "mj/twin/msp430/machine.h"
#include "mj/twin/msp430/memory.h"

namespace mj::msp430 {

/// Random instructions for comparing a machine with another simulator.
///
/// The machine chooses along: operands in memory are put where it has memory, and an instruction that it refuses (a wild
/// address, an undefined encoding) is replaced. What is kept has been run on the machine.
class RandomInstructions {
 public:
  /// Where instructions and most of their data lie, beside the last bytes of the address space for the reset vector.
  struct Space {
    bool extended = false;  ///< MSP430X too, and 20-bit addresses
    std::uint32_t code = 0x4000;
    std::uint32_t code_bytes = 0x2000;
    std::uint32_t data = 0x8000;
    std::uint32_t data_bytes = 0x1000;
    std::uint32_t far_data = 0x20000;  ///< as large again, when extended
  };

  RandomInstructions(const Space& space, RandomStream stream) : space_(space), stream_(stream) {}

  std::uint32_t random_value();
  std::uint32_t code_address() { return space_.code + 2 * static_cast<std::uint32_t>(stream_.below(space_.code_bytes / 2)); }
  /// A number of `digits` decimal digits, one in four bits.
  std::uint32_t decimal(int digits);
  bool chance(unsigned percent) { return stream_.below(100) < percent; }
  std::uint64_t below(std::uint64_t n) { return stream_.below(n); }

  /// Words of an instruction for the present state of the machine; it may still be one that the machine refuses.
  std::vector<std::uint16_t> propose(const Machine& machine);

 private:
  std::uint32_t data_address(unsigned alignment);
  std::uint32_t index_for(const Machine& machine, std::uint32_t reg, std::uint32_t index_word, unsigned alignment);
  std::vector<std::uint16_t> double_operand(const Machine& machine, bool extended);
  std::vector<std::uint16_t> single_operand(const Machine& machine, bool extended);
  std::vector<std::uint16_t> address_instruction(const Machine& machine);

  Space space_;
  RandomStream stream_;
};

/// Decodes words as if they stood at `address`; nothing for undefined encodings.
std::optional<Instruction> decode_words(const std::vector<std::uint16_t>& words, std::uint32_t address);

void write_words(Machine& machine, std::uint32_t address, const std::vector<std::uint16_t>& words);

/// A whole number that an environment variable sets.
std::uint64_t from_environment(const char* name, std::uint64_t otherwise);

}  // namespace mj::msp430
