// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/compress_search.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "mj/base/error.h"
#include "mj/base/random.h"
#include "mj/pass/channel_affine.h"
#include "mj/pass/lower.h"

namespace mj {
namespace {

constexpr std::int64_t kFisherImages = 1024;
constexpr std::int64_t kMeasuredImages = 256;
constexpr double kReportedDensity = 0.25;
constexpr std::uint64_t kMeasured = 0x636f6d70;  // the stream that draws the images of the measurement

Graph with_weight(Graph graph, ValueId weight, const std::vector<float>& elements) {
  graph.value(weight).data = Constant::of(std::span<const float>(elements));
  return graph;
}

/// Measured over estimated; estimates of nothing, and measurements of next to nothing, say little.
double scale_of(double measured, double estimated) {
  if (!(estimated > 1e-12) || !std::isfinite(measured)) return 1;
  return std::clamp(measured / estimated, 1e-3, 1e3);
}

/// Measures what single changes do.
class ChangeMeasurement {
 public:
  ChangeMeasurement(const Graph& graph, const CompressionOptions& options, Samples samples, Device device)
      : graph_(graph), options_(options), samples_(std::move(samples)), device_(device), before_(logits(graph, samples_, device)) {}

  double of(const Graph& changed) const {
    return divergence(before_, logits(changed, samples_, device_), class_count(graph_));
  }

  ErrorScales scales(std::vector<double>& sensitivity, Progress& progress) const {
    const auto& layers = options_.layers();
    ErrorScales scales;
    scales.sparse.resize(layers.size()), scales.rank.resize(layers.size());
    scales.bits.assign(layers.size(), 1), scales.narrow.resize(options_.groups());
    sensitivity.assign(layers.size(), 0);
    progress.begin("measuring options", static_cast<std::int64_t>(layers.size() + options_.groups()), "layers");
    for (std::size_t l = 0; l < layers.size(); ++l) {
      if (!layers[l].fixed) measure_layer(l, scales, sensitivity);
      progress.update(static_cast<std::int64_t>(l) + 1, "");
    }
    for (std::size_t g = 0; g < options_.groups(); ++g) {
      const int last = options_.levels(g) - 1;
      for (const int level : {last, last / 2}) {
        if (level < 1) continue;
        const Graph narrow = narrow_channels(graph_, options_.classes(), options_.narrowed(g, level).kept);
        scales.narrow[g].add(options_.width_at(g, level), scale_of(of(narrow), options_.narrow_error(g, level)));
      }
      progress.update(static_cast<std::int64_t>(layers.size() + g) + 1, "");
    }
    progress.end(fmt::format("{} layers, {} groups of channels", layers.size(), options_.groups()));
    return scales;
  }

 private:
  void measure_layer(std::size_t l, ErrorScales& scales, std::vector<double>& sensitivity) const {
    const ValueId weight = options_.layers()[l].weight;
    const auto formed = [&](double density, int bits) { return of(with_forms(graph_, {{{weight, density, 1, bits, false, {}}}, 0, 0})); };
    for (const double density : {0.015, 0.06, 0.25, 0.5}) {
      const double measured = formed(density, 0);
      if (density == kReportedDensity) sensitivity[l] = measured;
      scales.sparse[l].add(density, scale_of(measured, options_.sparse_error(l, density)));
    }
    scales.bits[l] = scale_of(formed(1, 4), options_.bits_error(l, 4));
    const Value& value = graph_.value(weight);
    for (const double share : {0.125, 0.25, 0.5}) {
      const Ranks ranks = options_.ranks_of(l, share);
      if (ranks.in == 0) continue;
      const auto factors = factors_of(value.data.as<float>(), value.type.shape, ranks);
      scales.rank[l].add(share, scale_of(of(with_weight(graph_, weight, product_of(factors))), options_.rank_error(l, ranks)));
    }
  }

