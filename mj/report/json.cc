// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "mj/base/text.h"
#include "mj/ir/memory.h"
#include "mj/report/exits.h"
#include "mj/report/report.h"

namespace mj {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const Contender& contender) {
  return {{"name", contender.name},
          {"accuracy", rounded(contender.accuracy)},
          {"energy_j", rounded(contender.energy.value)},
          {"latency_s", rounded(contender.latency.value)},
          {"nvm_bytes", contender.nvm_bytes},
          {"ram_bytes", contender.ram_bytes},
          {"parameters", contender.parameters},
          {"macs", contender.macs}};
}

Json json_of(const Candidate& candidate) {
  Json json = {{"architecture", candidate.student.name},
               {"parameters", candidate.parameters},
               {"macs", candidate.macs},
               {"energy_j", rounded(candidate.energy.value)},
               {"latency_s", rounded(candidate.latency.value)},
               {"nvm_bytes", candidate.nvm_bytes},
               {"ram_bytes", candidate.ram_bytes},
               {"fits", candidate.fits},
               {"chosen", candidate.chosen},
               {"verdict", candidate.verdict}};
  if (candidate.probe_accuracy) json["probe_accuracy"] = rounded(*candidate.probe_accuracy);
  return json;
}

Json json_of(const std::vector<Arm>& arms) {
  Json json = Json::array();
  for (const Arm& arm : arms) {
    json.push_back({{"temperature", rounded(arm.temperature)},
                    {"alpha", rounded(arm.alpha)},
                    {"validation_accuracy", rounded(arm.accuracy)}});
  }
  return json;
}

Json json_of(const LayerEstimate& layer) {
  return {{"name", layer.name},
          {"op", layer.op},
          {"macs", layer.cost.macs},
          {"weight_bytes", layer.cost.weight_bytes},
          {"cycles", rounded(layer.cycles)},
          {"energy_j", rounded(layer.energy.value)}};
}

}  // namespace

std::string report_json(const DesignResult& result) {
  Json json;
  json["schema"] = 1;
  json["name"] = result.spec.name;
  json["platform"] = result.platform.name;
  json["data"] = {{"set", result.spec.data},
                  {"train", result.train_images},
                  {"validation", result.validation_images},
                  {"test", result.test_images}};
  json["seed"] = result.spec.seed;
  json["budget"] = {{"energy_j", rounded(result.limits.energy.value)},
                    {"nvm_bytes", result.limits.nvm},
                    {"ram_bytes", result.limits.ram}};
  if (result.spec.scenario) json["budget"]["explanation"] = explain(*result.spec.scenario);
  json["teacher"] = json_of(result.teacher);
  json["result"] = json_of(result.result);
  json["result"]["float_accuracy"] = rounded(result.student_float_accuracy);
  json["result"]["validation_accuracy"] = rounded(result.student_validation_accuracy);
  json["result"]["state_bytes"] = state_bytes(result.lowered);
  json["result"]["stack_bytes"] = static_cast<Bytes>(result.platform.stack_bytes.value);
  json["result"]["arena_bytes"] = result.lowered.plan ? result.lowered.plan->arena_bytes : 0;
  json["host_check"] = {{"images", result.host_check.samples},
                        {"bytes", result.host_check.bytes},
                        {"differing", result.host_check.differing}};
  json["distillation"] = {{"objective", to_text(result.spec.objective)},
                          {"temperature", rounded(result.derived.temperature)},
                          {"alpha", rounded(result.derived.alpha)},
                          {"softening_temperature", rounded(result.derived.softening)},
                          {"arms", json_of(result.derived.arms)},
                          {"epochs", result.spec.epochs}};
  if (result.exits) {
    json["exits"] = exits_json(*result.exits);
    for (std::size_t k = 0; k < result.int8_exit_accuracy.size(); ++k) {
      json["exits"]["exits"][k]["int8_accuracy"] = rounded(result.int8_exit_accuracy[k]);
    }
  }
  json["epochs"] = Json::array();
  for (std::size_t i = 0; i < result.epoch_loss.size(); ++i) {
    json["epochs"].push_back({{"loss", rounded(result.epoch_loss[i])}, {"accuracy", rounded(result.epoch_accuracy[i])}});
  }
  json["candidates"] = Json::array();
  for (const Candidate& candidate : result.candidates) json["candidates"].push_back(json_of(candidate));
  json["layers"] = Json::array();
  for (const LayerEstimate& layer : result.estimate.layers) json["layers"].push_back(json_of(layer));
  json["classes"] = result.class_names;
  json["confusion"] = result.confusion;
  json["phases"] = Json::array();
  for (const Phase& phase : result.phases) json["phases"].push_back({{"name", phase.name}, {"macs", phase.macs}});
  return json.dump(2) + "\n";
}

std::string run_json(const DesignResult& result) {
  Json json;
  json["schema"] = 1;
  json["energy_source"] = result.energy_source;
  json["phases"] = Json::array();
  for (const Phase& phase : result.phases) {
    json["phases"].push_back({{"name", phase.name},
                              {"macs", phase.macs},
                              {"seconds", rounded(phase.seconds)},
                              {"cpu_seconds", rounded(phase.cpu_seconds)},
                              {"energy_j", rounded(phase.energy_j)}});
  }
  return json.dump(2) + "\n";
}

}  // namespace mj
