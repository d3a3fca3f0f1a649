// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/msp430/memory.h"

#include <algorithm>
#include <bit>

#include "mj/base/error.h"
#include "mj/twin/msp430/fault.h"

namespace mj::msp430 {

static_assert(std::endian::native == std::endian::little, "memory is kept in the byte order of the MSP430");

Memory::Memory(const MemoryMap& map, const std::uint64_t& cycles, Handler decoder)
    : code(decoder), cycles_(cycles), bytes_(kAddressSpace, std::byte{0xFF}) {
  for (const MemoryRegion& region : map) {
    MJ_CHECK(region.first % kPageBytes == 0 && region.bytes % kPageBytes == 0);
    MJ_CHECK(region.bytes <= kAddressSpace && region.first <= kAddressSpace - region.bytes);
    std::fill_n(kinds_.begin() + region.first / kPageBytes, region.bytes / kPageBytes, region.kind);
    if (region.kind == Region::kPeripheral) std::fill_n(bytes_.begin() + region.first, region.bytes, std::byte{0});
  }
  for (std::uint16_t page = 0; page < kPages; ++page) {
    if (kinds_[page] == Region::kSram) sram_pages_.push_back(page);
    if (kinds_[page] == Region::kPeripheral) peripheral_pages_.push_back(page);
  }
  freeze();
}

std::uint32_t Memory::fetch(std::uint32_t address) const {
  const Region kind = region(address);
  if (kind == Region::kVacant || kind == Region::kPeripheral) throw Fault{FaultKind::kFetch, address, {}};
  return load(address);
}

void Memory::count_fetch(std::uint32_t address, std::uint32_t length) {
  for (std::uint32_t i = 0; i < length; i += 2) count_read((address + i) & kAddressMask);
}

std::uint32_t Memory::read_byte(std::uint32_t address) {
  const Region kind = region(address);
  if (kind == Region::kPeripheral) {
    std::uint16_t word;
    if (peripherals.read(address & ~1u, word)) return (address & 1) ? word >> 8 : word & 0xFF;
  } else if (kind == Region::kVacant) {
    throw Fault{FaultKind::kVacantRead, address, {}};
  }
  if (counting_) count_read(address);
  return static_cast<std::uint8_t>(bytes_[address]);
}

std::uint32_t Memory::read_word(std::uint32_t address) {
  if (address & 1) throw Fault{FaultKind::kUnalignedRead, address, {}};
  const Region kind = region(address);
  if (kind == Region::kPeripheral) {
    std::uint16_t word;
    if (peripherals.read(address, word)) return word;
  } else if (kind == Region::kVacant) {
    throw Fault{FaultKind::kVacantRead, address, {}};
  }
  if (counting_) count_read(address);
  return load(address);
}

void Memory::write_byte(std::uint32_t address, std::uint8_t value) {
  if (region(address) == Region::kPeripheral && peripherals.write_byte(address, value)) return;
  prepare_write(address);
  bytes_[address] = static_cast<std::byte>(value);
}

void Memory::write_word(std::uint32_t address, std::uint16_t value) {
  if (address & 1) throw Fault{FaultKind::kUnalignedWrite, address, {}};
  if (region(address) == Region::kPeripheral && peripherals.write(address, value, cycles_ + traffic.wait_cycles)) {
    if (address == Watchdog::kAddress) throw WatchdogWritten{};  // a write is the last thing that an instruction does
    return;
  }
  prepare_write(address);
  store(address, value);
}

void Memory::prepare_write(std::uint32_t address) {
  const std::uint32_t page = address / kPageBytes;
  switch (kinds_[page]) {
    case Region::kVacant:
      throw Fault{FaultKind::kVacantWrite, address, {}};
    case Region::kRom:
      throw Fault{FaultKind::kReadOnlyWrite, address, {}};
    case Region::kFram:
      if (counting_) fram_cache.write(peripherals.fram_waits, traffic);
      break;
    case Region::kSram:
      if (counting_) ++traffic.sram_writes;
      break;
    case Region::kPeripheral:
      break;
  }
  change(page);
  if (has_code_[page]) code.forget(address);
}

void Memory::count_read(std::uint32_t address) {
  const Region kind = region(address);
  if (kind == Region::kFram) {
    fram_cache.read(address, peripherals.fram_waits, traffic);
  } else if (kind == Region::kSram) {
    ++traffic.sram_reads;
  }
}

void Memory::poke(std::uint32_t address, std::span<const std::byte> bytes) {
  MJ_CHECK(address <= kAddressSpace && bytes.size() <= kAddressSpace - address);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto at = static_cast<std::uint32_t>(address + i);
    change(at / kPageBytes);
    if (has_code_[at / kPageBytes]) code.forget(at);
    bytes_[at] = bytes[i];
  }
}

