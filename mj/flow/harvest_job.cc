// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/harvest_job.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "mj/base/error.h"
#include "mj/base/parallel.h"
#include "mj/base/random.h"
#include "mj/base/text.h"
#include "mj/flow/run_set.h"
#include "mj/harvest/bound.h"
#include "mj/ir/evaluate.h"
#include "mj/ir/exits.h"
#include "mj/ir/int8.h"
#include "runtime/mj_policy.h"

namespace mj {
namespace {

/// Scores as real numbers.
std::vector<double> scores(const Tensor& tensor) {
  std::vector<double> out;
  const auto take = [&](const auto& elements, double scale, double zero) {
    for (const auto element : elements) out.push_back((static_cast<double>(element) - zero) * scale);
  };
  if (tensor.type.dtype == DType::kF32) {
    take(tensor.as<float>(), 1, 0);
  } else {
    const Affine affine = int8_affine(tensor.type, "output");
    take(tensor.as<std::int8_t>(), affine.scale, affine.zero_point);
  }
  return out;
}

double largest_softmax(const std::vector<double>& logits, double temperature) {
  const double top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (double x : logits) sum += std::exp((x - top) / temperature);
  return 1 / sum;
}

/// How sure each exit is, as the device computes it where the network is int8: the same C with the same constants.
class Confidence {
 public:
  explicit Confidence(const Graph& graph) : temperatures_(exit_temperatures(graph)) {
    for (std::size_t k = 0; k < exit_count(graph); ++k) {
      if (graph.type(graph.outputs[k]).dtype != DType::kI8) continue;
      const Exponents table = exit_exponents(graph, k);
      mj_exponents& exponents = exponents_.emplace_back();
      std::copy(table.high.begin(), table.high.end(), exponents.high);
      std::copy(table.low.begin(), table.low.end(), exponents.low);
    }
  }

  double of(std::size_t output, const Tensor& tensor, const std::vector<double>& logits) const {
    if (output >= exponents_.size()) return largest_softmax(logits, temperatures_[output]);
    const auto codes = tensor.as<std::int8_t>();
    return mj_confidence(&exponents_[output], codes.data(), static_cast<std::uint16_t>(codes.size())) / 32768.0;
  }

