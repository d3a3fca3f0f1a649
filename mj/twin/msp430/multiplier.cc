// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/msp430/multiplier.h"

#include "mj/twin/msp430/fault.h"

namespace mj::msp430 {
namespace {

constexpr std::uint16_t kFractional = 0x0004;
constexpr std::uint16_t kSaturation = 0x0008;
constexpr std::uint16_t kWritable = 0x0300;  // MPYDLY32, MPYDLYWRTEN: they delay, which changes no value

std::uint32_t with_low(std::uint32_t word, std::uint16_t low) { return (word & 0xFFFF0000u) | low; }
std::uint32_t with_high(std::uint32_t word, std::uint16_t high) { return (word & 0xFFFFu) | (std::uint32_t{high} << 16); }

std::uint64_t extended(std::uint32_t operand, bool wide, bool is_signed) {
  if (!is_signed) return wide ? operand : operand & 0xFFFFu;
  return wide ? static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<std::int32_t>(operand)))
              : static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<std::int16_t>(operand)));
}

}  // namespace

std::uint16_t Multiplier::read(std::uint32_t offset) const {
  switch (offset) {
    case kOp2:
    case kOp2L:
      return static_cast<std::uint16_t>(op2_);
    case kOp2H:
      return static_cast<std::uint16_t>(op2_ >> 16);
    case kResLo:
      return static_cast<std::uint16_t>(result_);
    case kResHi:
      return static_cast<std::uint16_t>(result_ >> 16);
    case kSumExt:
      return sum_extension_;
    case kControl:
      return static_cast<std::uint16_t>(control_ | (wide_op2_ ? 0x80 : 0) | (wide_op1_ ? 0x40 : 0) | (mode_ << 4) |
                                        (sum_extension_ & 1));
    default:
      if (offset >= kRes0) return static_cast<std::uint16_t>(result_ >> ((offset - kRes0) * 8));
      return static_cast<std::uint16_t>(offset >= kMpy32L && (offset & 2) ? op1_ >> 16 : op1_);
  }
}

void Multiplier::write(std::uint32_t offset, std::uint16_t value) {
  if (offset < kOp2) {
    op1_ = value;
    wide_op1_ = false;
    mode_ = static_cast<std::uint8_t>(offset / 2);
  } else if (offset >= kMpy32L && offset <= kMacs32H) {
    // The width is that of the register written last: a low word alone is a 16-bit operand.
    const bool high = (offset & 2) != 0;
    op1_ = high ? with_high(op1_, value) : with_low(op1_, value);
    wide_op1_ = high;
    mode_ = static_cast<std::uint8_t>((offset - kMpy32L) / 4);
  } else if (offset == kOp2) {
    op2_ = value;
    wide_op2_ = false;
    multiply();
  } else if (offset == kOp2L) {
    op2_ = value;
    wide_op2_ = true;
  } else if (offset == kOp2H) {
    op2_ = with_high(op2_, value);
    wide_op2_ = true;
    multiply();
  } else if (offset == kSumExt) {
    // Read-only.
  } else if (offset == kControl) {
    if (value & (kFractional | kSaturation)) {
      throw Fault{FaultKind::kPeripheral, offset, "fractional or saturation mode of the multiplier, which is not modelled"};
    }
    control_ = value & kWritable;
    sum_extension_ = static_cast<std::uint16_t>((sum_extension_ & ~1) | (value & 1));
  } else {
    const std::uint32_t shift = (offset >= kRes0 ? offset - kRes0 : offset - kResLo) * 8;
    result_ = (result_ & ~(std::uint64_t{0xFFFF} << shift)) | (std::uint64_t{value} << shift);
  }
}

void Multiplier::write_byte(std::uint32_t offset, std::uint8_t value) {
  const bool operand = offset <= kOp2 || (offset >= kMpy32L && offset <= kOp2H);
  if (!operand || (offset & 1)) {
    throw Fault{FaultKind::kPeripheral, offset, "byte write to a word register of the multiplier"};
  }
  // The second operand follows the sign of the operation that the first one chose.
  const bool sign_extend = offset < kOp2                       ? ((offset / 2) & 1) != 0
                           : offset == kOp2 || offset >= kOp2L ? is_signed()
                                                               : (((offset - kMpy32L) / 4) & 1) != 0;
  write(offset, sign_extend ? static_cast<std::uint16_t>(static_cast<std::int8_t>(value)) : value);
}

void Multiplier::multiply() {
  const std::uint64_t product = extended(op1_, wide_op1_, is_signed()) * extended(op2_, wide_op2_, is_signed());
  if (wide_op1_ || wide_op2_) {
    const std::uint64_t before = accumulates() ? result_ : 0;
    result_ = before + product;
    sum_extension_ = is_signed() ? (result_ >> 63 ? 0xFFFF : 0) : (result_ < before ? 1 : 0);
    return;
  }
  const std::uint64_t before = accumulates() ? result_ & 0xFFFFFFFFu : 0;
  const std::uint64_t sum = before + (product & 0xFFFFFFFFu);
  result_ = (result_ & ~std::uint64_t{0xFFFFFFFFu}) | (sum & 0xFFFFFFFFu);
  sum_extension_ = is_signed() ? ((result_ >> 31) & 1 ? 0xFFFF : 0) : static_cast<std::uint16_t>(sum >> 32);
}

}  // namespace mj::msp430
