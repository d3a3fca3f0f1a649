// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "mj/base/file.h"
#include "mj/base/npy.h"
#include "mj/base/process.h"
#include "mj/base/random.h"

namespace mj {

/// A folder that goes away with the test.
class ScratchFolder {
 public:
  ScratchFolder() : path_(std::filesystem::path(testing::TempDir()) / ("millijoule-" + std::to_string(::getpid()) + "-" + unique())) {
    std::filesystem::create_directories(path_);
  }
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  static std::string unique() {
    static int count = 0;
    return std::to_string(count++);
  }
  std::filesystem::path path_;
};

struct Ran {
  int exit_code = 0;
  std::string output;
  std::string errors;
};

/// Runs `millijoule` with these arguments.
inline Ran millijoule(std::vector<std::string> arguments, const std::filesystem::path& directory = {}) {
  arguments.insert(arguments.begin(), MJ_PROGRAM);
  const ProcessResult result = run_process(arguments, {}, directory);
  return {result.exit_code, {reinterpret_cast<const char*>(result.output.data()), result.output.size()}, result.errors};
}

/// Every file below a folder with its content.
inline std::map<std::string, std::vector<std::byte>> files_below(const std::filesystem::path& folder) {
  std::map<std::string, std::vector<std::byte>> files;
  if (!std::filesystem::exists(folder)) return files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files[std::filesystem::relative(entry.path(), folder).string()] = read_file(entry.path());
  }
  return files;
}

/// A small data set that can be learned: a bright bar at one of three heights, on noise; 12x12 grey pixels.
inline void write_bars(const std::filesystem::path& folder, std::int64_t train, std::int64_t test) {
  const auto half = [&](std::int64_t n, const std::string& name, std::uint64_t key) {
    NpyArray x{NpyType::kU8, {n, 12, 12, 1}, {}}, y{NpyType::kU8, {n}, {}};
    for (std::int64_t i = 0; i < n; ++i) {
      RandomStream random(key, static_cast<std::uint64_t>(i));
      const std::int64_t label = i % 3;
      const std::int64_t row = 1 + 4 * label + static_cast<std::int64_t>(random.below(2));
      for (std::int64_t p = 0; p < 144; ++p) {
        x.data.push_back(static_cast<std::byte>(random.below(90) + (p / 12 == row ? 120 : 0)));
      }
      y.data.push_back(static_cast<std::byte>(label));
    }
    write_npy(folder / ("x_" + name + ".npy"), x);
    write_npy(folder / ("y_" + name + ".npy"), y);
  };
  half(train, "train", 1);
  half(test, "test", 2);
}

}  // namespace mj
