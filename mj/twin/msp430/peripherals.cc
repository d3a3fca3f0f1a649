// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/msp430/peripherals.h"

#include "mj/twin/msp430/fault.h"

namespace mj::msp430 {
namespace {

constexpr std::uint32_t kPowerControl = 0x0120;  // PMMCTL0
constexpr std::uint32_t kFramControl = 0x0140;   // FRCTL0
constexpr std::uint8_t kPassword = 0xA5;         // of both

}  // namespace

bool Peripherals::read(std::uint32_t address, std::uint16_t& value) const {
  if (address - multiplier_base < Multiplier::kBytes32) {
    value = multiplier.read(address - multiplier_base);
    return true;
  }
  if (address - multiplier16_base < Multiplier::kBytes16) {
    value = multiplier16.read(address - multiplier16_base);
    return true;
  }
  if (address == Watchdog::kAddress) {
    value = watchdog.read();
    return true;
  }
  if (address == kFramControl) {
    value = static_cast<std::uint16_t>(0x9600 | (fram_waits << 4));
    return true;
  }
  return false;
}

bool Peripherals::write(std::uint32_t address, std::uint16_t value, std::uint64_t cycles) {
  if (address - multiplier_base < Multiplier::kBytes32) {
    multiplier.write(address - multiplier_base, value);
    return true;
  }
  if (address - multiplier16_base < Multiplier::kBytes16) {
    multiplier16.write(address - multiplier16_base, value);
    return true;
  }
  if (address == Watchdog::kAddress) {
    if (!watchdog.write(value, cycles)) throw DeviceReset{"watchdog written without its password"};
    if (!watchdog_runs) watchdog = {};
    return true;
  }
  if (address == kFramControl) {
    if ((value >> 8) != kPassword) throw DeviceReset{"FRAM controller written without its password"};
    fram_waits = (value >> 4) & 7;
    return true;
  }
  if (address == kPowerControl && (value >> 8) == kPassword && (value & 0x000C)) throw DeviceReset{"software reset"};
  return false;
}

bool Peripherals::write_byte(std::uint32_t address, std::uint8_t value) {
  if (address - multiplier_base < Multiplier::kBytes32) {
    multiplier.write_byte(address - multiplier_base, value);
    return true;
  }
  if (address - multiplier16_base < Multiplier::kBytes16) {
    multiplier16.write_byte(address - multiplier16_base, value);
    return true;
  }
  const std::uint32_t word = address & ~1u;
  if (word == Watchdog::kAddress) throw DeviceReset{"watchdog written without its password"};
  if (word == kFramControl) throw Fault{FaultKind::kPeripheral, address, "byte write to the FRAM controller"};
  return false;
}

}  // namespace mj::msp430
