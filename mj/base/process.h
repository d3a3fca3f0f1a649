// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace mj {

/// What a finished program left behind.
struct ProcessResult {
  int exit_code = 0;  ///< 128 + signal when a signal ended it
  std::vector<std::byte> output;
  std::string errors;  ///< what it wrote to its standard error
};

/// The beginning of what a program wrote, for messages.
inline std::string excerpt(const std::string& text) { return text.substr(0, 600); }

/// Runs a program (found in PATH) with arguments, in `directory` when that is not empty, feeding `input` to its standard
/// input. No shell is involved. Throws `Error` when the program cannot be started: `make: not found; ...`.
ProcessResult run_process(const std::vector<std::string>& command, std::span<const std::byte> input = {},
                          const std::filesystem::path& directory = {});

}  // namespace mj
