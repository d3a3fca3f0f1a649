// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/msp430/cycles.h"

namespace mj::msp430 {
namespace {

/// Rows of the tables: register, @Rn, @Rn+, immediate, and all that need an index or address word.
enum Row { kRegisterRow, kIndirectRow, kIncrementRow, kImmediateRow, kIndexedRow, kRows };

Row row_of(const Operand& operand) {
  switch (operand.mode) {
    case Mode::kRegister:
      return kRegisterRow;
    case Mode::kImmediate:
      return operand.constant ? kRegisterRow : kImmediateRow;
    case Mode::kIndirect:
      return kIndirectRow;
    case Mode::kIndirectIncrement:
      return kIncrementRow;
    default:
      return kIndexedRow;
  }
}

/// Columns: to a register, to the program counter, to memory.
struct DoubleCycles {
  std::uint8_t to_register, to_pc, to_memory;
};

constexpr DoubleCycles kDouble[kRows] = {{1, 3, 4}, {2, 4, 5}, {2, 4, 5}, {2, 3, 5}, {3, 5, 6}};          // table 4-10
constexpr DoubleCycles kExtended[kRows] = {{2, 4, 5}, {3, 5, 6}, {3, 5, 6}, {3, 4, 6}, {4, 6, 7}};        // 4-18, .B .W
constexpr DoubleCycles kExtendedA[kRows] = {{2, 4, 7}, {4, 6, 9}, {4, 6, 9}, {3, 4, 8}, {5, 7, 10}};      // 4-18, .A
constexpr DoubleCycles kMova[kRows] = {{1, 3, 4}, {3, 5, 0}, {3, 5, 0}, {2, 3, 0}, {4, 6, 0}};            // 4-19

constexpr std::uint8_t kSingle[kRows] = {1, 3, 3, 0, 4};      // table 4-9: RRA, RRC, SWPB, SXT
constexpr std::uint8_t kPush[kRows] = {3, 3, 3, 3, 4};        // 4-9
constexpr std::uint8_t kCall[kRows] = {4, 4, 4, 4, 5};        // 4-9
constexpr std::uint8_t kExtSingle[kRows] = {2, 4, 4, 0, 5};   // 4-17, .B .W
constexpr std::uint8_t kExtSingleA[kRows] = {2, 6, 6, 0, 7};  // 4-17, .A
constexpr std::uint8_t kExtPush[kRows] = {4, 4, 4, 4, 5};     // 4-17, .B .W
constexpr std::uint8_t kExtPushA[kRows] = {5, 6, 6, 5, 7};    // 4-17, .A
constexpr std::uint8_t kCalla[kRows] = {5, 6, 6, 5, 7};       // 4-17

bool reads_or_moves(Operation operation) {
  return operation == Operation::kMov || operation == Operation::kBit || operation == Operation::kCmp;
}

int double_cycles(const Instruction& instruction, const DoubleCycles (&table)[kRows], int saved) {
  const DoubleCycles& row = table[row_of(instruction.source)];
  if (instruction.destination.mode != Mode::kRegister) {
    return row.to_memory - (reads_or_moves(instruction.operation) ? saved : 0);
  }
  return instruction.destination.reg == kPc ? row.to_pc : row.to_register;
}

int single_cycles(const Instruction& instruction) {
  const Operand& operand = instruction.source;
  switch (instruction.operation) {
    case Operation::kPush:
      return kPush[row_of(operand)];
    case Operation::kCall:
      return kCall[row_of(operand)] + (operand.mode == Mode::kAbsolute ? 1 : 0);
    default:
      return kSingle[row_of(operand)];
  }
}

/// A word indexed from the stack pointer, which the instruction moves, waits a cycle for it.
int stack_wait(const Operand& operand) { return operand.mode == Mode::kIndexed && operand.reg == kSp ? 1 : 0; }

int extended_single_cycles(const Instruction& instruction) {
  const bool address = instruction.width == Width::kAddress;
  const Row row = row_of(instruction.source);
  if (instruction.operation != Operation::kPush) return (address ? kExtSingleA : kExtSingle)[row];
  return (address ? kExtPushA : kExtPush)[row] + stack_wait(instruction.source);
}

int calla_cycles(const Instruction& instruction) {
  if (instruction.operation == Operation::kReti) return 5;
  // X(Rn) takes two cycles less than symbolic and absolute operands.
  const int indexed = instruction.source.mode == Mode::kIndexed ? 2 : 0;
  return kCalla[row_of(instruction.source)] - indexed + stack_wait(instruction.source);
}

}  // namespace

int cycles_of(const Instruction& instruction) {
  const bool address = instruction.width == Width::kAddress;
  switch (instruction.format) {
    case Format::kDouble:
      return double_cycles(instruction, kDouble, 1);
    case Format::kSingle:
      return single_cycles(instruction);
    case Format::kJump:
      return 2;
    case Format::kDoubleExtended:
      return address ? double_cycles(instruction, kExtendedA, 2) : double_cycles(instruction, kExtended, 1);
    case Format::kSingleExtended:
      return extended_single_cycles(instruction);
    case Format::kAddress: {
      const bool adds = instruction.operation != Operation::kMov && row_of(instruction.source) == kImmediateRow;
      return adds ? 3 : double_cycles(instruction, kMova, 0);
    }
    case Format::kCalla:
      return calla_cycles(instruction);
    case Format::kStackBlock:
      return 2 + instruction.count * (address ? 2 : 1);
    case Format::kRotateBlock:
      return instruction.count;
  }
  return 0;
}

int repeat_cycles(const Instruction& instruction) {
  // An address word is pushed as two words.
  return instruction.operation == Operation::kPush && instruction.width == Width::kAddress ? 2 : 1;
}

}  // namespace mj::msp430
