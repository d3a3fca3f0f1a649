// SPDX-License-Identifier: Apache-2.0
#include "mj/cli/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/parallel.h"
#include "mj/io/onnx.h"

namespace mj::cli {

CLI::App& add_command(CLI::App& app, CommonOptions& options, const std::string& name, const std::string& summary,
                      const std::string& example, bool seeded) {
  CLI::App* command = app.add_subcommand(name, summary);
  command->footer("Example:\n  " + example);
  command->add_option("--json", options.json, "write the results as JSON to FILE, '-' for standard output")
      ->type_name("FILE");
  command->add_option("--threads", options.threads, "threads to use; 0 is one per core")
      ->type_name("N")
      ->check(CLI::Range(0, 1024));
  if (seeded) command->add_option("--seed", options.seed, "what chance starts from")->type_name("N");
  command->parse_complete_callback([&options] { set_threads(options.threads); });
  return *command;
}

bool json_on_stdout(const CommonOptions& options) { return options.json == "-"; }

void write_json(const CommonOptions& options, const nlohmann::ordered_json& json) {
  if (options.json.empty()) return;
  const std::string text = json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  if (json_on_stdout(options)) {
    fmt::print("{}", text);
  } else {
    write_file(options.json, text);
  }
}

void ModelOptions::add(CLI::App& command) {
  command.add_option("MODEL", path, "an ONNX or TFLite file")->required()->type_name("");
  add_preprocessing(command);
}

void ModelOptions::add_preprocessing(CLI::App& command) {
  command.add_option("--scale", scale, "what a pixel is multiplied by, e.g. 0.00392157 for 1/255")->type_name("X");
  command.add_option("--mean", mean, "subtracted per channel after scaling")->type_name("X")->delimiter(',');
  command.add_option("--std", std, "divided by per channel")->type_name("X")->delimiter(',');
}

Graph ModelOptions::read() const {
  Graph graph = read_model(path);
  const Shape& shape = graph.type(graph.inputs[0]).shape;
  const std::int64_t channels = shape.empty() ? 1 : shape.back();
  const auto check = [&](const char* option, const std::vector<float>& values) {
    if (values.size() != 1 && static_cast<std::int64_t>(values.size()) != channels) {
      fail("{}: {} values; expected 1 or {}, the channels of the input", option, values.size(), channels);
    }
  };
  if (scale) graph.preprocess.scale = *scale;
  if (!mean.empty()) check("--mean", mean), graph.preprocess.mean = mean;
  if (!std.empty()) {
    check("--std", std);
    if (std::any_of(std.begin(), std.end(), [](float x) { return !(x > 0); }))
      fail("--std: expected values above zero");
    graph.preprocess.std = std;
  }
  return graph;
}

void add_rounding(CLI::App& command, Rounding& rounding) {
  command
      .add_option_function<std::string>(
          "--rounding",
          [&rounding](const std::string& name) { rounding = name == "single" ? Rounding::kSingle : Rounding::kDouble; },
          "how int8 layers round: double (TFLite's default, and emitted code) or single (docs/int8.md)")
      ->check(CLI::IsMember({"double", "single"}))
      ->type_name("HOW")
      ->default_str("double");
}

}  // namespace mj::cli
