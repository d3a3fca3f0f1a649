// SPDX-License-Identifier: Apache-2.0
#include "compiled.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "mj/base/error.h"
#include "mj/base/process.h"
#include "mj/ir/evaluate.h"

namespace mj {

ScratchFolder::ScratchFolder() {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  path_ = std::filesystem::path(MJ_BINARY_DIR) / "tests_run" /
          fmt::format("{}.{}.{}", test->test_suite_name(), test->name(), getpid());
  std::filesystem::remove_all(path_);
  std::filesystem::create_directories(path_);
}

ScratchFolder::~ScratchFolder() {
  if (!testing::Test::HasFailure()) {
    std::filesystem::remove_all(path_);
  }
}

void run_or_fail(const std::vector<std::string>& command, const std::filesystem::path& directory) {
  const ProcessResult result = run_process(command, {}, directory);
  if (result.exit_code != 0) {
    fail("{} ended with {}:\n{}", fmt::join(command, " "), result.exit_code, result.errors);
  }
}

bool has_program(const std::string& name) {
  return run_process({"sh", "-c", "command -v " + name}).exit_code == 0;
}

void make_for_host(const Firmware& firmware, const std::filesystem::path& folder, const std::string& cflags) {
  write_firmware(folder, firmware);
  run_or_fail({"make", "-s", "CFLAGS=" + cflags}, folder);
}

std::vector<std::byte> run_on_host(const std::filesystem::path& folder, const std::string& name,
                                   std::span<const std::byte> records, bool pixels) {
  std::vector<std::string> command{(folder / (name + "_run")).string()};
  if (pixels) {
    command.emplace_back("-u");
  }
  const ProcessResult result = run_process(command, records);
  if (result.exit_code != 0) {
    fail("{} ended with {}: {}", command[0], result.exit_code, result.errors);
  }
  return result.output;
}

std::vector<std::byte> expected_outputs(const Graph& graph, std::span<const Tensor> inputs) {
  const Evaluator evaluator(graph);
  std::vector<std::byte> bytes;
  for (const Tensor& input : inputs) {
    for (const Tensor& output : evaluator.run(input)) {
      bytes.insert(bytes.end(), output.data.begin(), output.data.end());
    }
  }
  return bytes;
}

}  // namespace mj
