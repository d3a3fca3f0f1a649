// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mj/twin/msp430/instruction.h"

namespace mj::msp430 {

/// Cycles of one execution, from the tables of SLAU367 (rev. P), chapter "CPUX": 4-9 and 4-10 for MSP430 instructions
/// (jumps 2, RETI 5), 4-17 and 4-18 for extended and 4-19 for address instructions. Constants from a generator count as
/// registers. Each repetition of an extended instruction beyond the first adds `repeat_cycles`.
///
/// The tables are what the manufacturer states. Measurements on an MSP430FR5739 that others published (in the simulator
/// `simx` of mspdebug 0.26) differ in few places: there MOV, ADD and SUB to PC take one cycle less, as do CMPA, ADDA and
/// SUBA with an immediate, and PUSHX.A of an indexed operand takes one more.
int cycles_of(const Instruction& instruction);

/// Cycles of every execution of a repeated instruction after the first.
int repeat_cycles(const Instruction& instruction);

}  // namespace mj::msp430
