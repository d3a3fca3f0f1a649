// SPDX-License-Identifier: Apache-2.0
#include "mj/emit/emit.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "mj/base/text.h"
#include "mj/cli/command.h"
#include "mj/flow/deploy.h"

namespace mj::cli {

void add_emit(CLI::App& app) {
  struct Options {
    CommonOptions common;
    ModelOptions model;
    std::string output;
    std::string name = "model";
    std::string platform;
  };
  auto options = std::make_shared<Options>();
  CLI::App& command = add_command(app, options->common, "emit", "an int8 network as a folder of portable C99",
                                  "millijoule emit student_int8.onnx -o firmware --name fashion --platform msp430fr5994", false);
  options->model.add(command);
  command.add_option("-o,--output", options->output, "folder to write; replaced when it exists")->required()->type_name("DIR");
  command.add_option("--name", options->name, "C identifier that every name begins with")->type_name("NAME");
  command.add_option("--platform", options->platform, "device for the budget table of the README")->type_name("NAME");
  command.callback([options] {
    const Graph graph = ready_to_emit(options->model.read());
    std::optional<Platform> platform;
    std::optional<Estimate> cost;
    if (!options->platform.empty()) {
      platform = find_platform(options->platform);
      cost = estimate(graph, *platform);
    }
    const Firmware firmware =
        emit(graph, {.name = options->name}, platform ? &*platform : nullptr, cost ? &*cost : nullptr);
    write_firmware(options->output, firmware);
    nlohmann::ordered_json files = nlohmann::ordered_json::array();
    for (const auto& [file, text] : firmware) files.push_back(file);
    if (!json_on_stdout(options->common)) {
      fmt::print("{} files in {}; state of {}\n", firmware.size(), options->output, bytes_text(state_bytes(graph)));
    }
    write_json(options->common, {{"schema", 1}, {"directory", options->output}, {"files", files}, {"state_bytes", state_bytes(graph)}});
  });
}

}  // namespace mj::cli
