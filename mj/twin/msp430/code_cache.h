// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "mj/twin/msp430/memory_map.h"

namespace mj::msp430 {

struct Core;
struct Decoded;
using Handler = void (*)(Core&, const Decoded&);

/// One instruction, ready to run: the handler for its operation, width and addressing modes, and what that one needs.
struct Decoded {
  Handler run = nullptr;
  std::uint32_t source = 0;       ///< immediate, address or index
  std::uint32_t destination = 0;  ///< address or index
  std::uint32_t wrap_below = 0;   ///< indexed from a register below this, an address wraps at 64 KB
  std::uint8_t source_register = 0;
  std::uint8_t destination_register = 0;
  std::uint8_t length = 0;  ///< bytes
  std::uint8_t cycles = 0;
};

/// Decoded instructions by address, kept page by page once a page runs; every other entry holds the handler that decodes.
class CodeCache {
 public:
  explicit CodeCache(Handler decoder) : decoder_(decoder), pages_(kPages, &undecoded_) { undecoded_.fill(blank()); }
  CodeCache(const CodeCache&) = delete;
  CodeCache& operator=(const CodeCache&) = delete;

  const Decoded& at(std::uint32_t address) const { return (*pages_[address / kPageBytes])[slot(address)]; }

  void store(std::uint32_t address, const Decoded& decoded) {
    Page*& page = pages_[address / kPageBytes];
    if (page == &undecoded_) {
      owned_.push_back(std::make_unique<Page>(undecoded_));
      page = owned_.back().get();
    }
    (*page)[slot(address)] = decoded;
  }

  /// Drops every instruction that holds the word at `address`: none is longer than four words.
  void forget(std::uint32_t address) {
    for (std::uint32_t back = 0; back < 8; back += 2) {
      const std::uint32_t start = (address - back) & kAddressMask;
      Page* page = pages_[start / kPageBytes];
      if (page == &undecoded_) continue;
      // The instruction that is running may be the one dropped: leave it the operands it may still read.
      Decoded& entry = (*page)[slot(start)];
      entry.run = decoder_;
      entry.length = 0;
      entry.cycles = 0;
    }
  }

  /// Drops every instruction with a word in the page.
  void forget_page(std::uint32_t page) {
    if (pages_[page] != &undecoded_) *pages_[page] = undecoded_;
    forget(page * kPageBytes);
  }

 private:
  using Page = std::array<Decoded, kPageBytes / 2>;

  static std::size_t slot(std::uint32_t address) { return (address % kPageBytes) / 2; }
  Decoded blank() const {
    Decoded decoded;
    decoded.run = decoder_;
    return decoded;
  }

  Handler decoder_;
  Page undecoded_;
  std::vector<Page*> pages_;
  std::vector<std::unique_ptr<Page>> owned_;
};

}  // namespace mj::msp430
