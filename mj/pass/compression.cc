// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/compression.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>

#include "mj/base/error.h"
#include "mj/base/parallel.h"
#include "mj/ir/cost.h"
#include "mj/pass/at.h"
#include "mj/pass/compression_choices.h"
#include "mj/pass/lower.h"

namespace mj {
std::vector<std::string> weight_nodes(const LayerPlan& layer, bool conv) {
  if (layer.ranks.in == 0) return {layer.node};
  if (conv) return {layer.node + ".in", layer.node + ".core", layer.node};
  return {layer.node + ".in", layer.node};
}

Graph apply_structure(const Graph& graph, const ChannelClasses& classes, const CompressionPlan& plan) {
  Graph result = narrow_channels(graph, classes, plan.kept);
  for (const LayerPlan& layer : plan.layers) {
    if (layer.ranks.in > 0) result = factorise(result, layer.node, layer.ranks);
  }
  return result;
}

CompressionOptions::CompressionOptions(const Graph& graph, std::map<ValueId, std::vector<float>> fisher,
                                       std::vector<double> importance, const Platform& platform)
    : graph_(graph),
      fisher_(std::move(fisher)),
      importance_(std::move(importance)),
      platform_(platform),
      classes_(channel_classes(graph)) {
  MJ_CHECK(static_cast<std::int32_t>(importance_.size()) == classes_.count);
  std::vector<int> group_of(at(classes_.count), -1);
  for (std::size_t g = 0; g < classes_.groups.size(); ++g) {
    std::vector<std::int32_t> order = classes_.groups[g];
    for (const std::int32_t id : order) group_of[at(id)] = static_cast<int>(g);
    std::ranges::stable_sort(order, [&](std::int32_t a, std::int32_t b) { return importance_[at(a)] > importance_[at(b)]; });
    std::vector<std::int64_t> counts;
    for (const double width : kWidths) {
      const auto count = std::max<std::int64_t>(1, std::llround(width * static_cast<double>(order.size())));
      if (counts.empty() || count < counts.back()) counts.push_back(count);
    }
    ranked_.push_back(std::move(order));
    kept_counts_.push_back(std::move(counts));
  }
  const auto group_of_value = [&](ValueId value) {
    for (const std::int32_t id : classes_.of_value[at(value)]) {
      if (group_of[at(id)] >= 0) return group_of[at(id)];
    }
    return -1;
  };
  std::map<ValueId, int> readers;
  for (const Node& node : graph_.nodes) {
    if (node.inputs.size() > 1) ++readers[node.inputs[1]];
  }
  Bytes stored = 0;
  for (const Node& node : graph_.nodes) {
    const auto* conv = std::get_if<Conv2d>(&node.op);
    if (!conv && !std::holds_alternative<Linear>(node.op)) continue;
    Layer layer{node.name, node.inputs[1], conv != nullptr, false, "", group_of_value(node.inputs[0]), group_of_value(node.output)};
    if (!graph_.value(layer.weight).constant()) {
      layer.fixed = true, layer.reason = "its weight is computed";
    } else if (conv && conv->groups > 1) {
      layer.fixed = true, layer.reason = "grouped: too few weights per output to take any away";
    } else if (readers[layer.weight] > 1) {
      layer.fixed = true, layer.reason = "its weight is shared with another layer";
    } else if (!fisher_.contains(layer.weight)) {
      layer.fixed = true, layer.reason = "no output depends on it";
    }
    if (graph_.value(layer.weight).constant()) {
      const Type& type = graph_.type(layer.weight);
      stored += type.count() + type.shape[0] * kChannelBytes;
    }
    layers_.push_back(std::move(layer));
  }
  fixed_bytes_ = static_cast<double>(exported_bytes(lower_for_estimate(graph_)) - stored);

  rank_errors_.resize(layers_.size()), coarser_.resize(layers_.size());
  choices_.resize(layers_.size());
  parallel_for(static_cast<std::int64_t>(layers_.size()), [&](std::int64_t i) {
    const std::size_t l = at(i);
    std::vector<Choice>& all = choices_[l];
    if (layers_[l].fixed) {
      all.push_back({1, 1, 8, 0});
      return;
    }
    const Shape& shape = graph_.type(layers_[l].weight).shape;
    for (const int bits : {8, 4}) {
      for (const double density : kDensities) all.push_back({density, 1, bits, 0});
      for (const double density : kDensities) {
        if (density < 1 && shape.back() % 4 == 0) all.push_back({density, 4, bits, 0});
      }
    }
    for (const double share : kRankShares) {
      const Ranks ranks = ranks_at(shape, share);
      if (!factors_are_smaller(shape, ranks)) continue;
      rank_errors_[l].push_back({share, rank_error(l, ranks)});
      for (const int bits : {8, 4}) {
        for (const double density : kFactorDensities) all.push_back({density, 1, bits, share});
      }
    }
    for (const int bits : {8, 4}) coarser_[l][bits] = coarser_with_one_scale(l, bits);
    const std::size_t per_row = all.size();
    for (std::size_t c = 0; c < per_row; ++c) {
      all.push_back(all[c]);
      all.back().per_tensor = true;
    }
  });
}

const Node& CompressionOptions::node(std::size_t layer) const {
  const auto found = std::ranges::find(graph_.nodes, layers_[layer].node, &Node::name);
  MJ_CHECK(found != graph_.nodes.end());
  return *found;
}

Ranks CompressionOptions::ranks_at(const Shape& weight, double share) const {
  const auto part = [&](std::int64_t full) { return std::max<std::int64_t>(1, std::llround(share * static_cast<double>(full))); };
  if (weight.size() == 2) return {part(std::min(weight[0], weight[1])), 0};
  return {part(weight[3]), part(weight[0])};
}

Ranks CompressionOptions::ranks_of(std::size_t layer, double share) const {
  const Shape& shape = graph_.type(layers_[layer].weight).shape;
  const Ranks ranks = ranks_at(shape, share);
  return factors_are_smaller(shape, ranks) ? ranks : Ranks{};
}

double CompressionOptions::width_at(std::size_t group, int level) const {
  return static_cast<double>(kept_counts_[group][at(level)]) / static_cast<double>(ranked_[group].size());
}

std::vector<char> CompressionOptions::kept_at(const std::vector<int>& level) const {
  std::vector<std::int64_t> counts;
  for (std::size_t g = 0; g < ranked_.size(); ++g) counts.push_back(kept_counts_[g][at(level[g])]);
  return most_important(counts);
}

std::vector<char> CompressionOptions::most_important(const std::vector<std::int64_t>& counts) const {
  std::vector<char> kept(at(classes_.count), 1);
  for (std::size_t g = 0; g < ranked_.size(); ++g) {
    for (std::size_t i = at(counts[g]); i < ranked_[g].size(); ++i) kept[at(ranked_[g][i])] = 0;
  }
  // Of layers that share a group, the less important one may have lost all its channels.
  for (const auto& ids : classes_.of_value) {
    if (ids.empty() || std::ranges::any_of(ids, [&](std::int32_t id) { return kept[at(id)] != 0; })) continue;
    kept[at(*std::ranges::max_element(ids, {}, [&](std::int32_t id) { return importance_[at(id)]; }))] = 1;
  }
  return kept;
}

std::vector<std::int64_t> CompressionOptions::kept_indices(ValueId value, const std::vector<char>& kept) const {
  std::vector<std::int64_t> indices;
  const auto& ids = classes_.of_value[at(value)];
  for (std::size_t c = 0; c < ids.size(); ++c) {
    if (kept[at(ids[c])]) indices.push_back(static_cast<std::int64_t>(c));
  }
  return indices;
}

AllocationProblem CompressionOptions::problem(const ErrorScales& scales) const {
  AllocationProblem problem;
  problem.bytes = fixed_bytes_;
  const auto group_count = groups();
  for (std::size_t g = 0; g < group_count; ++g) {
    std::vector<double> errors;
    for (int level = 0; level < levels(g); ++level) errors.push_back(scales.narrow[g].at(width_at(g, level)) * narrow_error(g, level));
    problem.group_error.push_back(std::move(errors));
    problem.group_energy.emplace_back(at(levels(g)), 0.0);
  }
  // What is neither convolution nor linear, nor gone in the lowered network: its energy goes with its channels.
  for (const Node& other : graph_.nodes) {
    const bool weighted = std::holds_alternative<Conv2d>(other.op) || std::holds_alternative<Linear>(other.op);
    const bool fused = std::holds_alternative<BatchNorm>(other.op) || std::holds_alternative<Clamp>(other.op);
    if (weighted || fused) continue;
    const double joules = kernel_cycles(cost(graph_, other), platform_) * platform_.energy_per_cycle_j.value;
    int group = -1;
    for (std::size_t g = 0; g < group_count && group < 0; ++g) {
      for (const std::int32_t id : classes_.of_value[at(other.output)]) {
        if (std::ranges::binary_search(classes_.groups[g], id)) group = static_cast<int>(g);
      }
    }
    if (group < 0) {
      problem.energy += joules;
      continue;
    }
    for (int level = 0; level < levels(at(group)); ++level) {
      problem.group_energy[at(group)][at(level)] += joules * width_at(at(group), level);
    }
  }
  if (platform_.boots_per_inference) problem.energy += platform_.boot_energy_j.value;
  problem.layers.resize(layers_.size());
  std::vector<std::pair<std::size_t, std::size_t>> cells;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Layer& layer = layers_[l];
    const int ins = layer.in < 0 ? 1 : levels(at(layer.in)), outs = layer.out < 0 ? 1 : levels(at(layer.out));
    problem.layers[l].in = layer.in, problem.layers[l].out = layer.out;
    problem.layers[l].options.resize(at(ins * outs));
    for (int i = 0; i < ins * outs; ++i) cells.emplace_back(l, at(i));
  }
  parallel_for(static_cast<std::int64_t>(cells.size()), [&](std::int64_t i) {
    const auto [l, cell] = cells[at(i)];
    const Layer& layer = layers_[l];
    const std::size_t outs = layer.out < 0 ? 1 : at(levels(at(layer.out)));
    std::vector<int> level(group_count, 0);
    if (layer.in >= 0) level[at(layer.in)] = static_cast<int>(cell / outs);
    if (layer.out >= 0) level[at(layer.out)] = static_cast<int>(cell % outs);
    problem.layers[l].options[cell] = options_at(l, kept_at(level), scales);
  });
  return problem;
}

