// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "mj/base/text.h"
#include "mj/report/harvest.h"

namespace mj {
namespace {

using Json = nlohmann::ordered_json;

/// A double that prints in the same digits everywhere.
Json number(double value) { return Json::parse(number_text(value)); }

Json energy_json(const EnergyBooks& books) {
  Json json = {{"stored_start", number(books.stored_start)}, {"harvested", number(books.harvested)}};
  for (const auto& [name, joules] : energy_terms(books)) {
    std::string key = name;
    for (char& c : key) c = c == ' ' || c == '-' ? '_' : c;
    json[key] = number(joules);
  }
  return json;
}

Json run_json(const HarvestComparison& result, const SimulationResult& run) {
  Json json;
  json["policy"] = run.policy;
  json["duration_s"] = number(run.duration_s);
  json["on_s"] = number(run.on_s);
  json["inputs"] = run.inputs;
  json["answers"] = run.answers;
  json["correct"] = run.correct ? Json(*run.correct) : Json();
  json["answers_per_hour"] = number(run.per_hour(run.answers));
  json["correct_per_hour"] = run.correct ? number(run.per_hour(*run.correct)) : Json();
  json["missed"] = run.missed();
  json["boots"] = run.boots;
  json["reboots"] = run.boots > 0 ? run.boots - 1 : 0;
  json["cuts"] = run.cuts;
  json["units_cut"] = run.units_cut;
  json["first_on_s"] = run.first_on_s ? number(*run.first_on_s) : Json();
  json["highest_v"] = number(run.highest_v);
  json["exits"] = Json::array();
  for (std::size_t k = 0; k < result.exits.size(); ++k) json["exits"].push_back({{"name", result.exits[k]}, {"answers", run.answers_at_exit[k]}});
  json["completion_s"] = {{"mean", number(run.completion_s.mean())},
                          {"median", number(run.completion_s.quantile(0.5))},
                          {"p95", number(run.completion_s.quantile(0.95))},
                          {"largest", number(run.completion_s.largest())}};
  json["reboots_per_inference"] = run.reboots_per_inference;
  json["energy_j"] = energy_json(run.books);
  json["balance_error"] = number(run.books.balance_error());
  return json;
}

}  // namespace

std::vector<std::pair<std::string, double>> energy_terms(const EnergyBooks& b) {
  return {{"useful", b.useful},       {"re-executed", b.re_executed}, {"unfinished", b.unfinished}, {"boot", b.boot},
          {"sleep", b.sleep},         {"converter", b.converter},     {"quiescent", b.quiescent},   {"leakage", b.leakage},
          {"resistance", b.resistance}, {"wasted full", b.wasted_full}, {"stored end", b.stored_end}};
}

nlohmann::ordered_json harvest_json(const HarvestComparison& result) {
  const SimulationResult& first = result.runs.front();
  Json json = {{"schema", 1}};
  json.update(run_json(result, first));
  const TraceRepairs& r = first.repairs;
  json["trace"] = {{"name", result.scene.trace},
                   {"segments", first.segments},
                   {"assumption", result.trace_assumption},
                   {"repairs",
                    {{"gaps", r.gaps}, {"gap_s", number(r.gap_s)}, {"backward", r.backward}, {"not_a_number", r.not_a_number},
                     {"negative", r.negative}, {"mixed_separators", r.mixed_separators}}}};
  const Capacitor& c = result.scene.capacitor;
  json["capacitor"] = {{"type", c.family}, {"capacitance_f", number(c.capacitance_f)}, {"leakage_ohm", number(c.leakage_ohm)},
                       {"series_ohm", number(c.series_ohm)}, {"volume_mm3", number(c.volume_mm3)}, {"charge_j", number(result.charge_j)}};
  json["harvester"] = result.scene.harvester.name;
  json["period_s"] = number(result.scene.options.period_s);
  json["exit_accuracy"] = Json::array();
  for (double accuracy : result.exit_accuracy) json["exit_accuracy"].push_back(number(accuracy));
  json["most_correct"] = result.most_correct ? number(*result.most_correct) : Json();
  json["policies"] = Json::array();
  for (const SimulationResult& run : result.runs) json["policies"].push_back(run_json(result, run));
  return json;
}

nlohmann::ordered_json cross_check_json(const CrossCheck& result) {
  Json json = {{"agrees", result.agrees()},
               {"duration_s", number(result.emulated.duration_s)},
               {"instructions", result.emulated.instructions},
               {"cycles", result.emulated.cycles},
               {"wrong_answers", result.emulated.wrong_answers},
               {"compared", Json::array()}};
  for (const CrossCheckRow& row : result.rows()) {
    json["compared"].push_back({{"name", row.name}, {"unit", row.unit}, {"simulated", number(row.simulated)}, {"emulated", number(row.emulated)}});
  }
  return json;
}

}  // namespace mj
