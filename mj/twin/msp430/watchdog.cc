// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/msp430/watchdog.h"

namespace mj::msp430 {
namespace {

constexpr std::uint8_t kHold = 0x80;
constexpr std::uint8_t kIntervalTimer = 0x10;
constexpr std::uint8_t kClear = 0x08;
// WDTIS: powers of two of the interval in clock cycles.
constexpr std::uint8_t kIntervalBits[8] = {31, 27, 23, 19, 15, 13, 9, 6};

}  // namespace

bool Watchdog::write(std::uint16_t value, std::uint64_t cycles) {
  if ((value >> 8) != 0x5A) return false;
  const auto control = static_cast<std::uint8_t>(value);
  const bool restarts = (control & kClear) != 0 || ((control ^ control_) & 0x97) != 0;
  control_ = control & static_cast<std::uint8_t>(~kClear);
  if (control_ & (kHold | kIntervalTimer)) {
    deadline_ = kNever;
  } else if (restarts || deadline_ == kNever) {
    restart(cycles);
  }
  return true;
}

void Watchdog::reset(std::uint64_t cycles) {
  control_ = 0x04;
  restart(cycles);
}

void Watchdog::restart(std::uint64_t cycles) { deadline_ = cycles + (std::uint64_t{1} << kIntervalBits[control_ & 7]); }

}  // namespace mj::msp430
