// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "mj/twin/msp430/instruction.h"
#include "mj/twin/msp430/memory.h"

namespace mj::msp430 {

/// Decodes the instruction at the even address `pc` (SLAU367, chapter "CPUX", the instruction maps of MSP430 and MSP430X).
/// Throws `Fault` on encodings that the manual does not define: it never guesses.
Instruction decode(const Memory& memory, std::uint32_t pc);

}  // namespace mj::msp430
