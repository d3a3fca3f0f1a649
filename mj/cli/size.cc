// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "mj/base/error.h"
#include "mj/base/text.h"
#include "mj/base/units.h"
#include "mj/cli/command.h"
#include "mj/cli/harvest_options.h"

namespace mj::cli {
namespace {

struct SizeArguments {
  CommonOptions common;
  HarvestOptions harvest;
  std::vector<std::string> directories, outcomes, capacitors = {"47uF", "100uF", "220uF", "470uF", "1mF", "4.7mF", "10mF", "100mF"};
  std::vector<std::string> policies, budgets;
};

}  // namespace

void add_size(CLI::App& app) {
  auto options = std::make_shared<SizeArguments>();
  CLI::App& command = add_command(app, options->common, "size", "which capacitor, firmware, energy budget and exit policy: correct answers against volume",
                                  "millijoule size small big --outcomes small.csv,big.csv --trace rf.csv --capacitors 47uF,100uF,1mF", true);
  command.add_option("DIR", options->directories, "folders emitted with --intermittent and --platform, one per student")->required()->type_name("");
  command.add_option("--capacitors", options->capacitors, "capacitances to try")->delimiter(',')->type_name("C,...");
  options->harvest.add(command);
  command.add_option("--policies", options->policies, "policies to try; else all that are known")->delimiter(',')->type_name("NAME,...");
  command.add_option("--budgets", options->budgets, "mean energies per inference to try, each as policy budget:E")->delimiter(',')->type_name("E,...");
  command.add_option("--outcomes", options->outcomes, "answers of each student, in the order of the folders (simulate --write-outcomes)")->delimiter(',')->type_name("FILE,...");
  command.callback([options] {
    TerminalProgress progress;
    if (!options->outcomes.empty() && options->outcomes.size() != options->directories.size()) {
      fail("--outcomes: {} files for {} folders; expected one each", options->outcomes.size(), options->directories.size());
    }
    std::vector<SizeCandidate> candidates;
    for (std::size_t i = 0; i < options->directories.size(); ++i) {
      const std::filesystem::path folder = options->directories[i];
      candidates.push_back({(folder.has_filename() ? folder : folder.parent_path()).filename().string(), read_work_plan(folder), std::nullopt});
      if (!options->outcomes.empty()) candidates.back().outcomes = read_outcomes(options->outcomes[i]);
    }
    std::vector<double> capacitances;
    for (const std::string& text : options->capacitors) capacitances.push_back(parse_capacitance(text));
    std::vector<std::string> policies = options->policies;
    if (policies.empty()) {
      policies = {"full"};
      if (!options->outcomes.empty()) policies = {"full", "energy", "confidence", "confidence-energy", "starvation"};
    }
    for (const std::string& budget : options->budgets) policies.push_back("budget:" + budget);
    const std::vector<SizePoint> points = size_sweep(candidates, options->harvest.scene(options->common.seed), options->harvest.capacitor_type,
                                                     capacitances, policies, progress);
    std::vector<std::vector<std::string>> rows;
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    for (const SizePoint& p : points) {
      if (p.pareto) {
        rows.push_back({p.firmware, si_text(p.capacitor.capacitance_f, "F"), p.capacitor.family, fmt::format("{:.3g} mm3", p.capacitor.volume_mm3), p.policy,
                        fmt::format("{:.4g}", p.correct_per_hour), fmt::format("{:.4g}", p.answers_per_hour), fmt::format("{:.1f} %", p.accuracy * 100),
                        fmt::format("{:.1f} %", p.missed_share * 100)});
      }
      nlohmann::ordered_json entry = {{"firmware", p.firmware}, {"capacitance_f", p.capacitor.capacitance_f}, {"capacitor", p.capacitor.family}, {"volume_mm3", p.capacitor.volume_mm3}};
      if (!p.refusal.empty()) {
        entry["refusal"] = p.refusal;
      } else {
        entry.update({{"policy", p.policy}, {"correct_per_hour", p.correct_per_hour}, {"answers_per_hour", p.answers_per_hour},
                      {"accuracy", p.accuracy}, {"missed_share", p.missed_share}, {"pareto", p.pareto}});
      }
      json.push_back(entry);
    }
    if (rows.empty()) {
      for (const SizePoint& p : points) {
        if (!p.refusal.empty()) fail("no capacitor will do: {}", p.refusal);
      }
      fail("no capacitor brings a single answer on this trace; try smaller ones, or a longer --duration");
    }
    if (!json_on_stdout(options->common)) {
      fmt::print("{}", table_text(std::vector<std::string>{"firmware", "capacitor", "type", "volume", "policy", "correct/h", "answers/h", "accuracy", "missed"}, rows));
    }
    write_json(options->common, {{"schema", 1}, {"points", json}});
  });
}

}  // namespace mj::cli
