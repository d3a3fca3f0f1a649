// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace mj::msp430 {

inline constexpr std::uint8_t kPc = 0;
inline constexpr std::uint8_t kSp = 1;
inline constexpr std::uint8_t kSr = 2;
inline constexpr std::uint8_t kCg = 3;  ///< R3 reads as zero and takes no result

inline constexpr std::uint32_t kCarry = 0x0001;
inline constexpr std::uint32_t kZero = 0x0002;
inline constexpr std::uint32_t kNegative = 0x0004;
inline constexpr std::uint32_t kCpuOff = 0x0010;
inline constexpr std::uint32_t kOverflow = 0x0100;
inline constexpr std::uint32_t kFlags = kCarry | kZero | kNegative | kOverflow;

/// What an instruction does, whatever its encoding: ADD, ADDX and ADDA are all `kAdd`. The first twelve are in the order
/// of their operation codes, 4 to 15.
enum class Operation : std::uint8_t {
  kMov, kAdd, kAddc, kSubc, kSub, kCmp, kDadd, kBit, kBic, kBis, kXor, kAnd,
  kRrc, kSwpb, kRra, kSxt, kPush, kCall, kReti,
  kJnz, kJz, kJnc, kJc, kJn, kJge, kJl, kJmp,
  kCalla, kPushm, kPopm, kRrcm, kRram, kRlam, kRrum,
};

/// The encodings, each with a cycle table of its own.
enum class Format : std::uint8_t {
  kDouble,          ///< MSP430 format I
  kSingle,          ///< MSP430 format II
  kJump,
  kDoubleExtended,  ///< format I after an extension word
  kSingleExtended,  ///< format II after an extension word
  kAddress,         ///< MOVA, CMPA, ADDA, SUBA
  kCalla,
  kStackBlock,      ///< PUSHM, POPM
  kRotateBlock,     ///< RRCM, RRAM, RLAM, RRUM
};

enum class Width : std::uint8_t { kByte, kWord, kAddress };

enum class Mode : std::uint8_t { kRegister, kImmediate, kIndexed, kSymbolic, kAbsolute, kIndirect, kIndirectIncrement };

struct Operand {
  Mode mode = Mode::kRegister;
  std::uint8_t reg = 0;
  /// The immediate (a constant generator's too), the index (sign extended to 20 bits), or the address of a symbolic or
  /// absolute operand.
  std::uint32_t value = 0;
  bool constant = false;  ///< an immediate made by a constant generator, which takes no word
};

struct Instruction {
  Operation operation = Operation::kMov;
  Format format = Format::kDouble;
  Width width = Width::kWord;
  Operand source;
  Operand destination;
  std::uint8_t length = 2;  ///< bytes
  std::uint8_t count = 1;   ///< registers of PUSHM and POPM, bits of RRCM ..., executions of a repeated instruction
  bool count_in_register = false;  ///< executions: low four bits of register `count`, plus one
  bool zero_carry = false;         ///< carry counts as zero
};

}  // namespace mj::msp430