void Memory::freeze() {
  image_ = bytes_;
  changed_.fill(false);
  changed_pages_.clear();
  for (std::uint32_t page = 0; page < kPages; ++page) set_access(page);
}

void Memory::change(std::uint32_t page) {
  if (changed_[page]) return;
  changed_[page] = true;
  changed_pages_.push_back(static_cast<std::uint16_t>(page));
  set_access(page);
}

void Memory::mark_code(std::uint32_t page) {
  has_code_[page] = true;
  set_access(page);
}

void Memory::count_traffic(bool on) {
  counting_ = on;
  for (std::uint32_t page = 0; page < kPages; ++page) set_access(page);
}

void Memory::set_access(std::uint32_t page) {
  const Region kind = kinds_[page];
  const bool writable = kind == Region::kSram || kind == Region::kFram;
  access_[page] = 0;
  if (counting_) return;
  if (writable || kind == Region::kRom) access_[page] |= kFastRead;
  if (writable && changed_[page] && !has_code_[page]) access_[page] |= kFastWrite;
}

void Memory::save(PageSet& changed) const {
  changed.pages = changed_pages_;
  changed.bytes.resize(changed_pages_.size() * kPageBytes);
  std::byte* to = changed.bytes.data();
  for (const std::uint16_t page : changed_pages_) {
    std::memcpy(to, &bytes_[page * kPageBytes], kPageBytes);
    to += kPageBytes;
  }
}

void Memory::restore(const PageSet& changed) {
  const auto put = [this](std::uint32_t page, const std::byte* from) {
    std::byte* to = &bytes_[page * kPageBytes];
    if (has_code_[page] && std::memcmp(to, from, kPageBytes) != 0) code.forget_page(page);
    std::memcpy(to, from, kPageBytes);
  };
  for (const std::uint16_t page : changed_pages_) {
    changed_[page] = false;
    access_[page] &= static_cast<std::uint8_t>(~kFastWrite);
  }
  const std::byte* from = changed.bytes.data();
  for (const std::uint16_t page : changed.pages) {
    changed_[page] = true;
    put(page, from);
    from += kPageBytes;
  }
  for (const std::uint16_t page : changed_pages_) {
    if (!changed_[page]) put(page, &image_[page * kPageBytes]);
  }
  changed_pages_ = changed.pages;
  for (const std::uint16_t page : changed_pages_) set_access(page);
}

bool Memory::same(const PageSet& changed, Region kind) const {
  const auto holds = [this](std::uint32_t page, const std::byte* bytes) {
    return std::memcmp(&bytes_[page * kPageBytes], bytes, kPageBytes) == 0;
  };
  std::array<bool, kPages> compared{};
  const std::byte* bytes = changed.bytes.data();
  for (const std::uint16_t page : changed.pages) {
    compared[page] = true;
    if (kinds_[page] == kind && !holds(page, bytes)) return false;
    bytes += kPageBytes;
  }
  return std::ranges::all_of(changed_pages_, [&](std::uint16_t page) {
    return compared[page] || kinds_[page] != kind || holds(page, &image_[page * kPageBytes]);
  });
}

}  // namespace mj::msp430
