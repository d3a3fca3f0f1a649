// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mj {

struct Symbol {
  std::uint32_t address = 0;
  std::uint32_t bytes = 0;  ///< 0 when the file does not say
  std::string name;

  friend bool operator==(const Symbol&, const Symbol&) = default;
};

/// Bytes to be put at an address before the program starts.
struct Segment {
  std::uint32_t address = 0;
  std::vector<std::byte> bytes;

  friend bool operator==(const Segment&, const Segment&) = default;
};

/// A linked program: what is programmed into the device, and names for addresses.
struct ElfProgram {
  std::vector<Segment> segments;  ///< by address, without overlap
  std::vector<Symbol> symbols;    ///< by address, then name
  std::uint32_t entry = 0;

  /// The address of a symbol.
  std::optional<std::uint32_t> find(std::string_view name) const;
  /// "0x4a2c (conv+0x1a)" by the nearest symbol at or below, else the address alone.
  std::string describe(std::uint32_t address) const;
};

/// The processor a file is for.
struct ElfMachine {
  std::uint32_t code = 0;  ///< e_machine
  std::string_view name;
  std::uint64_t address_space = 0;  ///< bytes
};
inline constexpr ElfMachine kElfArm{40, "Arm", std::uint64_t{1} << 32};
inline constexpr ElfMachine kElfMsp430{105, "MSP430", 0x100000};
inline constexpr ElfMachine kElfRiscv{243, "RISC-V", std::uint64_t{1} << 32};

/// Reads a little-endian ELF32 executable for one processor. Segments go to their physical addresses, as a programmer would
/// put them; what a segment has in memory but not in the file (.bss) is left to the start-up code. No size or offset in the
/// file is trusted. Throws `Error`: `NAME: ...` for anything that is not such a file.
ElfProgram read_elf(std::span<const std::byte> file, const ElfMachine& machine);
ElfProgram load_elf(const std::filesystem::path& path, const ElfMachine& machine);

}  // namespace mj
