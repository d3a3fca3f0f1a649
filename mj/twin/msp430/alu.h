// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "mj/twin/msp430/instruction.h"

namespace mj::msp430 {

template <int kBits>
inline constexpr std::uint32_t kMask = (std::uint32_t{1} << kBits) - 1;

template <int kBits>
std::uint32_t sign_and_zero(std::uint32_t result) {
  return ((result >> (kBits - 1) & 1) << 2) | (result == 0 ? kZero : 0);
}

/// `left + right + carry` with all four flags; a subtraction adds the complement.
template <int kBits>
std::uint32_t add(std::uint32_t left, std::uint32_t right, std::uint32_t carry, std::uint32_t& sr) {
  const std::uint32_t sum = left + right + carry;
  const std::uint32_t result = sum & kMask<kBits>;
  const std::uint32_t overflow = (~(left ^ right) & (left ^ sum)) >> (kBits - 1) & 1;
  sr = (sr & ~kFlags) | sign_and_zero<kBits>(result) | (sum >> kBits & 1) | overflow << 8;
  return result;
}

/// Adds digit by digit. A digit above 9 that is put in gives what the adder of the MSP430FR5739 was seen to give (as in
/// mspdebug's `simx`); V, which the manual leaves undefined, is cleared.
template <int kBits>
std::uint32_t add_decimal(std::uint32_t left, std::uint32_t right, std::uint32_t& sr) {
  std::uint32_t carry = sr & kCarry;
  std::uint32_t result = 0;
  for (int shift = 0; shift < kBits; shift += 4) {
    std::uint32_t digit = (left >> shift & 0xF) + (right >> shift & 0xF) + carry;
    carry = digit > 9 ? 1 : 0;
    if (carry) digit += 6;
    result |= (digit & 0xF) << shift;
  }
  sr = (sr & ~kFlags) | sign_and_zero<kBits>(result) | carry;
  return result;
}

/// A logical result: C is the opposite of Z.
template <int kBits>
std::uint32_t logical(std::uint32_t result, std::uint32_t overflow, std::uint32_t& sr) {
  sr = (sr & ~kFlags) | sign_and_zero<kBits>(result) | (result != 0 ? kCarry : 0) | overflow << 8;
  return result;
}

/// The result of a format I operation on operands of `kBits`, with its flags put into `sr`.
template <Operation kOperation, int kBits>
std::uint32_t compute(std::uint32_t source, std::uint32_t destination, std::uint32_t& sr) {
  if constexpr (kOperation == Operation::kMov) return source;
  if constexpr (kOperation == Operation::kAdd) return add<kBits>(destination, source, 0, sr);
  if constexpr (kOperation == Operation::kAddc) return add<kBits>(destination, source, sr & kCarry, sr);
  if constexpr (kOperation == Operation::kSub || kOperation == Operation::kCmp)
    return add<kBits>(destination, source ^ kMask<kBits>, 1, sr);
  if constexpr (kOperation == Operation::kSubc)
    return add<kBits>(destination, source ^ kMask<kBits>, sr & kCarry, sr);
  if constexpr (kOperation == Operation::kDadd) return add_decimal<kBits>(destination, source, sr);
  if constexpr (kOperation == Operation::kBit || kOperation == Operation::kAnd)
    return logical<kBits>(source & destination, 0, sr);
  if constexpr (kOperation == Operation::kBic) return destination & ~source;
  if constexpr (kOperation == Operation::kBis) return destination | source;
  if constexpr (kOperation == Operation::kXor)
    return logical<kBits>(source ^ destination, (source & destination) >> (kBits - 1) & 1, sr);
}

template <int kBits>
std::uint32_t rotate_right(std::uint32_t value, std::uint32_t into_top, std::uint32_t& sr) {
  const std::uint32_t result = value >> 1 | into_top << (kBits - 1);
  sr = (sr & ~kFlags) | sign_and_zero<kBits>(result) | (value & 1);
  return result;
}

/// The result of a format II operation that changes its operand. SXT gives 20 bits, of which memory takes what it holds.
template <Operation kOperation, int kBits>
std::uint32_t compute(std::uint32_t value, std::uint32_t& sr) {
  if constexpr (kOperation == Operation::kRrc) return rotate_right<kBits>(value, sr & kCarry, sr);
  if constexpr (kOperation == Operation::kRra) return rotate_right<kBits>(value, value >> (kBits - 1) & 1, sr);
  if constexpr (kOperation == Operation::kSwpb)
    return (value & 0xF0000) | (value & 0xFF) << 8 | (value >> 8 & 0xFF);
  if constexpr (kOperation == Operation::kSxt) {
    const std::uint32_t result = value & 0x80 ? (value & 0x7F) | 0xFFF80 : value & 0x7F;
    return logical<20>(result, 0, sr);
  }
}

}  // namespace mj::msp430
