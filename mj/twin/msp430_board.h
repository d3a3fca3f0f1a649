// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "mj/twin/msp430/machine.h"

namespace mj {

/// The board of a program on the MSP430 core: its functions are served when the program comes to them.
class Msp430Board {
 public:
  /// Sets breakpoints at both functions. Throws `Error` for a program without them.
  explicit Msp430Board(msp430::Machine& machine);

  bool at_read() const { return machine_.pc() == read_; }
  bool at_write() const { return machine_.pc() == write_; }

  /// Answers board_read: with an input, or that there is none. Throws `Error` when the program reads another number of bytes.
  void give(std::span<const std::byte> input);
  void give_none();
  /// Answers board_write: what the program wrote.
  std::vector<std::byte> take();

 private:
  void return_to_caller();

  msp430::Machine& machine_;
  std::uint32_t read_;
  std::uint32_t write_;
};

}  // namespace mj
