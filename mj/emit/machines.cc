// SPDX-License-Identifier: Apache-2.0
#include "mj/emit/machines.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "mj/base/error.h"

namespace mj {

// Memory maps: MPS2 and MPS3 application notes AN386 and AN547, nRF51822 product specification, QEMU's board "virt"; RAM of
// the micro:bit is raised from 16 KB to 256 KB. MSP430FR5994: datasheet SLASE54.
const std::vector<DeviceMachine>& device_machines() {
  static const std::vector<DeviceMachine> machines{
      {"m4", "cortex-m", "Cortex-M4 (MPS2 board, AN386)", "-mcpu=cortex-m4 -mthumb -mfloat-abi=soft",
       {0x00000000, 0x400000}, {0x20000000, 0x400000}, {0x21000000, 0x1000000}},
      {"m0", "cortex-m", "Cortex-M0 (micro:bit with 256 KB of RAM)", "-mcpu=cortex-m0 -mthumb -mfloat-abi=soft",
       {0x00000000, 0x40000}, {0x20000000, 0x40000}, {}},
      {"m55", "cortex-m", "Cortex-M55 (MPS3 board, AN547)", "-mcpu=cortex-m55 -mthumb -mfloat-abi=hard",
       {0x00000000, 0x80000}, {0x20000000, 0x80000}, {}},
      {"rv32", "riscv", "RV32IMC (QEMU's board virt)", "-march=rv32imc_zicsr -mabi=ilp32 -mcmodel=medany",
       {0x80000000, 0x400000}, {0x80800000, 0x400000}, {}},
      {"msp430fr5994", "msp430", "TI MSP430FR5994", "", {0x4000, 0xBF80}, {0x1C00, 0x2000}, {0x10000, 0x34000}},
  };
  return machines;
}

const DeviceMachine& find_machine(std::string_view name) {
  const auto found = std::ranges::find(device_machines(), name, &DeviceMachine::name);
  if (found == device_machines().end()) {
    std::vector<std::string> names;
    for (const DeviceMachine& machine : device_machines()) names.push_back(machine.name);
    fail("unknown machine '{}'; expected one of {}", name, fmt::join(names, ", "));
  }
  return *found;
}

const DeviceMachine& default_machine(std::string_view target) {
  const auto found = std::ranges::find(device_machines(), target, &DeviceMachine::target);
  MJ_CHECK(found != device_machines().end());
  return *found;
}

void check_target(std::string_view name) {
  static constexpr std::array<std::string_view, 4> kTargets{"host", "cortex-m", "riscv", "msp430"};
  if (std::ranges::find(kTargets, name) == kTargets.end()) {
    fail("unknown target '{}'; expected one of {}", name, fmt::join(kTargets, ", "));
  }
}

}  // namespace mj
