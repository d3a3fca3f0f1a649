// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace mj::msp430 {

/// The watchdog timer WDT_A in watchdog mode (SLAU367, chapter "Watchdog Timer"): it runs from reset on and restarts the
/// program unless it is held or cleared in time, or when it is written without its password. It counts cycles of the
/// processor, as with SMCLK = MCLK; the slow clock sources are taken for that clock too, so it never bites late.
class Watchdog {
 public:
  static constexpr std::uint32_t kAddress = 0x015C;
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};

  /// What the register reads as.
  std::uint16_t read() const { return static_cast<std::uint16_t>(0x6900 | control_); }
  /// False when the password is wrong, which resets the device.
  bool write(std::uint16_t value, std::uint64_t cycles);
  /// The cycle at which it resets the device; `kNever` while it is held or only an interval timer.
  std::uint64_t deadline() const { return deadline_; }
  void reset(std::uint64_t cycles);

  friend bool operator==(const Watchdog&, const Watchdog&) = default;

 private:
  void restart(std::uint64_t cycles);

  std::uint8_t control_ = 0x04;
  std::uint64_t deadline_ = kNever;
};

/// Thrown at the end of an instruction that wrote to the watchdog, for its deadline may be another one now.
struct WatchdogWritten {};

}  // namespace mj::msp430
