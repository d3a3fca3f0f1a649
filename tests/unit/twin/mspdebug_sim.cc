// SPDX-License-Identifier: Apache-2.0
#include "mspdebug_sim.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/process.h"

namespace mj::msp430 {
namespace {

/// "( PC: 04000)" in a line of `step`.
void read_registers(std::string_view line, MspdebugSim::Registers& registers) {
  static constexpr std::string_view kNames[] = {"PC:", "SP:", "SR:", "R3:",  "R4:",  "R5:",  "R6:",  "R7:",
                                                "R8:", "R9:", "R10:", "R11:", "R12:", "R13:", "R14:", "R15:"};
  for (std::size_t i = 0; i < 16; ++i) {
    for (std::size_t at = line.find(kNames[i]); at != std::string_view::npos; at = line.find(kNames[i], at + 1)) {
      registers[i] = static_cast<std::uint32_t>(std::strtoul(std::string(line.substr(at + kNames[i].size(), 7)).c_str(), nullptr, 16));
      break;
    }
  }
}

}  // namespace

bool MspdebugSim::available() {
  try {
    return run_process({"mspdebug", "--version"}).exit_code == 0;
  } catch (const Error&) {
    return false;
  }
}

void MspdebugSim::write(std::uint32_t address, const std::vector<std::uint16_t>& words) {
  std::string text = fmt::format("mw {:#x}", address);
  for (const std::uint16_t word : words) text += fmt::format(" {:#x} {:#x}", word & 0xFF, word >> 8);
  command(text);
}

void MspdebugSim::set(unsigned reg, std::uint32_t value) { command(fmt::format("set r{} {:#x}", reg, value)); }

void MspdebugSim::dump(std::uint32_t address, std::uint32_t bytes) { command(fmt::format("md {:#x} {:#x}", address, bytes)); }

void MspdebugSim::run(const std::string& program, const std::string& driver) {
  static int batch = 0;
  const auto path = std::filesystem::temp_directory_path() / fmt::format("mj_mspdebug_{}_{}.txt", ::getpid(), batch++);
  write_file(path, commands_);
  const ProcessResult result = run_process({program, "-n", "-q", driver, "read " + path.string()});
  std::filesystem::remove(path);
  error_ = result.exit_code == 0 ? "" : result.errors.empty() ? "mspdebug failed" : result.errors;
  output_.assign(reinterpret_cast<const char*>(result.output.data()), result.output.size());
  std::istringstream lines(output_);
  std::string line;
  std::string command;
  std::size_t in_command = 0;
  while (std::getline(lines, line)) {
    if (line.starts_with("=> ")) {
      command = line.substr(3);
      in_command = 0;
      if (command == "step") steps_.emplace_back();
      if (command.starts_with("md ")) dumps_.emplace_back();
      continue;
    }
    if (command == "step" && in_command++ < 4) read_registers(line, steps_.back());
    if (command.starts_with("md ")) {
      // "    04000: 34 50 11 11 ff ff ff ff   |...|"
      const std::size_t colon = line.find(": ");
      if (colon == std::string::npos) continue;
      for (std::size_t at = colon + 2; at + 2 <= line.size() && std::isxdigit(static_cast<unsigned char>(line[at])); at += 3) {
        dumps_.back().push_back(static_cast<std::byte>(std::stoul(line.substr(at, 2), nullptr, 16)));
      }
    }
  }
}

}  // namespace mj::msp430
