// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "mj/emit/emit.h"
#include "mj/ir/tensor.h"

namespace mj {

/// A fresh folder for one test below the build folder, removed when it goes out of scope (unless the test failed).
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Writes the firmware to `folder` and makes it for the host with its own Makefile; throws `Error` with what the compiler
/// said.
void make_for_host(const Firmware& firmware, const std::filesystem::path& folder, const std::string& cflags);

/// What the made program writes for these records.
std::vector<std::byte> run_on_host(const std::filesystem::path& folder, const std::string& name,
                                   std::span<const std::byte> records, bool pixels = false);

/// The outputs of the evaluator, one after the other, as the program writes them.
std::vector<std::byte> expected_outputs(const Graph& graph, std::span<const Tensor> inputs);

/// Runs a command and throws `Error` with all it wrote when it fails.
void run_or_fail(const std::vector<std::string>& command, const std::filesystem::path& directory = {});

/// Whether a program is in PATH.
bool has_program(const std::string& name);

}  // namespace mj
