// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/msp430/decode.h"

#include "mj/twin/msp430/fault.h"

namespace mj::msp430 {
namespace {

constexpr std::uint32_t mask_of(Width width) {
  return width == Width::kByte ? 0xFF : width == Width::kWord ? 0xFFFF : kAddressMask;
}

constexpr std::uint32_t sign_extended(std::uint32_t word) { return (word & 0x8000 ? word | 0xF0000 : word) & kAddressMask; }

class Decoder {
 public:
  Decoder(const Memory& memory, std::uint32_t pc) : memory_(memory), pc_(pc), next_(pc) {}

  Instruction decode() {
    const std::uint32_t word = take();
    if ((word & 0xF800) == 0x1800) {
      extended(word, take());
    } else if (word >= 0x4000) {
      double_operand(word);
    } else if (word >= 0x2000) {
      jump(word);
    } else if (word < 0x1000) {
      address(word);
    } else if ((word & 0xFC00) == 0x1400) {
      stack_block(word);
    } else if ((word & 0xFF00) == 0x1300) {
      calla(word);
    } else {
      single_operand(word);
    }
    out_.length = static_cast<std::uint8_t>((next_ - pc_) & kAddressMask);
    return out_;
  }

 private:
  [[noreturn]] void illegal() const { throw Fault{FaultKind::kIllegalInstruction, pc_, {}}; }
  void require(bool legal) const {
    if (!legal) illegal();
  }

  std::uint32_t take() {
    const std::uint32_t word = memory_.fetch(next_);
    next_ = (next_ + 2) & kAddressMask;
    return word;
  }

  /// The index of a plain instruction: relative to an address in the low 64 KB it stays there.
  std::uint32_t symbolic(std::uint32_t base, std::uint32_t index) const {
    const std::uint32_t sum = base + sign_extended(index);
    return sum & (base < 0x10000 ? 0xFFFF : kAddressMask);
  }

  /// `high`: bits 19 to 16 of an extended instruction's operand word, below 0 for a plain one.
  Operand indexed(std::uint8_t reg, int high) {
    const std::uint32_t base = next_;
    const std::uint32_t word = take();
    const std::uint32_t index = high < 0 ? sign_extended(word) : word | static_cast<std::uint32_t>(high) << 16;
    if (reg == kSr) return {Mode::kAbsolute, reg, high < 0 ? word : index};
    if (reg == kPc) return {Mode::kSymbolic, reg, high < 0 ? symbolic(base, word) : (base + index) & kAddressMask};
    return {Mode::kIndexed, reg, index};
  }

  Operand source(std::uint8_t reg, std::uint32_t as, int high) {
    const std::uint32_t mask = mask_of(out_.width);
    if (reg == kCg) return {Mode::kImmediate, reg, (as == 3 ? kAddressMask : as) & mask, true};
    if (reg == kSr && as >= 2) return {Mode::kImmediate, reg, as == 2 ? 4u : 8u, true};
    switch (as) {
      case 0:
        return {Mode::kRegister, reg, next_};  // what the program counter is by now
      case 1:
        return indexed(reg, high);
      case 2:
        if (reg == kPc) return {Mode::kSymbolic, reg, next_};
        return {Mode::kIndirect, reg, 0};
      default:
        if (reg != kPc) return {Mode::kIndirectIncrement, reg, 0};
        const std::uint32_t word = take();
        return {Mode::kImmediate, reg, (high < 0 ? word : word | static_cast<std::uint32_t>(high) << 16) & mask};
    }
  }

  Operand destination(std::uint8_t reg, bool memory, int high) {
    if (!memory) return {Mode::kRegister, reg, 0};
    require(reg != kCg);  // an index from R3 is not defined
    return indexed(reg, high);
  }

  void double_operand(std::uint32_t word) {
    out_.format = Format::kDouble;
    out_.width = word & 0x40 ? Width::kByte : Width::kWord;
    double_operands(word, -1, -1);
  }

  void double_operands(std::uint32_t word, int source_high, int destination_high) {
    out_.operation = static_cast<Operation>((word >> 12) - 4);
    out_.source = source((word >> 8) & 0xF, (word >> 4) & 3, source_high);
    out_.destination = destination(word & 0xF, (word & 0x80) != 0, destination_high);
  }

