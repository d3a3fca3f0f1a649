// SPDX-License-Identifier: Apache-2.0
#include "mj/emit/emit.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "mj/base/text.h"
#include "mj/cli/command.h"
#include "mj/emit/nvm.h"
#include "mj/flow/deploy.h"
#include "mj/pass/plan_units.h"

namespace mj::cli {

void add_emit(CLI::App& app) {
  struct Options {
    CommonOptions common;
    ModelOptions model;
    std::string output;
    std::string name = "model";
    std::string platform;
    std::string target = "host";
    bool intermittent = false;
    std::string charge;
    std::string nvm = "fram";
  };
  auto options = std::make_shared<Options>();
  CLI::App& command = add_command(app, options->common, "emit", "an int8 network as a folder of portable C99",
                                  "millijoule emit student_int8.onnx -o firmware --name fashion --target msp430 \\\n"
                                  "      --intermittent --platform msp430fr5994 --charge '200 uJ'", false);
  options->model.add(command);
  command.add_option("-o,--output", options->output, "folder to write; replaced when it exists")->required()->type_name("DIR");
  command.add_option("--name", options->name, "C identifier that every name begins with")->type_name("NAME");
  command.add_option("--platform", options->platform, "device for the budget table of the README")->type_name("NAME");
  command.add_option("--target", options->target, "kind of device that the folder is built for: host, cortex-m, riscv or msp430")
      ->type_name("NAME")
      ->check(CLI::IsMember({"host", "cortex-m", "msp430", "riscv"}));
  CLI::Option* intermittent = command.add_flag("--intermittent", options->intermittent,
                                               "firmware that survives a power cut at any instruction; needs --platform and --charge");
  command.add_option("--charge", options->charge, "energy that one worst-case charge gives, e.g. '200 uJ'")
      ->type_name("E")
      ->needs(intermittent);
  command.add_option("--nvm", options->nvm, "non-volatile memory: fram, bytes (byte-atomic) or words (16-byte words)")
      ->type_name("KIND")
      ->needs(intermittent)
      ->check(CLI::IsMember({"fram", "bytes", "words"}));
  command.callback([options] {
    if (options->intermittent && (options->platform.empty() || options->charge.empty())) {
      throw CLI::ValidationError("--intermittent", "needs --platform and --charge: units are cut by their energy");
    }
    Graph graph = ready_to_emit(options->model.read());
    std::optional<Platform> platform;
    std::optional<Estimate> cost;
    if (!options->platform.empty()) {
      platform = find_platform(options->platform);
      if (options->intermittent) {
        const Bytes word = find_nvm(options->nvm).word_bytes;
        graph = plan_units(std::move(graph), *platform, {.charge = parse_energy(options->charge), .word_bytes = word});
      }
      cost = estimate(graph, *platform);
    }
    const EmitOptions emit_options{.name = options->name, .target = options->target, .nvm = options->nvm};
    const Firmware firmware =
        emit(graph, emit_options, platform ? &*platform : nullptr, cost ? &*cost : nullptr);
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
