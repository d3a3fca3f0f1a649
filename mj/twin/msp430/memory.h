// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "mj/twin/msp430/code_cache.h"
#include "mj/twin/msp430/fram_cache.h"
#include "mj/twin/msp430/memory_map.h"
#include "mj/twin/msp430/peripherals.h"

namespace mj::msp430 {

/// Pages that differ from the image a machine started with, and what they hold.
struct PageSet {
  std::vector<std::uint16_t> pages;
  std::vector<std::byte> bytes;  ///< `kPageBytes` for each page
};

/// The 1 MB address space: memory, peripherals and the decoded code in front of it.
///
/// One byte per page says whether an access may go straight to memory. All else takes the slow path, and only there are
/// pages noted as changed, decoded instructions dropped, peripherals served and accesses counted: so the fast path pays
/// for none of it.
class Memory {
 public:
  /// `cycles` is the processor's counter, for the watchdog; `decoder` fills the code cache.
  Memory(const MemoryMap& map, const std::uint64_t& cycles, Handler decoder);

  template <int kBits>
  std::uint32_t read(std::uint32_t address) {
    const bool fast = (access_[address / kPageBytes] & kFastRead) != 0;
    if constexpr (kBits == 8) {
      if (fast) [[likely]] return static_cast<std::uint8_t>(bytes_[address]);
      return read_byte(address);
    } else if constexpr (kBits == 16) {
      if (fast && (address & 1) == 0) [[likely]] return load(address);
      return read_word(address);
    } else {
      const std::uint32_t low = read<16>(address);
      return low | (read<16>((address + 2) & kAddressMask) & 0xF) << 16;
    }
  }

  template <int kBits>
  void write(std::uint32_t address, std::uint32_t value) {
    const bool fast = (access_[address / kPageBytes] & kFastWrite) != 0;
    if constexpr (kBits == 8) {
      if (fast) [[likely]] {
        bytes_[address] = static_cast<std::byte>(value);
      } else {
        write_byte(address, static_cast<std::uint8_t>(value));
      }
    } else if constexpr (kBits == 16) {
      if (fast && (address & 1) == 0) [[likely]] {
        store(address, static_cast<std::uint16_t>(value));
      } else {
        write_word(address, static_cast<std::uint16_t>(value));
      }
    } else {
      write<16>(address, value & 0xFFFF);
      write<16>((address + 2) & kAddressMask, value >> 16);
    }
  }

  /// A word of code, without side effects; throws `Fault` where nothing can run.
  std::uint32_t fetch(std::uint32_t address) const;
  /// Counts the fetch of an instruction.
  void count_fetch(std::uint32_t address, std::uint32_t length);

  /// Memory as it lies there, without side effects. `address + size` is at most `kAddressSpace`.
  std::span<const std::byte> view(std::uint32_t address, std::uint32_t size) const { return {&bytes_[address], size}; }
  /// Overwrites memory of any kind from outside.
  void poke(std::uint32_t address, std::span<const std::byte> bytes);

  Region region(std::uint32_t address) const { return kinds_[address / kPageBytes]; }

  /// Takes what is there now as the image that later changes are counted from.
  void freeze();
  void save(PageSet& changed) const;
  void restore(const PageSet& changed);
  /// Whether all memory of that kind is as it would be after `restore(changed)`.
  bool same(const PageSet& changed, Region kind) const;

  /// Fills every page of SRAM with what `next()` returns, and clears the peripherals' registers.
  template <class Next>
  void lose_power(Next&& next) {
    for (const std::uint16_t page : sram_pages_) {
      change(page);
      if (has_code_[page]) code.forget_page(page);
      for (std::uint32_t i = 0; i < kPageBytes; i += 8) {
        const std::uint64_t noise = next();
        std::memcpy(&bytes_[page * kPageBytes + i], &noise, 8);
      }
    }
    for (const std::uint16_t page : peripheral_pages_) {
      if (changed_[page]) std::memset(&bytes_[page * kPageBytes], 0, kPageBytes);
    }
    fram_cache.clear();
  }

  /// Whether accesses are counted and wait states added; slower when they are.
  void count_traffic(bool on);
  bool counts_traffic() const { return counting_; }

  Peripherals peripherals;
  FramCache fram_cache;
  MemoryTraffic traffic;
  CodeCache code;

  /// Notes that the page holds decoded code, so that writes to it drop what they change.
  void mark_code(std::uint32_t page);

 private:
  static constexpr std::uint8_t kFastRead = 1;
  static constexpr std::uint8_t kFastWrite = 2;

  std::uint16_t load(std::uint32_t address) const {
    std::uint16_t value;
    std::memcpy(&value, &bytes_[address], 2);
    return value;
  }
  void store(std::uint32_t address, std::uint16_t value) { std::memcpy(&bytes_[address], &value, 2); }

  std::uint32_t read_byte(std::uint32_t address);
  std::uint32_t read_word(std::uint32_t address);
  void write_byte(std::uint32_t address, std::uint8_t value);
  void write_word(std::uint32_t address, std::uint16_t value);

  void count_read(std::uint32_t address);
  void prepare_write(std::uint32_t address);
  void change(std::uint32_t page);
  void set_access(std::uint32_t page);

  const std::uint64_t& cycles_;
  bool counting_ = false;
  std::vector<std::byte> bytes_;
  std::vector<std::byte> image_;
  std::array<std::uint8_t, kPages> access_{};
  std::array<Region, kPages> kinds_{};
  std::array<bool, kPages> changed_{};
  std::array<bool, kPages> has_code_{};
  std::vector<std::uint16_t> changed_pages_;
  std::vector<std::uint16_t> sram_pages_;
  std::vector<std::uint16_t> peripheral_pages_;
};

}  // namespace mj::msp430