CompressionPlan CompressionOptions::plan_of(const Allocation& allocation) const {
  CompressionPlan plan{kept_at(allocation.level), {}};
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Choice& choice = choices_[l][at(allocation.option[l])];
    LayerPlan layer{layers_[l].node, choice.density, choice.block, choice.bits, {}, choice.per_tensor};
    if (choice.rank_share > 0) {
      Shape now = graph_.type(layers_[l].weight).shape;
      now.front() = static_cast<std::int64_t>(kept_indices(node(l).output, plan.kept).size());
      now.back() = static_cast<std::int64_t>(kept_indices(node(l).inputs[0], plan.kept).size());
      layer.ranks = ranks_at(now, choice.rank_share);
    }
    plan.layers.push_back(std::move(layer));
  }
  return plan;
}

CompressionPlan CompressionOptions::unchanged() const {
  CompressionPlan plan{kept_at(std::vector<int>(groups(), 0)), {}};
  for (const Layer& layer : layers_) plan.layers.push_back({layer.node, 1, 1, 8, {}, false});
  return plan;
}

CompressionPlan CompressionOptions::uniform(double width, int bits) const {
  CompressionPlan plan;
  std::vector<std::int64_t> counts;
  for (const auto& ids : ranked_) counts.push_back(std::max<std::int64_t>(1, std::llround(width * static_cast<double>(ids.size()))));
  plan.kept = most_important(counts);
  for (const Layer& layer : layers_) plan.layers.push_back({layer.node, 1, 1, layer.fixed ? 8 : bits, {}, false});
  return plan;
}

CompressionPlan CompressionOptions::narrowed(std::size_t group, int level) const {
  CompressionPlan plan = unchanged();
  std::vector<int> levels(groups(), 0);
  levels[group] = level;
  plan.kept = kept_at(levels);
  return plan;
}

}  // namespace mj
