// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mj::msp430 {

/// A batch of commands for GNU sim's MSP430X and what it answered; see gnu_sim_driver.c.
class GnuSim {
 public:
  using Registers = std::array<std::uint32_t, 16>;

  /// The driver that scripts/build_gnu_sim.sh made: MJ_GNU_SIM, or in the build folder.
  static std::optional<std::string> driver();

  void write(std::uint32_t address, const std::vector<std::uint16_t>& words);
  void set(unsigned reg, std::uint32_t value);
  void step() { commands_ += "s\n"; }
  void dump(std::uint32_t address, std::uint32_t bytes);
  void run();

  /// Registers after each step; nothing where it refused the instruction.
  const std::vector<std::optional<Registers>>& after_steps() const { return steps_; }
  const std::vector<std::vector<std::byte>>& dumps() const { return dumps_; }

 private:
  std::string commands_;
  std::vector<std::optional<Registers>> steps_;
  std::vector<std::vector<std::byte>> dumps_;
};

}  // namespace mj::msp430