 private:
  std::vector<double> temperatures_;
  std::vector<mj_exponents> exponents_;
};

PolicySetting policy_setting(const WorkPlan& plan, const PowerStage& stage, const HarvestScene& scene, const Outcomes* tables,
                             const Outcomes* images) {
  PolicySetting setting;
  for (const PlannedExit& exit : plan.exits) setting.exits.push_back(exit.name);
  setting.cost_j = exit_costs(plan, stage);
  setting.period_s = scene.options.period_s;
  setting.capacity_j = stage.full_j() - stage.energy_at(scene.harvester.turn_off_v.value);
  setting.reserve_j = scene.reserve_j;
  setting.horizon_s = scene.horizon_s;
  setting.tables = tables;
  setting.images = images;
  return setting;
}

}  // namespace

std::string exit_outcomes(const Graph& graph, const Samples& samples, Progress& progress) {
  require_samples_fit(graph, samples);
  const Evaluator evaluator(graph);
  const Confidence confidence(graph);
  const std::size_t exits = graph.outputs.size();
  const auto n = static_cast<std::size_t>(samples.size());
  std::vector<std::int32_t> answers(n * exits);
  std::vector<double> confidences(n * exits);
  std::atomic<std::int64_t> done{0};
  progress.begin("running the network", samples.size(), "images");
  parallel_for_worker(samples.size(), [&](std::int64_t sample, int worker) {
    const std::vector<Tensor> outputs = evaluator.run(input_tensor(graph, samples.sample(sample)));
    for (std::size_t k = 0; k < exits; ++k) {
      const std::vector<double> logits = scores(outputs[k]);
      const std::size_t at = static_cast<std::size_t>(sample) * exits + k;
      answers[at] = static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
      confidences[at] = confidence.of(k, outputs[k], logits);
    }
    ++done;
    if (worker == 0) progress.update(done, "");
  });
  progress.end(fmt::format("{} images", thousands(samples.size())));
  std::vector<std::string> names;
  for (ValueId output : graph.outputs) names.push_back(graph.value(output).name);
  return outcomes_text(names, samples.labels, answers, confidences);
}

std::pair<Outcomes, Outcomes> split_outcomes(const Outcomes& outcomes, std::uint64_t seed) {
  if (outcomes.images < 2) fail("{} image with outcomes; expected at least 2, half to learn from and half as inputs", outcomes.images);
  const std::vector<std::int64_t> order = permutation(outcomes.images, RandomStream(seed, 0x6f757463));
  std::pair<Outcomes, Outcomes> halves;
  const std::int64_t half = outcomes.images / 2;
  for (std::int64_t i = 0; i < outcomes.images; ++i) {
    Outcomes& to = i < half ? halves.first : halves.second;
    for (std::size_t k = 0; k < outcomes.exits.size(); ++k) {
      const std::size_t at = outcomes.at(order[static_cast<std::size_t>(i)], k);
      to.confidence.push_back(outcomes.confidence[at]);
      to.correct.push_back(outcomes.correct[at]);
    }
    ++to.images;
  }
  halves.first.exits = halves.second.exits = outcomes.exits;
  return halves;
}

HarvestComparison compare_policies(const WorkPlan& plan, const HarvestScene& scene, const std::vector<std::string>& policies,
                                   const Outcomes* outcomes, Progress& progress) {
  HarvestComparison out{.plan = plan, .scene = scene};
  if (outcomes && outcomes->exits.size() != plan.exits.size()) {
    fail("the outcomes are of {} exits, the firmware has {}", outcomes->exits.size(), plan.exits.size());
  }
  std::optional<std::pair<Outcomes, Outcomes>> halves;
  if (outcomes) halves = split_outcomes(*outcomes, scene.options.seed);
  const Outcomes* tables = halves ? &halves->first : nullptr;
  const Outcomes* images = halves ? &halves->second : nullptr;

  const auto open = [&] { return open_trace(scene.trace, scene.trace_options, scene.options.seed); };
  const auto first = open();
  out.trace_assumption = first->assumption();
  const PowerStage stage(scene.harvester, scene.capacitor, scene.source, first->kind(), plan.voltage_v);
  const PolicySetting setting = policy_setting(plan, stage, scene, tables, images);
  out.exits = setting.exits;
  out.capacity_j = setting.capacity_j;
  out.charge_j = charge_j(plan, stage);
  if (images) {
    for (std::size_t k = 0; k < out.exits.size(); ++k) out.exit_accuracy.push_back(images->accuracy(k));
  }
  const std::vector<std::string> names =
      policies.size() == 1 && policies[0] == "all" ? policy_names(setting) : policies;
  for (const std::string& name : names) make_policy(name, setting);  // a misspelt name is refused before hours of work
  if (names[0] != "clairvoyant") out.tables = policy_tables(names[0], setting);
  out.runs.resize(names.size());
  std::atomic<std::int64_t> done{0};
  const auto jobs = static_cast<std::int64_t>(names.size()) + (images ? 1 : 0);
  progress.begin("simulating", jobs, "runs");
  parallel_for(jobs, [&](std::int64_t job) {
    const auto trace = open();
    const auto i = static_cast<std::size_t>(job);
    if (i < names.size()) {
      const auto policy = make_policy(names[i], setting);
      out.runs[i] = simulate(plan, stage, *trace, *policy, images, scene.options);
    } else {
      out.most_correct = most_correct(plan, stage, *trace, *images, scene.options);
    }
    progress.update(++done, "");
  });
  progress.end(fmt::format("{} runs", jobs));
  return out;
}

std::vector<SizePoint> size_sweep(const std::vector<SizeCandidate>& candidates, const HarvestScene& scene, const std::string& family,
                                  const std::vector<double>& capacitances_f, const std::vector<std::string>& policies, Progress& progress) {
  std::vector<SizePoint> points;
  std::vector<std::pair<const SizeCandidate*, double>> cells;
  for (const SizeCandidate& candidate : candidates) {
    for (double farad : capacitances_f) cells.emplace_back(&candidate, farad);
  }
  const auto count = static_cast<std::int64_t>(cells.size());
  progress.begin("sweeping", count, "pairs of firmware and capacitor");
  for (std::int64_t i = 0; i < count; ++i) {
    const auto& [candidate, farad] = cells[static_cast<std::size_t>(i)];
    HarvestScene here = scene;
    here.capacitor = make_capacitor(family.empty() ? family_for(farad) : find_capacitor_family(family), farad);
    SizePoint point{.firmware = candidate->name, .capacitor = here.capacitor};
    try {
      const HarvestComparison result =
          compare_policies(candidate->plan, here, policies, candidate->outcomes ? &*candidate->outcomes : nullptr, silent_progress());
      for (const SimulationResult& run : result.runs) {
        point.policy = run.policy;
        point.answers_per_hour = run.per_hour(run.answers);
        point.correct_per_hour = run.per_hour(run.correct.value_or(run.answers));
        point.accuracy = run.answers > 0 && run.correct ? static_cast<double>(*run.correct) / static_cast<double>(run.answers) : 0;
        point.missed_share = run.inputs > 0 ? static_cast<double>(run.missed()) / static_cast<double>(run.inputs) : 0;
        points.push_back(point);
      }
    } catch (const Error& error) {
      if (std::string_view(error.what()).find("a capacitor of") != 0) throw;
      point.refusal = error.what();
      points.push_back(point);
    }
    progress.update(i + 1, "");
  }
  progress.end(fmt::format("{} points", points.size()));
  std::stable_sort(points.begin(), points.end(), [](const SizePoint& a, const SizePoint& b) {
    if (a.capacitor.volume_mm3 != b.capacitor.volume_mm3) return a.capacitor.volume_mm3 < b.capacitor.volume_mm3;
    return a.correct_per_hour > b.correct_per_hour;
  });
  double best = 0;
  for (SizePoint& point : points) {
    // What knows the outcomes is no choice to make.
    if (!point.refusal.empty() || point.policy == "clairvoyant" || point.correct_per_hour <= best) continue;
    point.pareto = true;
    best = point.correct_per_hour;
  }
  return points;
}

}  // namespace mj
