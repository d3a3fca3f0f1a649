// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "mj/emit/emit.h"

namespace mj {

/// What a program for a device is made of, beside the network's own files.
struct DeviceProgram {
  std::string name;              ///< prefix of everything
  std::string macro;             ///< the same in capitals
  std::size_t outputs = 1;
  bool intermittent = false;
};

/// Turns a folder for the host into one for a family of devices: main.c, board, start-up code, linker scripts and a
/// Makefile that links for one of the family's machines. `target` is cortex-m, riscv or msp430.
void package_for_device(Firmware& firmware, const DeviceProgram& program, const std::string& target);

}  // namespace mj
