// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace mj::msp430 {

inline constexpr std::uint32_t kAddressSpace = 0x100000;
inline constexpr std::uint32_t kAddressMask = kAddressSpace - 1;
/// Unit of the memory map, of what snapshots copy and of what is decoded together.
inline constexpr std::uint32_t kPageBytes = 256;
inline constexpr std::uint32_t kPages = kAddressSpace / kPageBytes;

inline constexpr std::uint32_t kResetVector = 0xFFFE;

/// What lies behind an address. Vacant is what no region covers; `kSram` loses its content without power.
enum class Region : std::uint8_t { kVacant, kPeripheral, kRom, kSram, kFram };

struct MemoryRegion {
  std::uint32_t first = 0;  ///< multiple of `kPageBytes`
  std::uint32_t bytes = 0;  ///< multiple of `kPageBytes`
  Region kind = Region::kVacant;
};

using MemoryMap = std::vector<MemoryRegion>;

/// The MSP430FR5994: 256 KB of FRAM in one piece across the 64 KB border, 4 KB of RAM and 4 KB of RAM shared with the
/// accelerator, information memory. Its 26 bytes of tiny RAM count as peripheral. Source: datasheet SLASE54, table
/// "Memory organization".
inline MemoryMap fr5994_memory() {
  return {
      {0x0000, 0x1000, Region::kPeripheral}, {0x1000, 0x0800, Region::kRom}, {0x1800, 0x0200, Region::kFram},
      {0x1A00, 0x0200, Region::kRom},        {0x1C00, 0x2000, Region::kSram}, {0x4000, 0x40000, Region::kFram},
  };
}

}  // namespace mj::msp430
