// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "mj/learn/learn.h"

namespace mj::cli {

/// Options of every command that trains.
struct TrainingOptions {
  TrainOptions train;
  std::string data;
  std::string output;
  std::string device = "auto";
  double validation = 1.0 / 12;
  bool resume = false;

  void add(CLI::App& command);
  /// The options as `train` takes them; the checkpoint stands beside the output and is removed first unless resumed.
  TrainOptions finished(std::uint64_t seed) const;
};

}  // namespace mj::cli
