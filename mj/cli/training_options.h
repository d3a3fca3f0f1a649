// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

#include <filesystem>
#include <string>

#include "mj/learn/learn.h"

namespace mj::cli {

/// Options of every command that trains.
struct TrainingOptions {
  TrainOptions train;
  std::string data;
  std::string output;
  std::string device = "auto";
  std::string precision = "float32";
  double validation = 1.0 / 12;
  bool resume = false;

  void add(CLI::App& command);
  /// The folder of checkpoints beside the output.
  std::filesystem::path work() const { return output + ".work"; }
  /// The options as `train` takes them; unless resumed, checkpoints of an earlier run are removed.
  TrainOptions finished(std::uint64_t seed) const;
};

}  // namespace mj::cli
