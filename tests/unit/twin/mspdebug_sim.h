// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace mj::msp430 {

/// A batch of commands for `mspdebug sim`, Debian's simulator of the classic MSP430, and what it answered.
class MspdebugSim {
 public:
  using Registers = std::array<std::uint32_t, 16>;

  static bool available();

  void command(const std::string& text) { commands_ += text + "\n"; }
  void write(std::uint32_t address, const std::vector<std::uint16_t>& words);
  void set(unsigned reg, std::uint32_t value);
  void step() { command("step"); }
  void dump(std::uint32_t address, std::uint32_t bytes);

  /// Runs all commands. `driver` "sim", program `mspdebug` unless another is named.
  void run(const std::string& program = "mspdebug", const std::string& driver = "sim");

  const std::vector<Registers>& after_steps() const { return steps_; }
  const std::vector<std::vector<std::byte>>& dumps() const { return dumps_; }
  const std::string& output() const { return output_; }
  /// What it complained about where it stopped before the end; empty when it did not.
  const std::string& error() const { return error_; }

 private:
  std::string commands_ = "simio add hwmult mul\n";
  std::vector<Registers> steps_;
  std::vector<std::vector<std::byte>> dumps_;
  std::string output_;
  std::string error_;
};

}  // namespace mj::msp430
