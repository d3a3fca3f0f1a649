// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
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

}  // namespace

void add_calibrate(CLI::App& group) {
  auto options = std::make_shared<Options>();
  CLI::App& command = add_command(group, options->common, "calibrate", "fit an accelerator to measurements",
                                  "millijoule platform calibrate --measurements zcu102.csv --input 32,32,3 --classes 10", false);
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
  command.callback([options] {
    if (!options->write.empty() && options->measurements.empty()) throw CLI::RequiredError("--measurements");
    if (options->measurements.empty() && options->traces.empty()) {
      throw CLI::RequiredError("--measurements or --traces");
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
    write_json(options->common, json);
  });
}

}  // namespace mj::cli
