// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/text.h"
#include "mj/cli/command.h"
#include "mj/flow/calibrate_job.h"
#include "mj/platform/platform.h"

namespace mj::cli {
namespace {

namespace fs = std::filesystem;

struct CalibrateArguments {
  CommonOptions common;
  std::string measurements;
  std::vector<std::string> traces;
  std::vector<std::string> rails = {"PS mW", "PL mW"};
  std::vector<std::int64_t> input = {32, 32, 3};
  std::int64_t classes = 10;
  std::string write;
  double runs = 1;
  std::string ram = "4GiB", nvm = "4GiB", source;
  std::string machine;   ///< of --from-twin
  std::string platform;
  std::string output;
};

nlohmann::ordered_json print_fit(const char* name, const char* unit, const std::vector<Measurement>& models, const MeasuredFit& fit, bool quiet) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  std::vector<std::vector<std::string>> cells;
  for (std::size_t i = 0; i < models.size(); ++i) {
    cells.push_back({models[i].model, fmt::format("{:.4g}", fit.measured[i]), fmt::format("{:.4g}", fit.fitted[i]),
                     fmt::format("{:.4g}", fit.left_out[i]), fmt::format("{:+.2f} %", 100 * (fit.left_out[i] / fit.measured[i] - 1))});
    rows.push_back({{"model", models[i].model}, {"measured", fit.measured[i]}, {"fitted", fit.fitted[i]}, {"left_out", fit.left_out[i]}});
  }
  nlohmann::ordered_json terms;
  std::vector<std::vector<std::string>> coefficients;
  for (std::size_t t = 0; t < Workload::kTerms; ++t) {
    coefficients.push_back({fmt::format("per {}", Workload::kNames[t]), fmt::format("{:.4g} {}", fit.sum.per_term[t], unit)});
    terms[Workload::kNames[t]] = fit.sum.per_term[t];
  }
  if (!quiet) {
    const std::string in = fmt::format(", {}", unit);
    fmt::print("{}\n", table_text(std::vector<std::string>{name, "measured" + in, "fitted" + in, "left out" + in, "error left out"}, cells));
    fmt::print("mean error of a model left out of the fit {:.2f} %, largest {:.2f} %\n\n", 100 * fit.mean_error, 100 * fit.largest_error);
    fmt::print("{}\n", table_text(std::vector<std::string>{name, "none negative"}, coefficients));
  }
  return {{"per", terms}, {"models", rows}, {"mean_error_left_out", fit.mean_error}, {"largest_error_left_out", fit.largest_error}};
}

/// Every trace with the file of the same name and `.time` behind it.
nlohmann::ordered_json print_traces(const CalibrateArguments& options, bool quiet) {
  nlohmann::ordered_json runs = nlohmann::ordered_json::array();
  std::vector<std::vector<std::string>> rows;
  for (const std::string& trace : options.traces) {
    const PowerRun run =
        integrate_power(read_text(trace), trace, read_text(trace + ".time"), trace + ".time", options.rails);
    const std::string name = fs::path(trace).stem().string();
    rows.push_back({name, fmt::format("{:.4f} J", run.energy.value), fmt::format("{:.4f} s", run.time.value), fmt::format("{:.3f} W", run.energy.value / run.time.value),
                    std::to_string(run.samples)});
    runs.push_back({{"trace", name}, {"energy_j", run.energy.value}, {"time_s", run.time.value}, {"samples", run.samples}});
  }
  if (!quiet) fmt::print("{}\n", table_text(std::vector<std::string>{"trace", "energy", "time", "power", "samples"}, rows));
  return runs;
}

struct Errors {
  double mean = 0, largest = 0;
};
Errors errors_of(const std::vector<KernelRun>& runs, const std::vector<double>& predicted) {
  Errors errors;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const double error = std::abs(predicted[i] / runs[i].cycles - 1);
    errors.mean += error / static_cast<double>(runs.size());
    errors.largest = std::max(errors.largest, error);
  }
  return errors;
}

nlohmann::ordered_json layers_json(const std::vector<KernelRun>& runs, const CostFit& fit) {
  nlohmann::ordered_json layers = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Cost& cost = runs[i].cost;
    layers.push_back({{"layer", runs[i].layer}, {"macs", cost.macs}, {"outputs", cost.outputs}, {"symbols", cost.symbols}, {"gathered", cost.gathered},
                      {"runs", cost.runs}, {"windows", cost.windows}, {"measured", runs[i].cycles}, {"fitted", fit.fitted[i]}, {"left_out", fit.left_out[i]}});
  }
  return layers;
}

