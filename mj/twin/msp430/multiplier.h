// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace mj::msp430 {

/// The 32-bit hardware multiplier MPY32 (SLAU367, chapter "32-Bit Hardware Multiplier"), whose first sixteen bytes are
/// the 16-bit multiplier of older devices.
///
/// Registers are byte offsets from its base. Results are there at once: the few cycles in which the hardware still
/// computes are not modelled, as the code we run takes longer to fetch its next instruction. Fractional and saturation
/// mode are refused, not ignored. RES2 and RES3 keep their value through 16 x 16 operations.
class Multiplier {
 public:
  static constexpr std::uint32_t kBytes16 = 0x10;
  static constexpr std::uint32_t kBytes32 = 0x2E;

  enum Register : std::uint32_t {
    kMpy = 0x00,
    kMpys = 0x02,
    kMac = 0x04,
    kMacs = 0x06,
    kOp2 = 0x08,
    kResLo = 0x0A,
    kResHi = 0x0C,
    kSumExt = 0x0E,
    kMpy32L = 0x10,
    kMacs32H = 0x1E,
    kOp2L = 0x20,
    kOp2H = 0x22,
    kRes0 = 0x24,
    kRes3 = 0x2A,
    kControl = 0x2C,
  };

  std::uint16_t read(std::uint32_t offset) const;
  /// A word write; `offset` is even.
  void write(std::uint32_t offset, std::uint16_t value);
  /// A byte write: operands only, extended as their register says. Throws `Fault` on results and control.
  void write_byte(std::uint32_t offset, std::uint8_t value);

  friend bool operator==(const Multiplier&, const Multiplier&) = default;

 private:
  bool is_signed() const { return (mode_ & 1) != 0; }
  bool accumulates() const { return (mode_ & 2) != 0; }
  void multiply();

  std::uint32_t op1_ = 0;
  std::uint32_t op2_ = 0;
  std::uint64_t result_ = 0;
  std::uint16_t sum_extension_ = 0;
  std::uint16_t control_ = 0;
  std::uint8_t mode_ = 0;  ///< 0 MPY, 1 MPYS, 2 MAC, 3 MACS
  bool wide_op1_ = false;
  bool wide_op2_ = false;
};

}  // namespace mj::msp430
