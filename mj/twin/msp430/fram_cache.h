// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace mj::msp430 {

/// Words moved over the memory bus, by where they lie.
struct MemoryTraffic {
  std::uint64_t fram_hits = 0;    ///< reads and fetches answered by the FRAM's read cache
  std::uint64_t fram_misses = 0;  ///< reads and fetches that went to the array
  std::uint64_t fram_writes = 0;
  std::uint64_t sram_reads = 0;
  std::uint64_t sram_writes = 0;
  std::uint64_t wait_cycles = 0;  ///< cycles that the FRAM let the processor wait

  friend bool operator==(const MemoryTraffic&, const MemoryTraffic&) = default;
};

/// The read cache in front of the FRAM and its wait states (SLAU367, chapter "FRAM Controller"): four lines of 64 bits,
/// two-way associative. A read that finds its line costs no wait state; any other access of the array costs NWAITS, which
/// must be 1 above 8 MHz on the MSP430FR5994.
///
/// The manual leaves open, and we assume: the set is address bit 3, the line used longest ago is replaced, a write goes to
/// the array with the wait states of a read and updates a line that is there but never brings one in.
class FramCache {
 public:
  void read(std::uint32_t address, unsigned waits, MemoryTraffic& traffic) {
    const std::uint32_t line = address >> 3;
    auto& ways = sets_[line & 1];
    if (ways[0] == line) {
      ++traffic.fram_hits;
      return;
    }
    if (ways[1] == line) {
      ++traffic.fram_hits;
    } else {
      ++traffic.fram_misses;
      traffic.wait_cycles += waits;
    }
    ways[1] = ways[0];
    ways[0] = line;
  }

  void write(unsigned waits, MemoryTraffic& traffic) {
    ++traffic.fram_writes;
    traffic.wait_cycles += waits;
  }

  void clear() { *this = {}; }

  friend bool operator==(const FramCache&, const FramCache&) = default;

 private:
  static constexpr std::uint32_t kEmpty = ~std::uint32_t{0};
  /// Line numbers, the most recently used first.
  std::array<std::array<std::uint32_t, 2>, 2> sets_{{{kEmpty, kEmpty}, {kEmpty, kEmpty}}};
};

}  // namespace mj::msp430
