// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/msp430_board.h"

#include "mj/base/error.h"

namespace mj {
namespace {

constexpr unsigned kFirstArgument = 12;  // MSP430 EABI: R12, R13, ...

}  // namespace

Msp430Board::Msp430Board(msp430::Machine& machine)
    : machine_(machine), read_(machine.symbol("board_read")), write_(machine.symbol("board_write")) {
  machine.add_breakpoint(read_);
  machine.add_breakpoint(write_);
}

void Msp430Board::give(std::span<const std::byte> input) {
  const std::uint32_t bytes = machine_.reg(kFirstArgument + 1);
  if (bytes != input.size()) fail("the program reads {} bytes; expected the network's {}", bytes, input.size());
  machine_.write_memory(machine_.reg(kFirstArgument), input);
  machine_.set_reg(kFirstArgument, 1);
  return_to_caller();
}

void Msp430Board::give_none() {
  machine_.set_reg(kFirstArgument, 0);
  return_to_caller();
}

std::vector<std::byte> Msp430Board::take() {
  const auto bytes = machine_.memory(machine_.reg(kFirstArgument), machine_.reg(kFirstArgument + 1));
  std::vector<std::byte> output(bytes.begin(), bytes.end());
  return_to_caller();
  return output;
}

void Msp430Board::return_to_caller() {
  const std::uint32_t sp = machine_.reg(1);
  const auto word = machine_.memory(sp, 2);
  machine_.set_reg(0, std::to_integer<std::uint32_t>(word[0]) | std::to_integer<std::uint32_t>(word[1]) << 8);
  machine_.set_reg(1, sp + 2);
}

}  // namespace mj
