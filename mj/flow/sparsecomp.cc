// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/sparsecomp.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <variant>

#include "mj/base/error.h"
#include "mj/base/random.h"
#include "mj/ir/encoding.h"
#include "mj/pass/trainable.h"

namespace mj {
namespace {

constexpr int kMostRounds = 40;
constexpr double kCut = 0.5;
constexpr double kFragile = 0.02;       // of accuracy on validation, in one round
constexpr double kLostSquares = 0.1;    // by the factors of a layer
constexpr std::uint64_t kRoundSamples = 0x73706172;

/// The smallest ranks that keep what they should, 0 where factors are no smaller.
Ranks ranks_for(const Value& weight) {
  const Shape& shape = weight.type.shape;
  const auto before = weight.data.as<float>();
  double all = 0;
  for (const float w : before) all += static_cast<double>(w) * w;
  for (const double share : {0.125, 0.25, 0.375, 0.5, 0.625, 0.75}) {
    const auto part = [&](std::int64_t full) { return std::max<std::int64_t>(1, std::llround(share * static_cast<double>(full))); };
    const Ranks ranks = shape.size() == 2 ? Ranks{part(std::min(shape[0], shape[1])), 0} : Ranks{part(shape[3]), part(shape[0])};
    if (!factors_are_smaller(shape, ranks)) return {};
    const std::vector<float> after = product_of(factors_of(before, shape, ranks));
    double lost = 0;
    for (std::size_t i = 0; i < after.size(); ++i) lost += (before[i] - after[i]) * (before[i] - after[i]);
    if (lost <= kLostSquares * all) return ranks;
  }
  return {};
}

/// Bytes of one weight in its form, encoded.
Bytes form_bytes(const Graph& graph, const WeightForm& form) {
  const Graph formed = with_forms(graph, {{form}, 0, 0});
  std::vector<std::int8_t> pattern;
  for (const float w : formed.value(form.weight).data.as<float>()) pattern.push_back(w != 0);
  const std::int64_t rows = graph.type(form.weight).shape[0];
  return encoded_bytes(pattern, rows, smallest_encoding(pattern, rows, 8));
}

}  // namespace

SparseComp run_sparsecomp(const Graph& trainable, std::span<const Tensor> inputs, const Samples& train, const TrainOptions& options,
                          Bytes target, const std::filesystem::path& checkpoints, const TrainOn& train_on) {
  SparseComp result;
  result.search.classes = channel_classes(trainable);
  result.search.plan.kept.assign(static_cast<std::size_t>(result.search.classes.count), 1);
  for (const Node& node : trainable.nodes) {
    const auto* conv = std::get_if<Conv2d>(&node.op);
    if (!conv && !std::holds_alternative<Linear>(node.op)) continue;
    const Value& weight = trainable.value(node.inputs[1]);
    const bool grouped = conv && conv->groups > 1;
    const Ranks ranks = grouped || !weight.constant() ? Ranks{} : ranks_for(weight);
    result.search.layers.push_back({node.name, node.inputs[1], conv != nullptr, grouped, grouped ? "grouped" : "", -1, -1});
    result.search.plan.layers.push_back({node.name, 1, 1, 8, ranks});
    result.search.sensitivity.push_back(0);
  }
  result.graph = trainable_form(apply_structure(trainable, result.search.classes, result.search.plan), inputs);
  result.forms = {{}, 0, 0};
  for (const Node& node : result.graph.nodes) {
    const auto* conv = std::get_if<Conv2d>(&node.op);
    if ((conv && conv->groups == 1) || std::holds_alternative<Linear>(node.op)) result.forms.weights.push_back({node.inputs[1], 1, 1, 8, {}});
  }

  TrainOptions round = options;
  round.epochs = 1;
  round.warmup_epochs = 0;
  round.views = 0;
  const double images = static_cast<double>(options.epochs) * static_cast<double>(train.size()) / kMostRounds;
  const auto share = std::clamp<std::int64_t>(static_cast<std::int64_t>(images), std::min<std::int64_t>(options.batch, train.size()), train.size());
  double before = -1;
  std::set<std::size_t> fragile;
  for (; result.rounds < kMostRounds && exported_with(result.graph, result.forms) > target; ++result.rounds) {
    if (fragile.size() == result.forms.weights.size()) fragile.clear();
    std::size_t largest = result.forms.weights.size();
    Bytes most = -1;
    for (std::size_t i = 0; i < result.forms.weights.size(); ++i) {
      const Bytes bytes = fragile.contains(i) ? -1 : form_bytes(result.graph, result.forms.weights[i]);
      if (bytes > most) most = bytes, largest = i;
    }
    WeightForms cut = result.forms;
    cut.weights[largest].density *= kCut;
    std::vector<std::int64_t> drawn = permutation(train.size(), RandomStream(options.seed, static_cast<std::uint64_t>(result.rounds), kRoundSamples));
    drawn.resize(static_cast<std::size_t>(share));
    round.forms = cut;
    if (!checkpoints.empty()) round.checkpoint = checkpoints / fmt::format("round-{}.checkpoint", result.rounds);
    const TrainResult trained = train_on(result.graph, subset(train, drawn), round);
    if (before >= 0 && trained.validation_accuracy < before - kFragile) {
      fragile.insert(largest);
      ++result.fragile;
      continue;
    }
    before = trained.validation_accuracy;
    result.graph = trained.shadow;
    result.forms = std::move(cut);
  }
  // No rounds are left: the rest is cut at once, as little as possible of every layer.
  if (exported_with(result.graph, result.forms) > target) {
    WeightForms cut = result.forms;
    for (int i = 0; i < 200 && exported_with(result.graph, cut) > target; ++i) {
      for (WeightForm& form : cut.weights) form.density *= 0.95;
    }
    if (exported_with(result.graph, cut) > target) {
      fail("the NVM limit of {} cannot be met by SparseComp: its biases, scales and factors alone take {}", bytes_text(target),
           bytes_text(exported_with(result.graph, cut)));
    }
    result.forms = cut;
  }
  return result;
}

}  // namespace mj