  const Graph& graph_;
  const CompressionOptions& options_;
  const Samples samples_;
  const Device device_;
  const std::vector<float> before_;
};

/// Importance of every class: of all batch-norms it goes through.
std::vector<double> importance_of(const ChannelClasses& classes, const Sensitivity& sensitivity) {
  std::vector<double> importance(static_cast<std::size_t>(classes.count), 0);
  for (const auto& [value, channels] : sensitivity.channel) {
    const auto& ids = classes.of_value[static_cast<std::size_t>(value)];
    for (std::size_t c = 0; c < channels.size(); ++c) importance[static_cast<std::size_t>(ids[c % ids.size()])] += channels[c];
  }
  return importance;
}

/// Narrows groups step by step, where a step costs least error per byte of RAM, until the limit is met.
std::vector<int> levels_for_ram(const Graph& graph, const CompressionOptions& options, const AllocationProblem& problem,
                                Bytes limit, const Platform& platform) {
  const std::size_t groups = options.groups();
  std::vector<int> level(groups, 0);
  const auto ram_at = [&](const std::vector<int>& levels) {
    CompressionPlan plan = options.unchanged();
    std::vector<char> kept(plan.kept.size(), 1);
    for (std::size_t g = 0; g < groups; ++g) {
      const std::vector<char> one = options.narrowed(g, levels[g]).kept;
      for (std::size_t i = 0; i < kept.size(); ++i) kept[i] = kept[i] && one[i];
    }
    return ram_bytes(narrow_channels(graph, options.classes(), kept), platform);
  };
  Bytes now = ram_at(level);
  while (now > limit) {
    std::size_t best = groups;
    double least = 0;
    for (std::size_t g = 0; g < groups; ++g) {
      if (level[g] + 1 >= options.levels(g)) continue;
      std::vector<int> next = level;
      ++next[g];
      const Bytes ram = ram_at(next);
      if (ram >= now) continue;
      const double price = (problem.group_error[g][static_cast<std::size_t>(next[g])] - problem.group_error[g][static_cast<std::size_t>(level[g])]) /
                           static_cast<double>(now - ram);
      if (best == groups || price < least) best = g, least = price;
    }
    bool moved = best < groups;
    if (moved) {
      ++level[best];
    } else {  // two activations of one size: only both together help
      for (std::size_t g = 0; g < groups; ++g) {
        if (level[g] + 1 < options.levels(g)) ++level[g], moved = true;
      }
    }
    if (!moved) {
      fail("the RAM limit of {} cannot be met on {}: the smallest possible with this input and these layers is {}; firmware emitted with "
           "--intermittent keeps activations in non-volatile memory instead",
           bytes_text(limit), platform.name, bytes_text(now));
    }
    now = ram_at(level);
  }
  return level;
}

/// Says which limit binds. `wanted` may be tighter than `limits`, by what plans turned out to exceed their estimates.
[[noreturn]] void cannot_meet(const AllocationProblem& problem, const AllocationLimits& wanted, const CompressLimits& limits,
                              const Platform& platform) {
  const double bytes = fewest_bytes(problem, wanted).bytes, energy = least_energy(problem, wanted).energy;
  if (bytes > wanted.bytes) {
    fail("the NVM limit of {} cannot be met: the fewest exported bytes these layers can be brought to are about {}", bytes_text(*limits.nvm),
         bytes_text(static_cast<Bytes>(std::ceil(bytes * static_cast<double>(*limits.nvm) / wanted.bytes))));
  }
  if (energy > wanted.energy) {
    fail("the energy limit of {} cannot be met on {}: the least these layers can be brought to is about {}", to_text(*limits.energy), platform.name,
         to_text(Joules{energy * limits.energy->value / wanted.energy}));
  }
  fail("the limits of NVM and energy cannot be met together on {}; each alone can", platform.name);
}

}  // namespace

WeightForms forms_of(const Graph& graph, const CompressSearch& search) {
  WeightForms forms;
  for (std::size_t l = 0; l < search.plan.layers.size(); ++l) {
    const LayerPlan& layer = search.plan.layers[l];
    if (search.layers[l].fixed && search.layers[l].reason.starts_with("its weight")) continue;
    for (const std::string& name : weight_nodes(layer, search.layers[l].conv)) {
      const auto node = std::ranges::find(graph.nodes, name, &Node::name);
      MJ_CHECK(node != graph.nodes.end());
      const int block = graph.type(node->inputs[1]).shape.back() % 4 == 0 ? layer.block : 1;
      const bool per_tensor = graph.value(node->inputs[1]).encoding.per_tensor || (name == layer.node && layer.per_tensor);
      forms.weights.push_back({node->inputs[1], layer.density, block, layer.bits, per_tensor, {}});
    }
  }
  return forms;
}

Graph with_bits(Graph graph, const WeightForms& forms) {
  for (const WeightForm& form : forms.weights) {
    graph.value(form.weight).encoding = {Layout::kDense, form.bits == 4 ? 4 : 8, form.per_tensor};
  }
  return graph;
}

Estimate formed_estimate(const Graph& shadow, const WeightForms& forms, const Platform& platform) {
  return estimate(lower_for_estimate(with_bits(with_forms(shadow, forms), forms)), platform);
}

bool meets(const CompressLimits& limits, const Estimate& estimate) {
  return (!limits.nvm || estimate.exported_bytes <= *limits.nvm) && (!limits.ram || estimate.ram_bytes <= *limits.ram) &&
         (!limits.energy || estimate.energy <= *limits.energy);
}

Bytes exported_with(const Graph& shadow, const WeightForms& forms) {
  return exported_bytes(lower_for_estimate(with_bits(with_forms(shadow, forms), forms)));
}

Bytes ram_bytes(const Graph& graph, const Platform& platform) { return estimate(lower_for_estimate(graph), platform).ram_bytes; }

double divergence(const std::vector<float>& before, const std::vector<float>& after, std::int64_t classes) {
  MJ_CHECK(before.size() == after.size() && classes > 0);
  const auto k = static_cast<std::size_t>(classes);
  const auto log_sum = [&](const std::vector<float>& z, std::size_t row) {
    const double most = *std::max_element(z.begin() + static_cast<std::ptrdiff_t>(row), z.begin() + static_cast<std::ptrdiff_t>(row + k));
    double sum = 0;
    for (std::size_t c = 0; c < k; ++c) sum += std::exp(z[row + c] - most);
    return most + std::log(sum);
  };
  double total = 0;
  for (std::size_t row = 0; row < before.size(); row += k) {
    const double a = log_sum(before, row), b = log_sum(after, row);
    for (std::size_t c = 0; c < k; ++c) {
      const double p = before[row + c] - a, q = after[row + c] - b;
      total += std::exp(p) * (p - q);
    }
  }
  return before.empty() ? 0 : std::max(total, 0.0) / static_cast<double>(before.size() / k);
}

CompressSearch search_compression(const Graph& trainable, const Samples& train, const Samples& validation,
                                  const CompressLimits& limits, const Platform& platform, std::uint64_t seed, Device device,
                                  Progress& progress) {
  Sensitivity sensitivity = fisher_information(trainable, train, kFisherImages, seed, device, progress);
  std::vector<double> importance = importance_of(channel_classes(trainable), sensitivity);
  const CompressionOptions options(trainable, std::move(sensitivity.weight), std::move(importance), platform);
  std::vector<std::int64_t> drawn = permutation(validation.size(), RandomStream(seed, kMeasured));
  drawn.resize(std::min<std::size_t>(drawn.size(), kMeasuredImages));
  CompressSearch result;
  const ChangeMeasurement measurement(trainable, options, subset(validation, drawn), device);
  const ErrorScales scales = measurement.scales(result.sensitivity, progress);
  AllocationProblem problem = options.problem(scales);

  AllocationLimits wanted;
  if (limits.nvm) wanted.bytes = static_cast<double>(*limits.nvm);
  if (limits.energy) wanted.energy = limits.energy->value;
  if (limits.ram) wanted.least_level = levels_for_ram(trainable, options, problem, *limits.ram, platform);
  result.classes = options.classes();
  result.layers = options.layers();
  // What the options add up to is an estimate; the plan itself is lowered and counted, and limits are tightened by what it
  // exceeds them.
  constexpr int kAttempts = 6;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const std::optional<Allocation> found = allocate(problem, wanted);
    if (!found) cannot_meet(problem, wanted, limits, platform);
    result.allocation = *found;
    result.plan = options.plan_of(*found);
    const Graph graph = apply_structure(trainable, result.classes, result.plan);
    const Estimate cost = formed_estimate(graph, forms_of(graph, result), platform);
    result.ram_bytes = cost.ram_bytes;
    if (meets(limits, cost)) break;
    if (limits.nvm && cost.exported_bytes > *limits.nvm) {
      wanted.bytes *= 0.998 * static_cast<double>(*limits.nvm) / static_cast<double>(cost.exported_bytes);
    }
    if (limits.energy && cost.energy > *limits.energy) wanted.energy *= 0.998 * (*limits.energy / cost.energy);
    if (limits.ram && cost.ram_bytes > *limits.ram) {
      // The intermediate activations of factors go beyond the limit: without factors the widths chosen above keep it.
      for (std::size_t l = 0; l < problem.layers.size(); ++l) {
        for (auto& cell : problem.layers[l].options) {
          for (std::size_t i = 0; i < cell.size(); ++i) {
            if (options.factorises(l, i)) cell[i].bytes = cell[i].energy = cell[i].error = 1e30;
          }
        }
      }
    }
  }
  return result;
}