nlohmann::ordered_json print_twin(const TwinCalibration& found, bool quiet) {
  std::vector<std::vector<std::string>> rows;
  nlohmann::ordered_json kernels;
  for (const auto& [kernel, fit] : found.fits) {
    const auto& runs = found.runs.at(kernel);
    const Errors errors = errors_of(runs, fit.left_out);
    const CostLine& line = fit.line;
    const std::pair<const char*, double> terms[] = {{"per_call", line.per_call}, {"per_mac", line.per_mac}, {"per_output", line.per_output},
                                                    {"per_weight_byte", line.per_weight_byte}, {"per_symbol", line.per_symbol},
                                                    {"per_gathered", line.per_gathered}, {"per_run", line.per_run},
                                                    {"per_window", line.per_window}};
    std::vector<std::string> row{kernel_name(kernel), std::to_string(runs.size())};
    nlohmann::ordered_json entry;
    for (const auto& [name, value] : terms) {
      row.push_back(value > 0 ? fmt::format("{:.4g}", value) : "-");
      entry[name] = value;
    }
    row.push_back(fmt::format("{:.2f} %", 100 * errors.mean));
    row.push_back(fmt::format("{:.2f} %", 100 * errors.largest));
    rows.push_back(std::move(row));
    entry["mean_error_left_out"] = errors.mean;
    entry["largest_error_left_out"] = errors.largest;
    entry["layers"] = layers_json(runs, fit);
    kernels[kernel_name(kernel)] = std::move(entry);
  }
  if (!quiet) {
    fmt::print("{} networks on the emulated {}, {}\n\n{}\n", found.networks, found.title, found.unit,
               table_text(std::vector<std::string>{"kernel", "layers", "call", "MAC", "output", "weight byte", "symbol", "gathered", "run", "window",
                                                   "mean error left out", "largest"}, rows));
  }
  return {{"machine", found.machine}, {"unit", found.unit}, {"networks", found.networks}, {"kernels", kernels}};
}

}  // namespace

void add_calibrate(CLI::App& group) {
  auto options = std::make_shared<CalibrateArguments>();
  CLI::App& command = add_command(group, options->common, "calibrate", "fit an accelerator to measurements, or a microcontroller to emulated runs",
                                  "millijoule platform calibrate --measurements zcu102.csv --input 32,32,3 --classes 10\n"
                                  "  millijoule platform calibrate --from-twin msp430fr5994 --platform msp430fr5994 -o mine.toml", true);
  command.add_option("--measurements", options->measurements, "table with columns model, energy_UNIT and time_UNIT (docs/energy.md)")
      ->type_name("CSV");
  command.add_option("--traces", options->traces, "power traces, each with its start and end in FILE.time")->type_name("FILE");
  command.add_option("--rails", options->rails, "columns of the traces that are summed, in mW")->type_name("NAME");
  command.add_option("--input", options->input, "height,width,channels for models given as architectures")->delimiter(',')->expected(3)->type_name("H,W,C");
  command.add_option("--classes", options->classes, "classes for models given as architectures")->type_name("N")->check(CLI::Range(2, 100000));
  CLI::Option* write = command.add_option("--write", options->write, "file for the description of the accelerator, a platform from then on")->type_name("NAME.toml");
  command.add_option("--runs", options->runs, "inferences that each measured energy and time stand for")->type_name("N")->check(CLI::PositiveNumber)->needs(write);
  command.add_option("--ram", options->ram, "its memory for activations")->type_name("BYTES")->needs(write);
  command.add_option("--nvm", options->nvm, "its memory for weights")->type_name("BYTES")->needs(write);
  CLI::Option* source = command.add_option("--source", options->source, "who measured it, and how; stands in the description")->type_name("TEXT")->needs(write);
  write->needs(source);
  CLI::Option* twin = command.add_option("--from-twin", options->machine, "emulated machine that kernels are run on: m0, m4, m55, rv32 or msp430fr5994")
                          ->type_name("MACHINE");
  CLI::Option* base = command.add_option("--platform", options->platform, "with --from-twin: the description that gets the cost lines")->type_name("NAME")->needs(twin);
  command.add_option("-o,--output", options->output, "file to write it to")->type_name("TOML")->needs(base);
  base->needs("--output");
  command.callback([options] {
    if (!options->write.empty() && options->measurements.empty()) throw CLI::RequiredError("--measurements");
    if (options->measurements.empty() && options->traces.empty() && options->machine.empty()) {
      throw CLI::RequiredError("--measurements, --traces or --from-twin");
    }
    if (!options->output.empty() && !options->output.ends_with(".toml")) {
      throw CLI::ValidationError("--output", "'" + options->output + "' is no .toml");
    }
    const bool quiet = json_on_stdout(options->common);
    nlohmann::ordered_json json = {{"schema", 1}};
    if (!options->traces.empty()) json["traces"] = print_traces(*options, quiet);
    if (!options->measurements.empty()) {
      const AcceleratorFit fit = fit_accelerator(options->measurements, options->input, options->classes);
      json["energy_j"] = print_fit("energy", "J", fit.models, fit.energy, quiet);
      json["time_s"] = print_fit("time", "s", fit.models, fit.time, quiet);
      if (!options->write.empty()) {
        const AcceleratorFacts facts{fs::path(options->write).stem().string(), options->source, options->runs, parse_bytes(options->ram),
                                     parse_bytes(options->nvm)};
        write_file(options->write, to_toml(accelerator_platform(fit, facts)));
      }
    }
    if (!options->machine.empty()) {
      TerminalProgress progress;
      const TwinCalibration found = calibrate_on_twin(options->machine, options->common.seed, progress);
      json["twin"] = print_twin(found, quiet);
      if (!options->output.empty()) {
        const std::string name = fs::path(options->output).stem().string();
        const std::string text = with_twin_lines(found, options->platform, name);
        parse_platform(text, name, options->output);  // it is one
        write_file(options->output, text);
      }
    }
    write_json(options->common, json);
  });
}

}  // namespace mj::cli
