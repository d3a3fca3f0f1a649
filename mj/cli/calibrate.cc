// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "mj/arch/architecture.h"
#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/text.h"
#include "mj/cli/command.h"
#include "mj/io/onnx.h"
#include "mj/pass/lower.h"
#include "mj/platform/measurements.h"
#include "mj/platform/platform.h"
#include "mj/platform/roofline.h"
#include "mj/twin/calibration/calibrate.h"

namespace mj::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
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

/// Of an architecture's name, or a model file beside the table.
Workload workload_measured(const Measurement& measured, const Options& options) {
  const fs::path file = fs::path(options.measurements).parent_path() / measured.model;
  const bool is_file = fs::exists(file) && fs::is_regular_file(file);
  return workload_of(simplify(is_file ? read_model(file.string())
                                      : build(parse_architecture(measured.model), measured.input.empty() ? options.input : measured.input,
                                              measured.classes > 0 ? measured.classes : options.classes, 0)));
}

struct Quantity {
  const char* name;
  const char* unit;
  std::vector<double> measured;
};

struct Fit {
  Roofline sum;
  double mean_error = 0;  ///< of models left out of the fit
  nlohmann::ordered_json json;
};

Fit print_fit(const Quantity& quantity, const std::vector<Measurement>& models,
                                 const std::vector<Workload>& workloads, bool quiet) {
  const Roofline fitted = fit_roofline(workloads, quantity.measured);
  const std::vector<double> predicted = leave_one_out(workloads, quantity.measured);
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  std::vector<std::vector<std::string>> cells;
  double sum = 0, largest = 0;
  for (std::size_t i = 0; i < models.size(); ++i) {
    const double error = predicted[i] / quantity.measured[i] - 1;
    sum += std::abs(error), largest = std::max(largest, std::abs(error));
    cells.push_back({models[i].model, fmt::format("{:.4g}", quantity.measured[i]), fmt::format("{:.4g}", fitted(workloads[i])),
                     fmt::format("{:.4g}", predicted[i]), fmt::format("{:+.2f} %", 100 * error)});
    rows.push_back({{"model", models[i].model}, {"measured", quantity.measured[i]}, {"fitted", fitted(workloads[i])},
                    {"left_out", predicted[i]}});
  }
  const double mean = sum / static_cast<double>(models.size());
  nlohmann::ordered_json terms;
  std::vector<std::vector<std::string>> coefficients;
  for (std::size_t t = 0; t < Workload::kTerms; ++t) {
    coefficients.push_back({fmt::format("per {}", Workload::kNames[t]), fmt::format("{:.4g} {}", fitted.per_term[t], quantity.unit)});
    terms[Workload::kNames[t]] = fitted.per_term[t];
  }
  if (!quiet) {
    const std::string unit = quantity.unit;
    fmt::print("{}\n", table_text(std::vector<std::string>{quantity.name, "measured, " + unit, "fitted, " + unit,
                                                            "left out, " + unit, "error left out"}, cells));
    fmt::print("mean error of a model left out of the fit {:.2f} %, largest {:.2f} %\n\n", 100 * mean, 100 * largest);
    fmt::print("{}\n", table_text(std::vector<std::string>{quantity.name, "none negative"}, coefficients));
  }
  return {fitted, mean, {{"per", terms}, {"models", rows}, {"mean_error_left_out", mean}, {"largest_error_left_out", largest}}};
}

/// Every trace with the file of the same name and `.time` behind it.
nlohmann::ordered_json print_traces(const Options& options, bool quiet) {
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

/// The file of a platform fitted to measurements of `runs` inferences each.
void write_accelerator(const Options& options, const Fit& energy, const Fit& time, std::size_t models) {
  const auto source = [&](const Fit& fit) {
    return Source{Source::Kind::kMeasured, fmt::format("{}; fitted to {} models, mean error of a model left out {:.2f} %", options.source,
                                                       models, 100 * fit.mean_error)};
  };
  const auto per_inference = [&](Roofline sum) {
    for (double& term : sum.per_term) term /= options.runs;
    return sum;
  };
  Platform platform;
  platform.name = fs::path(options.write).stem().string();
  platform.title = platform.name;
  platform.ram_bytes = {static_cast<double>(parse_bytes(options.ram)), {Source::Kind::kAssumed, "given to millijoule platform calibrate"}};
  platform.nvm_bytes = {static_cast<double>(parse_bytes(options.nvm)), platform.ram_bytes.source};
  platform.accelerator = Accelerator{per_inference(energy.sum), per_inference(time.sum), source(energy), source(time)};
  write_file(options.write, to_toml(platform));
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

/// The description with the fitted lines; code sizes stay what they are.
std::string remade(const TwinCalibration& found, const Options& options) {
  const Platform base = find_platform(options.platform);
  std::map<Kernel, CostLine> lines;
  for (const auto& [kernel, fit] : found.fits) {
    const CostLine& old = base.kernels[static_cast<std::size_t>(kernel)];
    CostLine line = fit.line;
    line.code_bytes = old.code_bytes, line.bytes_per_call = old.bytes_per_call;
    if (found.unit == "instructions") line.source.text += "; an instruction is taken for a cycle";
    lines.emplace(kernel, std::move(line));
  }
  return with_cost_lines(read_text(platform_file(options.platform)), fs::path(options.output).stem().string(), lines);
}

}  // namespace

void add_calibrate(CLI::App& group) {
  auto options = std::make_shared<Options>();
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
      const std::vector<Measurement> models = read_measurements(options->measurements);
      std::vector<Workload> workloads;
      Quantity energy{"energy", "J", {}}, time{"time", "s", {}};
      for (const Measurement& measurement : models) {
        workloads.push_back(with_context(options->measurements, [&] { return workload_measured(measurement, *options); }));
        energy.measured.push_back(measurement.energy.value);
        time.measured.push_back(measurement.time.value);
      }
      const Fit energy_fit = print_fit(energy, models, workloads, quiet);
      const Fit time_fit = print_fit(time, models, workloads, quiet);
      json["energy_j"] = energy_fit.json;
      json["time_s"] = time_fit.json;
      if (!options->write.empty()) write_accelerator(*options, energy_fit, time_fit, models.size());
    }
    if (!options->machine.empty()) {
      TerminalProgress progress;
      const TwinCalibration found = calibrate_on_twin(options->machine, options->common.seed, progress);
      json["twin"] = print_twin(found, quiet);
      if (!options->output.empty()) {
        const std::string text = remade(found, *options);
        parse_platform(text, fs::path(options->output).stem().string(), options->output);  // it is one
        write_file(options->output, text);
      }
    }
    write_json(options->common, json);
  });
}

}  // namespace mj::cli