CompressSearch search_uniform(const Graph& trainable, const Samples& train, const CompressLimits& limits, int bits,
                              const Platform& platform, std::uint64_t seed, Device device, Progress& progress) {
  Sensitivity sensitivity = fisher_information(trainable, train, kFisherImages, seed, device, progress);
  std::vector<double> importance = importance_of(channel_classes(trainable), sensitivity);
  const CompressionOptions options(trainable, std::move(sensitivity.weight), std::move(importance), platform);
  CompressSearch result;
  result.classes = options.classes();
  result.layers = options.layers();
  result.sensitivity.assign(result.layers.size(), 0);
  constexpr int kSteps = 64;
  Bytes bytes = 0;
  for (int step = kSteps; step > 0; --step) {
    result.plan = options.uniform(static_cast<double>(step) / kSteps, bits);
    const Graph graph = apply_structure(trainable, result.classes, result.plan);
    const Estimate cost = estimate(lower_for_estimate(graph), platform);
    result.ram_bytes = cost.ram_bytes;
    bytes = exported_with(graph, forms_of(graph, result));
    const bool fits = (!limits.nvm || bytes <= *limits.nvm) && (!limits.ram || cost.ram_bytes <= *limits.ram) &&
                      (!limits.energy || cost.energy <= *limits.energy);
    if (fits) return result;
  }
  fail("no width of the network with {}-bit weights meets the limits: one channel per layer takes {} exported and {} of RAM", bits,
       bytes_text(bytes), bytes_text(result.ram_bytes));
}

}  // namespace mj
