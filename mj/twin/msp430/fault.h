// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace mj::msp430 {

/// What the program did that no program may do.
enum class FaultKind : std::uint8_t {
  kIllegalInstruction,
  kUnalignedRead,
  kUnalignedWrite,
  kVacantRead,
  kVacantWrite,
  kReadOnlyWrite,
  kFetch,
  kOddJump,
  kStackOverflow,
  kPeripheral,
};

/// Thrown out of an instruction that cannot be completed. It never leaves `Machine`.
struct Fault {
  FaultKind kind = FaultKind::kIllegalInstruction;
  std::uint32_t address = 0;  ///< what was accessed; for an illegal instruction its first word
  std::string_view detail;    ///< of a peripheral: the whole complaint; outlives the fault (a literal)
};

}  // namespace mj::msp430
