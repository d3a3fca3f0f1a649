// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mj {

/// A device that firmware is linked for, and that the twin emulates.
struct DeviceMachine {
  std::string name;    ///< "m4"
  std::string target;  ///< family: cortex-m, riscv or msp430
  std::string title;
  std::string flags;   ///< of the compiler
  struct Memory {
    std::uint32_t first = 0;
    std::uint32_t bytes = 0;
  };
  Memory rom;
  Memory ram;
  Memory nvm;  ///< writable and kept without power; empty: it lies in RAM
};

/// m0, m4, m55, rv32 and msp430fr5994.
const std::vector<DeviceMachine>& device_machines();

/// Throws `Error` listing the known names.
const DeviceMachine& find_machine(std::string_view name);

/// The machine that `make` links for unless told: the family's usual one.
const DeviceMachine& default_machine(std::string_view target);

/// Throws `Error` unless the name is host, cortex-m, riscv or msp430.
void check_target(std::string_view name);

}  // namespace mj
