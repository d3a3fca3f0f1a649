// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/exits_job.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "mj/base/error.h"
#include "mj/base/random.h"
#include "mj/base/text.h"
#include "mj/flow/deploy.h"
#include "mj/flow/exit_ensemble.h"
#include "mj/flow/run_set.h"
#include "mj/ir/cost.h"
#include "mj/pass/exit_points.h"
#include "mj/pass/lower.h"

namespace mj {
namespace {

std::vector<ExitPoint> choose_exits(const Graph& network, const ExitsJob& job, const Platform& platform) {
  const auto energy = [&](const Graph& graph) { return estimate(lower_for_estimate(graph), platform).energy.value; };
  const std::vector<ExitPoint> boundaries = block_boundaries(network, energy);
  return job.at.empty() ? spaced_exits(boundaries, job.most) : named_exits(network, boundaries, job.at);
}

/// Fits carries and temperatures on validation, exit by exit; the carries replace the trained ones in `head`, the logits of
/// validation become those that follow.
std::vector<double> fit(Head& head, std::vector<std::vector<float>>& logits, std::span<const std::int32_t> labels) {
  std::vector<double> temperatures;
  std::vector<float> trained_before;
  for (std::size_t k = 0; k < logits.size(); ++k) {
    const std::vector<float> trained = logits[k];
    const bool carried = k > 0 && k <= head.carries.size();
    double carry = 0;
    std::vector<float> own = trained;
    if (carried) {
      carry = head.graph.value(head.carries[k - 1]).data.as<float>()[0];
      for (std::size_t i = 0; i < own.size(); ++i) own[i] -= static_cast<float>(carry) * trained_before[i];
    }
    const std::span<const float> before = carried ? std::span<const float>(logits[k - 1]) : std::span<const float>();
    const EnsembleStep step = fit_ensemble(own, before, labels, {carry, 1});
    if (carried) {
      const auto fitted = static_cast<float>(step.carry);
      head.graph.value(head.carries[k - 1]).data = Constant::of(std::span<const float>(&fitted, 1));
      for (std::size_t i = 0; i < own.size(); ++i) logits[k][i] = own[i] + fitted * logits[k - 1][i];
    }
    temperatures.push_back(step.temperature);
    trained_before = trained;
  }
  return temperatures;
}

/// A network up to its first `count` outputs; without the head's nodes where `bare`. Only for counting constants.
Graph up_to(const Graph& graph, std::size_t count, bool bare) {
  Graph part = graph;
  part.outputs.resize(count);
  const std::vector<char> backbone = backbone_nodes(graph);
  std::vector<char> needed(graph.values.size(), 0);
  for (const ValueId output : part.outputs) needed[static_cast<std::size_t>(output)] = 1;
  std::vector<Node> kept;
  for (std::size_t n = graph.nodes.size(); n-- > 0;) {
    const Node& node = graph.nodes[n];
    if (!needed[static_cast<std::size_t>(node.output)]) continue;
    for (const ValueId input : node.inputs) needed[static_cast<std::size_t>(input)] = 1;
    if (!bare || backbone[n]) kept.push_back(node);
  }
  part.nodes.assign(kept.rbegin(), kept.rend());
  return part;
}

/// Costs of every exit; the end is the last. The counts of constants are of the float network, for an int8 one has biases
/// where there were none.
std::vector<ExitFigures> figures(std::span<const ExitPoint> points, const Graph& with_exits, const Platform& platform) {
  const Graph simple = simplify(with_exits);
  const Graph lowered = lower_for_estimate(simple);
  const Estimate whole = estimate(lowered, platform);
  MJ_CHECK(whole.layers.size() == lowered.nodes.size());
  const std::vector<char> backbone = backbone_nodes(lowered);
  const std::vector<Bytes> state = exit_state_bytes(lowered);
  const auto maker = producers(lowered);
  std::vector<ExitFigures> rows;
  Joules energy = whole.boot_energy;
  std::size_t node = 0;
  std::int64_t parameters = 0;
  Bytes bytes = 0;
  for (std::size_t k = 0; k <= points.size(); ++k) {
    const bool end = k == points.size();
    ExitFigures row;
    row.name = lowered.value(lowered.outputs[k]).name;
    row.at = end ? "the end" : points[k].name;
    const auto last = static_cast<std::size_t>(maker[static_cast<std::size_t>(lowered.outputs[k])]);
    for (; node <= last; ++node) {
      energy = Joules(energy.value + whole.layers[node].energy.value);
      if (!backbone[node]) row.asking_energy = Joules(row.asking_energy.value + whole.layers[node].energy.value);
    }
    row.energy = energy;
    if (!end) {
      const std::int64_t all = parameter_count(up_to(simple, k + 1, false)) - parameter_count(up_to(simple, k + 1, true));
      const Bytes stored = constant_bytes(up_to(lowered, k + 1, false)) - constant_bytes(up_to(lowered, k + 1, true));
      row.parameters = all - std::exchange(parameters, all);
      row.head_bytes = stored - std::exchange(bytes, stored);
      row.state_bytes = state[k];
    }
    rows.push_back(row);
  }
  return rows;
}

void record(Graph& graph, const ExitsJobResult& result) {
  const auto list = [](const auto& numbers) {
    std::vector<std::string> texts;
    for (const double number : numbers) texts.push_back(number_text(number));
    return fmt::format("{}", fmt::join(texts, ","));
  };
  std::vector<double> temperatures;
  for (std::size_t k = 0; k + 1 < result.exits.size(); ++k) temperatures.push_back(result.exits[k].temperature);
  graph.metadata["exit_temperatures"] = list(temperatures);
  graph.metadata["exit_thresholds"] = list(result.chosen.thresholds);
}

}  // namespace

namespace {

std::vector<double> energies_of(const ExitsJobResult& result) {
  std::vector<double> energy_j;
  for (const ExitFigures& exit : result.exits) energy_j.push_back(exit.energy.value);
  return energy_j;
}

}  // namespace

ExitsJobResult run_exits_job(const Graph& network, const ExitsJob& job, const Platform& platform, Progress& progress) {
  // What cannot be is refused before the data are read.
  const std::vector<ExitPoint> points = choose_exits(network, job, platform);
  if (!job.thresholds.empty()) check_thresholds(job.thresholds, points.size());
  const DataSet data = read_dataset(job.data, Half::kTrain);
  Split split = split_validation(data.train, job.validation, RandomStream(job.training.seed, 1).next());
  if (!job.choose_on.empty()) {
    split.validation = read_dataset(job.choose_on, Half::kTrain).train;
    with_context(job.choose_on, [&] { require_samples_fit(network, split.validation); });
  }
  ExitsJobResult result = train_exits(network, split, job, platform, progress);
  measure_exits(result, read_dataset(job.data, Half::kTest).test, job.training.device, progress);
  return result;
}

ExitsJobResult train_exits(const Graph& network, const Split& split, const ExitsJob& job, const Platform& platform,
                           Progress& progress) {
  const std::vector<ExitPoint> points = choose_exits(network, job, platform);
  if (!job.thresholds.empty()) check_thresholds(job.thresholds, points.size());
  require_samples_fit(network, split.train);

  const Graph frozen = simplify(feature_network(network, points, job.head));
  TrainOptions seen;
  seen.seed = job.training.seed;
  seen.device = job.training.device;
  if (split.train.shape.size() == 3 && split.train.pixels()) seen.augment = job.augment;
  const int views = seen.augment.any() ? job.views : 1;
  const Features train =
      collect_features(frozen, split.train, views, seen, job.features, job.most_feature_bytes, progress);
  seen.augment = {};
  const Features validation = collect_features(frozen, split.validation, 1, seen, {}, job.most_feature_bytes, progress);

  HeadTraining training = job.training;
  training.random_exit = job.head.method == ExitMethod::kGnet;
  const Head fresh = make_head(network, points, job.head, training.seed);
  HeadResult trained = train_head(fresh, train, split.train.labels, validation, split.validation.labels, training, progress);
  std::vector<std::vector<float>> answers = std::move(trained.validation_logits);
  std::vector<double> temperatures = fit(trained.head, answers, split.validation.labels);
  answers.push_back(own_logits(validation, class_count(network)));
  temperatures.push_back(1);

  ExitsJobResult result;
  result.graph = attach_head(network, points, job.head, trained.head);
  result.exits = figures(points, result.graph, platform);
  result.full_energy = estimate(lower_for_estimate(network), platform).energy;
  result.training_images = split.train.size();
  // A training step is a forward pass and two of its size backward.
  result.macs = total_macs(frozen) * (split.train.size() * views + split.validation.size()) +
                3 * total_macs(fresh.graph) * split.train.size() * training.epochs;
  for (std::size_t k = 0; k < result.exits.size(); ++k) {
    ExitFigures& exit = result.exits[k];
    exit.temperature = temperatures[k];
    exit.validation_accuracy = accuracy(answers[k], split.validation.labels, class_count(network));
    result.head_parameters += exit.parameters;
    result.head_bytes += exit.head_bytes;
    result.state_bytes = std::max(result.state_bytes, exit.state_bytes);
  }

  const std::vector<double> energy_j = energies_of(result);
  const ExitAnswers on_validation = exit_answers(answers, split.validation.labels, temperatures);
  const auto point = [&](const std::vector<double>& thresholds) {
    return CurvePoint{thresholds, outcome_of(on_validation, energy_j, thresholds).accuracy, {}};
  };
  for (const std::vector<double>& thresholds : threshold_curve(on_validation, energy_j)) {
    result.curve.push_back(point(thresholds));
  }
  if (!job.thresholds.empty()) {
    result.chosen = point(job.thresholds);
  } else {
    // The cheapest of many points that seem good enough is likely one that chance has favoured, hence the margin.
    const auto cheapest = std::ranges::find_if(result.curve, [&](const CurvePoint& p) {
      const double error = outcome_of(on_validation, energy_j, p.thresholds).error;
      return p.validation_accuracy - error >= result.exits.back().validation_accuracy - job.drop;
    });
    MJ_CHECK(cheapest != result.curve.end());  // never stopping is on the curve
    result.chosen = *cheapest;
  }
  record(result.graph, result);
  return result;
}

void measure_exits(ExitsJobResult& result, const Samples& test, Device device, Progress& progress) {
  result.test_images = test.size();
  const std::vector<double> energy_j = energies_of(result);
  const auto logits = all_outputs(simplify(result.graph), test, device, progress);
  std::vector<double> temperatures;
  for (std::size_t k = 0; k < result.exits.size(); ++k) {
    result.exits[k].accuracy = accuracy(logits[k], test.labels, class_count(result.graph));
    temperatures.push_back(result.exits[k].temperature);
  }
  result.full_accuracy = result.exits.back().accuracy;
  const ExitAnswers answers = exit_answers(logits, test.labels, temperatures);
  for (CurvePoint& point : result.curve) point.test = outcome_of(answers, energy_j, point.thresholds);
  result.chosen.test = outcome_of(answers, energy_j, result.chosen.thresholds);
}

}  // namespace mj
