// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/text.h"
#include "mj/base/units.h"
#include "mj/cli/command.h"
#include "mj/cli/harvest_options.h"
#include "mj/emit/policy.h"
#include "mj/flow/cross_check_job.h"
#include "mj/report/harvest.h"

namespace mj::cli {
namespace {

struct SimulateArguments {
  CommonOptions common;
  HarvestOptions harvest;
  std::string directory, capacitor, policy = "full";
  std::string on = "model", outcomes, model, data, write_outcomes, write_policy, report;
  std::int64_t limit = 0;
};

void print(const HarvestComparison& result) {
  std::vector<std::vector<std::string>> rows;
  for (const SimulationResult& run : result.runs) {
    const double answers = static_cast<double>(run.answers);
    rows.push_back({run.policy, thousands(run.answers), run.correct ? thousands(*run.correct) : "", fmt::format("{:.4g}", run.per_hour(run.answers)),
                    run.correct ? fmt::format("{:.4g}", run.per_hour(*run.correct)) : "",
                    run.correct && run.answers > 0 ? percent(static_cast<double>(*run.correct) / answers, 1) : "",
                    run.inputs > 0 ? percent(static_cast<double>(run.missed()) / static_cast<double>(run.inputs), 1) : "", thousands(run.cuts),
                    percent(run.duration_s > 0 ? run.on_s / run.duration_s : 0, 1), to_text(Seconds{run.completion_s.quantile(0.5)})});
  }
  if (result.most_correct) {
    const SimulationResult& run = result.runs.front();
    rows.push_back({"(upper bound)", "", thousands(static_cast<std::int64_t>(*result.most_correct)), "",
                    fmt::format("{:.4g}", *result.most_correct * 3600 / run.duration_s), "", "", "", "", ""});
  }
  fmt::print("{}", table_text(std::vector<std::string>{"policy", "answers", "correct", "per hour", "correct/h", "accuracy", "missed", "cuts", "on", "median"}, rows));
  const SimulationResult& run = result.runs.front();
  rows.clear();
  for (const auto& [name, joules] : energy_terms(run.books)) {
    rows.push_back({name, si_text(joules, "J"), run.books.in() > 0 ? percent(joules / run.books.in(), 1) : ""});
  }
  fmt::print("\nenergy of '{}' (books balance to {:.1e})\n{}", run.policy, run.books.balance_error(), table_text(std::vector<std::string>{"", "", "of what came in"}, rows));
  const TraceRepairs& repairs = run.repairs;
  if (repairs.count() > 0) {
    fmt::print("\ntrace repaired: {} gaps closed ({}), {} times that jump back, {} samples not numbers, {} below zero, {} rows with other separators\n",
               repairs.gaps, to_text(Seconds{repairs.gap_s}), repairs.backward, repairs.not_a_number, repairs.negative, repairs.mixed_separators);
  }
}

/// The plan is called as the file is.
void write_policy(const SimulateArguments& options, const HarvestComparison& result) {
  if (!result.tables) fail("policy '{}' knows the answers, which no device does; --write-policy expects another", result.runs.front().policy);
  const std::string name = std::filesystem::path(options.write_policy).stem().string();
  const std::string comment = fmt::format("Policy {} of {} with a capacitor of {}.", result.runs.front().policy, result.plan.name,
                                          si_text(result.scene.capacitor.capacitance_f, "F"));
  write_file(options.write_policy, policy_header(*result.tables, name, comment));
}

/// Compares with the emulated device.
void check_on_twin(const SimulateArguments& options, const WorkPlan& plan, const HarvestScene& scene, Progress& progress) {
  if (options.policy != "full") fail("--on twin runs the program of the folder, which goes on at every exit; expected --policy full");
  const CrossCheck result = cross_check(options.directory, plan, scene, progress);
  if (!json_on_stdout(options.common)) {
    std::vector<std::vector<std::string>> rows;
    for (const CrossCheckRow& row : result.rows()) {
      const auto text = [&](double value) { return row.unit.empty() ? thousands(static_cast<std::int64_t>(value)) : si_text(value, row.unit); };
      rows.push_back({row.name, text(row.simulated), text(row.emulated), std::isfinite(row.difference()) ? fmt::format("{:+.2f} %", row.difference() * 100) : ""});
    }
    fmt::print("{}\n{} on the emulated device: {} instructions, {} of {} answers wrong\n", table_text(std::vector<std::string>{"", "simulated", "emulated", "difference"}, rows),
               to_text(Seconds{result.emulated.duration_s}), thousands(static_cast<std::int64_t>(result.emulated.instructions)),
               thousands(result.emulated.wrong_answers), thousands(result.emulated.answers));
    fmt::print("{}\n", result.agrees() ? "they agree: equal answers and boots, energy within 2 %" : "THEY DIFFER");
  }
  write_json(options.common, cross_check_json(result));
}

}  // namespace

void add_simulate(CLI::App& app) {
  auto options = std::make_shared<SimulateArguments>();
  CLI::App& command = add_command(app, options->common, "simulate", "days of harvested energy in seconds: answers, energy, exit policies",
                                  "millijoule simulate firmware --trace rf.csv --capacitor 100uF --policy all --outcomes outcomes.csv --report simulate.html", true);
  command.add_option("DIR", options->directory, "folder emitted with --intermittent and --platform")->required()->type_name("");
  command.add_option("--capacitor", options->capacitor, "its capacitance, e.g. 100uF")->required()->type_name("C");
  options->harvest.add(command);
  command.add_option("--policy", options->policy, "full, exit:NAME, confidence, confidence:SHARE, budget:ENERGY, energy, confidence-energy, starvation, clairvoyant, all")
      ->capture_default_str()->type_name("NAME");
  command.add_option("--on", options->on, "twin: compare with the emulated device, instruction by instruction, for --duration")
      ->capture_default_str()->type_name("model|twin")->check(CLI::IsMember({"model", "twin"}));
  command.add_option("--model", options->model, "the network, to know which answers are correct")->type_name("FILE");
  command.add_option("--data", options->data, "data set whose test images come as inputs (docs/data.md)")->type_name("SET");
  command.add_option("--limit", options->limit, "only the first N test images; 0 is all")->type_name("N")->check(CLI::NonNegativeNumber);
  command.add_option("--outcomes", options->outcomes, "answers computed before, instead of --model and --data")->type_name("FILE");
  command.add_option("--write-outcomes", options->write_outcomes, "keep the answers for later runs")->type_name("FILE");
  command.add_option("--write-policy", options->write_policy, "keep the constants of the (first) policy as a C header for the firmware")->type_name("FILE");
  command.add_option("--report", options->report, "write a page with a timeline, plots and tables")->type_name("FILE");
  command.callback([options] {
    TerminalProgress progress;
    const WorkPlan plan = read_work_plan(options->directory);
    HarvestScene scene = options->harvest.scene(options->common.seed);
    const double farad = parse_capacitance(options->capacitor);
    scene.capacitor = make_capacitor(options->harvest.capacitor_type.empty() ? family_for(farad) : find_capacitor_family(options->harvest.capacitor_type), farad);
    if (options->on == "twin") return check_on_twin(*options, plan, scene, progress);
    const auto outcomes = find_outcomes(options->outcomes, options->model, options->data, options->limit, options->write_outcomes, progress);
    const HarvestComparison result = compare_policies(plan, scene, {options->policy}, outcomes ? &*outcomes : nullptr, progress);
    if (!result.trace_assumption.empty()) progress.warn(fmt::format("{}: {}", options->harvest.trace, result.trace_assumption));
    const SimulationResult& run = result.runs.front();
    if (!run.first_on_s) {
      progress.warn(fmt::format("the device never turned on: the capacitor reached {} of {} in {}", si_text(run.highest_v, "V"),
                                si_text(scene.harvester.turn_on_v.value, "V"), to_text(Seconds{run.duration_s})));
    }
    if (!json_on_stdout(options->common)) print(result);
    if (!options->write_policy.empty()) write_policy(*options, result);
    if (!options->report.empty()) write_file(options->report, harvest_html(result));
    write_json(options->common, harvest_json(result));
  });
}

}  // namespace mj::cli
