// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "mj/base/progress.h"
#include "mj/ir/graph.h"
#include "mj/ir/requantize.h"

namespace mj::cli {

/// What every command takes.
struct CommonOptions {
  std::string json;          ///< file for machine-readable results, "-" for standard output
  int threads = 0;           ///< 0: one per core
  std::uint64_t seed = 1;
};

/// Adds a subcommand with the common options; `example` closes its help. `--seed` only where chance plays a part.
CLI::App& add_command(CLI::App& app, CommonOptions& options, const std::string& name, const std::string& summary,
                      const std::string& example, bool seeded);

/// Writes the results where --json says; nothing when it was not given. With "-" the tables are not printed.
void write_json(const CommonOptions& options, const nlohmann::ordered_json& json);
bool json_on_stdout(const CommonOptions& options);

/// A model argument with what belongs to its input: --mean, --std and --scale replace what the file says.
struct ModelOptions {
  std::string path;
  std::vector<float> mean;
  std::vector<float> std;
  std::optional<float> scale;

  void add(CLI::App& command);
  /// Only what belongs to the input; `path` is another option's.
  void add_preprocessing(CLI::App& command);
  Graph read() const;
};

/// Adds --rounding: how int8 layers round their accumulators.
void add_rounding(CLI::App& command, Rounding& rounding);

// One per file of this folder.
void add_compress(CLI::App& app);
void add_design(CLI::App& app);
void add_distil(CLI::App& app);
void add_emit(CLI::App& app);
void add_eval(CLI::App& app);
void add_exits(CLI::App& app);
void add_inspect(CLI::App& app);
void add_platform(CLI::App& app);
void add_powercut(CLI::App& app);
void add_profile(CLI::App& app);
void add_quantize(CLI::App& app);
void add_run(CLI::App& app);
void add_simulate(CLI::App& app);
void add_size(CLI::App& app);
void add_students(CLI::App& app);
void add_train(CLI::App& app);
void add_twin(CLI::App& app);

}  // namespace mj::cli
