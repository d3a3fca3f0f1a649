// SPDX-License-Identifier: Apache-2.0
#include "gnu_sim.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "mj/base/error.h"
#include "mj/base/process.h"

namespace mj::msp430 {

std::optional<std::string> GnuSim::driver() {
  const char* given = std::getenv("MJ_GNU_SIM");
  const std::filesystem::path path = given ? given : std::string(MJ_BINARY_DIR) + "/gnu-sim/msp430_driver";
  return std::filesystem::exists(path) ? std::optional(path.string()) : std::nullopt;
}

void GnuSim::write(std::uint32_t address, const std::vector<std::uint16_t>& words) {
  commands_ += fmt::format("m {:x}", address);
  for (const std::uint16_t word : words) commands_ += fmt::format(" {:x} {:x}", word & 0xFF, word >> 8);
  commands_ += '\n';
}

void GnuSim::set(unsigned reg, std::uint32_t value) { commands_ += fmt::format("r {:x} {:x}\n", reg, value); }

void GnuSim::dump(std::uint32_t address, std::uint32_t bytes) { commands_ += fmt::format("d {:x} {:x}\n", address, bytes); }

void GnuSim::run() {
  const ProcessResult result = run_process({*driver()}, std::as_bytes(std::span(commands_)));
  std::istringstream answers(std::string(reinterpret_cast<const char*>(result.output.data()), result.output.size()));
  std::istringstream commands(commands_);
  std::string command, line;
  while (std::getline(commands, command)) {
    if (command[0] != 's' && command[0] != 'd') continue;
    if (result.exit_code != 0 && answers.peek() == std::istringstream::traits_type::eof()) {
      if (command[0] == 's') steps_.emplace_back();  // it ended itself
      continue;
    }
    // What the simulator itself complains about stands between the answers.
    while (std::getline(answers, line) && line.find_first_not_of("0123456789abcdef ") != std::string::npos &&
           !line.starts_with("fault")) {
    }
    if (command[0] == 's') {
      if (line.starts_with("fault")) {
        steps_.emplace_back();
        continue;
      }
      Registers registers{};
      std::istringstream words(line);
      for (std::uint32_t& reg : registers) words >> std::hex >> reg;
      steps_.emplace_back(registers);
    } else {
      auto& bytes = dumps_.emplace_back();
      for (std::size_t i = 0; i + 1 < line.size(); i += 2) {
        bytes.push_back(static_cast<std::byte>(std::stoul(line.substr(i, 2), nullptr, 16)));
      }
    }
  }
}

}  // namespace mj::msp430