  void single_operand(std::uint32_t word) {
    out_.format = Format::kSingle;
    out_.width = word & 0x40 ? Width::kByte : Width::kWord;
    single_operands(word, -1);
  }

  void single_operands(std::uint32_t word, int high) {
    static constexpr Operation kOperations[] = {Operation::kRrc, Operation::kSwpb, Operation::kRra,
                                                Operation::kSxt, Operation::kPush, Operation::kCall};
    const std::uint32_t code = (word >> 7) & 0x1F;
    require(code < 6);
    out_.operation = kOperations[code];
    const bool words_only = out_.operation == Operation::kSwpb || out_.operation == Operation::kSxt ||
                            out_.operation == Operation::kCall;
    require(!words_only || (word & 0x40) == 0);
    Operand operand = source(word & 0xF, (word >> 4) & 3, high);
    const bool only_read = out_.operation == Operation::kPush || out_.operation == Operation::kCall;
    if (!only_read) {
      // Constants cannot be changed, but R3 as a register can be named.
      if (operand.constant && ((word >> 4) & 3) == 0) operand = {Mode::kRegister, kCg, 0};
      require(operand.mode != Mode::kImmediate);
    }
    out_.source = out_.destination = operand;
  }

  void extended(std::uint32_t extension, std::uint32_t word) {
    const bool is_double = word >= 0x4000;
    require(is_double || (word >= 0x1000 && word < 0x1280));
    const bool plain = (extension & 0x40) != 0;  // A/L
    const bool byte = (word & 0x40) != 0;
    const bool swaps = !is_double && ((word & 0x0380) == 0x0080 || (word & 0x0380) == 0x0180);  // SWPBX, SXTX
    if (swaps) {
      require(!byte);
      out_.width = plain ? Width::kWord : Width::kAddress;
    } else {
      require(plain || byte);
      out_.width = plain ? (byte ? Width::kByte : Width::kWord) : Width::kAddress;
    }
    require((extension & 0x30) == 0);
    const bool registers = (word & 0x30) == 0 && (!is_double || (word & 0x80) == 0);
    if (registers) require((extension & 0x0600) == 0);
    const int source_high = registers ? 0 : (extension >> 7) & 0xF;
    const int destination_high = registers ? 0 : extension & 0xF;
    if (is_double) {
      out_.format = Format::kDoubleExtended;
      double_operands(word, source_high, destination_high);
    } else {
      out_.format = Format::kSingleExtended;
      single_operands(word, destination_high);
    }
    if (registers) {
      out_.count_in_register = (extension & 0x80) != 0;
      out_.count = static_cast<std::uint8_t>((extension & 0xF) + (out_.count_in_register ? 0 : 1));
      const bool uses_carry = out_.operation == Operation::kAddc || out_.operation == Operation::kSubc ||
                              out_.operation == Operation::kDadd || out_.operation == Operation::kRrc;
      out_.zero_carry = uses_carry && (extension & 0x0100) != 0;
    }
  }

  void jump(std::uint32_t word) {
    out_.format = Format::kJump;
    out_.operation = static_cast<Operation>(static_cast<std::uint32_t>(Operation::kJnz) + ((word >> 10) & 7));
    const std::uint32_t offset = (word & 0x3FF) * 2;
    const std::uint32_t target = next_ + (offset & 0x400 ? offset - 0x800 : offset);
    out_.destination = {Mode::kImmediate, kPc, target & kAddressMask};
  }

  void address(std::uint32_t word) {
    const std::uint32_t code = (word >> 4) & 0xF;
    if ((code & 0xE) == 4) return rotate_block(word);
    static constexpr Operation kOperations[] = {Operation::kMov, Operation::kCmp, Operation::kAdd, Operation::kSub};
    const auto high = static_cast<std::uint8_t>((word >> 8) & 0xF);
    const auto low = static_cast<std::uint8_t>(word & 0xF);
    out_.format = Format::kAddress;
    out_.width = Width::kAddress;
    out_.operation = code >= 8 ? kOperations[code & 3] : Operation::kMov;
    out_.source = {Mode::kRegister, high, next_};
    out_.destination = {Mode::kRegister, low, 0};
    switch (code) {
      case 0:
        out_.source = indirect(high);
        break;
      case 1:
        out_.source = increment(high);
        break;
      case 2:
        out_.source = {Mode::kAbsolute, kSr, std::uint32_t{high} << 16 | take()};
        break;
      case 3:
        out_.source = short_index(high);
        break;
      case 6:
        out_.destination = {Mode::kAbsolute, kSr, std::uint32_t{low} << 16 | take()};
        break;
      case 7:
        out_.destination = short_index(low);
        break;
      default:
        require(code >= 8);
        if (code < 12) out_.source = {Mode::kImmediate, kPc, std::uint32_t{high} << 16 | take()};
    }
  }

