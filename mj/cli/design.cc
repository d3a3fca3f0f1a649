// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/design.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "mj/base/file.h"
#include "mj/cli/command.h"
#include "mj/report/report.h"

namespace mj::cli {

void add_design(CLI::App& app) {
  struct Options {
    CommonOptions common;
    std::string spec;
    std::string output;
    std::string device = "auto";
    bool resume = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App& command = add_command(app, options->common, "design", "the whole job: from a spec to firmware and a report",
                                  "millijoule design examples/fashion-msp430/spec.toml -o out/fashion", false);
  command.add_option("SPEC", options->spec, "what to design (TOML; docs/spec.md)")->required()->type_name("");
  command.add_option("-o,--output", options->output, "folder for the results, instead of the spec's")->type_name("DIR");
  command.add_option("--device", options->device, "where to train: auto, cpu or cuda")->type_name("NAME");
  command.add_flag("--resume", options->resume, "continue an interrupted design from its checkpoints");
  command.callback([options] {
    TerminalProgress progress;
    Spec spec = read_spec(options->spec);
    if (!options->output.empty()) spec.output = options->output;
    const DesignResult result = design(spec, {.resume = options->resume, .device = parse_device(options->device)}, progress);
    const std::string json = report_json(result);
    write_file(spec.output / "report.json", json);
    write_file(spec.output / "run.json", run_json(result));
    write_file(spec.output / "report.html", report_html(result));
    if (!json_on_stdout(options->common)) fmt::print("{}", summary_text(result));
    write_json(options->common, nlohmann::ordered_json::parse(json));
  });
}

}  // namespace mj::cli
