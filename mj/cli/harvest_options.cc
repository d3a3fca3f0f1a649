// SPDX-License-Identifier: Apache-2.0
#include "mj/cli/harvest_options.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/units.h"
#include "mj/io/onnx.h"

namespace mj::cli {

void HarvestOptions::add(CLI::App& command) {
  command.add_option("--trace", trace, "a file of samples, or constant:2mW, square:2mW,period=2s,duty=0.3, markov:2mW,on=5s,off=10s, diurnal:5mW,clouds=0.5")
      ->required()->type_name("FILE");
  command.add_option("--trace-unit", trace_unit, "unit of the samples: V, mW, dBm, mA, ...; else as the header says")->type_name("UNIT");
  command.add_option("--time-unit", time_unit, "unit of the times: s, ms, us; else as the header says")->type_name("UNIT");
  command.add_option("--trace-step", trace_step, "every row is one step of this length, whatever its time says")->type_name("TIME");
  command.add_option("--source-resistance", source_resistance, "in series with a trace of voltages, e.g. 30kohm")->type_name("R");
  command.add_option("--source-voltage", source_voltage, "at which a trace of currents is delivered, e.g. 3V")->type_name("V");
  command.add_option("--harvester", harvester, "power stage: a name of harvesters/, or a description's file")->capture_default_str()->type_name("NAME");
  command.add_option("--capacitor-type", capacitor_type, "ceramic, tantalum, supercapacitor or a file; else the smallest sold in that size")->type_name("NAME");
  command.add_option("--turn-on", turn_on, "threshold that replaces the harvester's")->type_name("V");
  command.add_option("--turn-off", turn_off, "threshold that replaces the harvester's")->type_name("V");
  command.add_option("--full", full, "where charging stops, instead of the harvester's")->type_name("V");
  command.add_option("--start-voltage", start_voltage, "on the capacitor at the start; else 0")->type_name("V");
  auto* every = command.add_option("--period", period, "an input arrives every so often, e.g. 10s")->type_name("TIME");
  command.add_flag("--back-to-back", back_to_back, "inferences follow each other (the default)")->excludes(every);
  command.add_option("--duration", duration, "the trace is repeated or cut to this; else it runs once")->type_name("TIME");
  command.add_option("--reserve", reserve, "stored energy that the policies keep back; else a tenth")->type_name("E");
  command.add_option("--horizon", horizon, "over which confidence-energy spends the store; else 6 h")->type_name("TIME");
}

HarvestScene HarvestOptions::scene(std::uint64_t seed) const {
  HarvestScene scene;
  scene.trace = trace;
  scene.trace_options = {.unit = trace_unit, .time_unit = time_unit, .step_s = {}};
  const auto positive = [](const std::string& text, const char* option) {
    const double seconds = parse_time(text).value;
    if (!(seconds > 0)) fail("{}: '{}' is no time; expected more than 0", option, text);
    return seconds;
  };
  if (!trace_step.empty()) scene.trace_options.step_s = positive(trace_step, "--trace-step");
  if (!source_resistance.empty()) scene.source.resistance_ohm = parse_resistance(source_resistance);
  if (!source_voltage.empty()) scene.source.voltage_v = parse_voltage(source_voltage);
  scene.harvester = find_harvester(harvester);
  if (!turn_on.empty()) scene.harvester.turn_on_v.value = parse_voltage(turn_on);
  if (!turn_off.empty()) {
    scene.harvester.turn_off_v.value = parse_voltage(turn_off);
    scene.harvester.brown_out_v.value = std::min(scene.harvester.brown_out_v.value, scene.harvester.turn_off_v.value);
  }
  if (!full.empty()) scene.harvester.full_v.value = parse_voltage(full);
  check_thresholds(scene.harvester);
  if (!start_voltage.empty()) scene.options.start_v = parse_voltage(start_voltage);
  if (!period.empty()) scene.options.period_s = positive(period, "--period");
  if (!duration.empty()) scene.options.duration_s = positive(duration, "--duration");
  if (!reserve.empty()) scene.reserve_j = parse_energy(reserve).value;
  if (!horizon.empty()) scene.horizon_s = positive(horizon, "--horizon");
  scene.options.seed = seed;
  return scene;
}

std::optional<Outcomes> find_outcomes(const std::string& outcomes_file, const std::string& model, const std::string& data,
                                      std::int64_t limit, const std::string& write_to, Progress& progress) {
  if (!outcomes_file.empty()) {
    if (!model.empty() || !data.empty()) fail("--outcomes holds what --model and --data would compute; give one or the other");
    return read_outcomes(outcomes_file);
  }
  if (model.empty() != data.empty()) fail("--data needs --model, and the other way round: the network's answers decide what is correct");
  if (model.empty()) return std::nullopt;
  Samples test = read_dataset(data, Half::kTest).test;
  if (limit > 0 && limit < test.size()) {
    std::vector<std::int64_t> first(static_cast<std::size_t>(limit));
    std::iota(first.begin(), first.end(), 0);
    test = subset(test, first);
  }
  // Through the file form, so that a later run from the file gives the same bytes.
  const std::filesystem::path file = write_to.empty() ? std::filesystem::temp_directory_path() / fmt::format("millijoule-outcomes-{}.csv", ::getpid()) : std::filesystem::path(write_to);
  write_file(file, exit_outcomes(read_model(model), test, progress));
  Outcomes outcomes = read_outcomes(file);
  if (write_to.empty()) std::filesystem::remove(file);
  return outcomes;
}

}  // namespace mj::cli