  /// Address instructions have no constants: R2 and R3 as a base are not defined.
  Operand indirect(std::uint8_t reg) {
    require(reg != kSr && reg != kCg);
    if (reg == kPc) return {Mode::kSymbolic, reg, next_};
    return {Mode::kIndirect, reg, 0};
  }

  Operand increment(std::uint8_t reg) {
    require(reg == kSp || reg > kCg);
    return {Mode::kIndirectIncrement, reg, 0};
  }

  /// A 16-bit index from a 20-bit register: it does not wrap at 64 KB.
  Operand short_index(std::uint8_t reg) {
    require(reg != kSr && reg != kCg);
    const std::uint32_t base = next_;
    const std::uint32_t index = sign_extended(take());
    if (reg == kPc) return {Mode::kSymbolic, reg, (base + index) & kAddressMask};
    return {Mode::kIndexed, reg, index};
  }

  void rotate_block(std::uint32_t word) {
    static constexpr Operation kOperations[] = {Operation::kRrcm, Operation::kRram, Operation::kRlam, Operation::kRrum};
    out_.format = Format::kRotateBlock;
    out_.operation = kOperations[(word >> 8) & 3];
    out_.width = word & 0x10 ? Width::kWord : Width::kAddress;
    out_.count = static_cast<std::uint8_t>(((word >> 10) & 3) + 1);
    out_.destination = {Mode::kRegister, static_cast<std::uint8_t>(word & 0xF), 0};
  }

  void stack_block(std::uint32_t word) {
    out_.format = Format::kStackBlock;
    out_.operation = word & 0x0200 ? Operation::kPopm : Operation::kPushm;
    out_.width = word & 0x0100 ? Width::kWord : Width::kAddress;
    out_.count = static_cast<std::uint8_t>(((word >> 4) & 0xF) + 1);
    out_.destination = {Mode::kRegister, static_cast<std::uint8_t>(word & 0xF), 0};
    const int first = out_.destination.reg;
    if (out_.operation == Operation::kPushm) {
      require(first - out_.count + 1 >= 0);
    } else {
      // What becomes of the stack pointer that is popped is not defined.
      require(first + out_.count - 1 <= 15 && !(first <= kSp && first + out_.count - 1 >= kSp));
    }
  }

  void calla(std::uint32_t word) {
    const auto low = static_cast<std::uint8_t>(word & 0xF);
    out_.format = Format::kCalla;
    out_.width = Width::kAddress;
    out_.operation = Operation::kCalla;
    switch ((word >> 4) & 0xF) {
      case 0:
        require(low == 0);
        out_.operation = Operation::kReti;
        break;
      case 4:
        out_.source = {Mode::kRegister, low, next_};
        break;
      case 5:
        out_.source = short_index(low);
        break;
      case 6:
        out_.source = indirect(low);
        break;
      case 7:
        out_.source = increment(low);
        break;
      case 8:
        out_.source = {Mode::kAbsolute, kSr, std::uint32_t{low} << 16 | take()};
        break;
      case 9: {
        const std::uint32_t base = next_;
        out_.source = {Mode::kSymbolic, kPc, (base + (std::uint32_t{low} << 16 | take())) & kAddressMask};
        break;
      }
      case 11:
        out_.source = {Mode::kImmediate, kPc, std::uint32_t{low} << 16 | take()};
        break;
      default:
        illegal();
    }
  }

  const Memory& memory_;
  std::uint32_t pc_;
  std::uint32_t next_;
  Instruction out_;
};

}  // namespace

Instruction decode(const Memory& memory, std::uint32_t pc) { return Decoder(memory, pc).decode(); }

}  // namespace mj::msp430
