// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "mj/twin/msp430/multiplier.h"
#include "mj/twin/msp430/watchdog.h"

namespace mj::msp430 {

/// Thrown out of the instruction that makes the device reset itself.
struct DeviceReset {
  std::string_view cause;  ///< a literal
};

/// The registers below 0x1000 that do something: multipliers, watchdog, the FRAM controller's wait states and the software
/// reset. All others keep what is written to them, and that is all.
struct Peripherals {
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  std::uint32_t multiplier_base = 0x04C0;   ///< MPY32; `kNone` to leave it out
  std::uint32_t multiplier16_base = 0x0130;  ///< the 16-bit multiplier of older devices; `kNone` to leave it out
  bool watchdog_runs = false;

  Multiplier multiplier;
  Multiplier multiplier16;
  Watchdog watchdog;
  unsigned fram_waits = 0;        ///< NWAITS as it is
  unsigned fram_waits_reset = 0;  ///< and after a reset

  void reset(std::uint64_t cycles) {
    multiplier = {};
    multiplier16 = {};
    fram_waits = fram_waits_reset;
    if (watchdog_runs) watchdog.reset(cycles);
  }

  /// Serves a word at an even address; false for a register without function.
  bool read(std::uint32_t address, std::uint16_t& value) const;
  bool write(std::uint32_t address, std::uint16_t value, std::uint64_t cycles);
  /// A byte write to a register with function; false for one without.
  bool write_byte(std::uint32_t address, std::uint8_t value);

  friend bool operator==(const Peripherals&, const Peripherals&) = default;
};

}  // namespace mj::msp430
