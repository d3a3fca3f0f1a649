// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/compression.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>
#include <variant>

#include "mj/base/error.h"
#include "mj/base/parallel.h"
#include "mj/base/random.h"
#include "mj/ir/cost.h"
#include "mj/ir/encoding.h"
#include "mj/pass/channel_affine.h"
#include "mj/pass/lower.h"

namespace mj {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

// Shares of channels a group may keep, of elements a layer may keep, of its rank.
constexpr double kWidths[] = {1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25};
constexpr double kDensities[] = {1, 0.7, 0.5, 0.35, 0.25, 0.18, 0.125, 0.09, 0.06, 0.045, 0.03, 0.02, 0.01};
constexpr double kRankShares[] = {0.5, 0.375, 0.25, 0.125};
constexpr double kFactorDensities[] = {1, 0.5, 0.25, 0.125, 0.06};
constexpr std::size_t kSampledRows = 16;
constexpr Bytes kChannelBytes = 4 + 4 + 1;  // bias, multiplier and shift of an output channel
constexpr Bytes kBiasBytes = 4;
// What each factor has that is not the last: multiplier and shift of all its channels, and what describes its call.
constexpr Bytes kOneFactorBytes = 4 + 4;
constexpr Bytes kConvFactorBytes = kOneFactorBytes + 52, kLinearFactorBytes = kOneFactorBytes + 26;

/// Share of the sum of squares that a normal distribution has in its smallest elements when `density` of them stay:
/// 1 - d - 2 t phi(t), where a share d lies beyond t.
double cut_share(double density) {
  if (density >= 1) return 0;
  double low = 0, high = 10;
  for (int i = 0; i < 60; ++i) {
    const double t = (low + high) / 2;
    (std::erfc(t / std::numbers::sqrt2) > density ? low : high) = t;
  }
  const double t = (low + high) / 2;
  return 1 - density - 2 * t * std::exp(-t * t / 2) / std::sqrt(2 * std::numbers::pi);
}

/// Mean squared rounding error of elements with this mean square and largest magnitude: a uniform grid of 255 steps, or
/// the best clipped one of 15 (0.0115 of the variance of a normal distribution; Max, IRE Trans. Inf. Theory 6, 1960).
double rounding_error(int bits, double mean_square, double largest) {
  const double step = largest / (bits == 4 ? 7 : 127);
  const double uniform = step * step / 12;
  return bits == 4 ? std::min(uniform, 0.0115 * mean_square) : uniform;
}

/// On a grid of these bits, of eight the one of least squared error with 4 (as training rounds).
std::vector<float> best_rounded(std::span<const float> elements, int bits) {
  float largest = 0;
  for (const float x : elements) largest = std::max(largest, std::abs(x));
  if (largest == 0) return {elements.begin(), elements.end()};
  const double most = bits == 4 ? 7 : 127;
  std::vector<float> best, rounded(elements.size());
  double least = 0;
  for (const double ratio : {1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3}) {
    const double step = largest * ratio / most;
    double error = 0;
    for (std::size_t i = 0; i < elements.size(); ++i) {
      rounded[i] = static_cast<float>(std::clamp(std::round(elements[i] / step), -most, most) * step);
      error += (rounded[i] - elements[i]) * (rounded[i] - elements[i]);
    }
    if (best.empty() || error < least) best = rounded, least = error;
    if (bits != 4) break;
  }
  return best;
}

/// What a weight takes and asks for, as `choose_encodings` will store it.
struct Stored {
  double bytes = 0, values = 0, symbols = 0;
  Encoding encoding;
};

/// Of a weight of `rows` rows with these elements not zero in the sampled rows.
Stored stored_estimate(const std::vector<std::int8_t>& sample, std::size_t sampled, std::size_t rows, int bits) {
  if (sampled == 0) return {};
  constexpr double kWorthDecoding = 0.75;  // plain int8 gives way to nothing larger
  const auto sampled_rows = static_cast<std::int64_t>(sampled);
  Encoding encoding = smallest_encoding(sample, sampled_rows, bits);
  EncodedSize size = encoded_size(sample, sampled_rows, encoding);
  if (bits == 8 && static_cast<double>(size.bytes) > kWorthDecoding * static_cast<double>(sample.size())) {
    encoding = {};
    size = encoded_size(sample, sampled_rows, encoding);
  }
  const double all = static_cast<double>(rows) / static_cast<double>(sampled);
  return {static_cast<double>(size.bytes) * all, static_cast<double>(size.values) * all, static_cast<double>(size.symbols) * all,
          encoding};
}

/// A pattern of zeros of this density, spread as by chance.
Stored random_pattern(std::size_t rows, std::size_t columns, double density, int bits) {
  const std::size_t sampled = std::min(rows, kSampledRows);
  RandomStream random(0x9a77e2, rows, columns);
  std::vector<std::int8_t> sample(sampled * columns, 1);
  for (std::int8_t& element : sample) element = density >= 1 || random.uniform() < density;
  return stored_estimate(sample, sampled, rows, bits);
}

}  // namespace

double ErrorScale::at(double share) const {
  if (points_.empty()) return 1;
  if (share <= points_.front().first) return points_.front().second;
  for (std::size_t i = 1; i < points_.size(); ++i) {
    const auto [low, scale_low] = points_[i - 1];
    const auto [high, scale_high] = points_[i];
    if (share > high) continue;
    const double part = std::log(share / low) / std::log(high / low);
    return scale_low * std::pow(scale_high / scale_low, part);
  }
  return points_.back().second;
}

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

double CompressionOptions::sparse_error(std::size_t layer, double density) const {
  const auto weight = graph_.value(layers_[layer].weight).data.as<float>();
  const std::vector<float>& fisher = fisher_.at(layers_[layer].weight);
  std::vector<std::size_t> order(weight.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return std::abs(weight[a]) > std::abs(weight[b]); });
  double error = 0;
  for (auto i = at(std::llround(density * static_cast<double>(order.size()))); i < order.size(); ++i) {
    error += 0.5 * fisher[order[i]] * weight[order[i]] * weight[order[i]];
  }
  return error;
}

double CompressionOptions::bits_error(std::size_t layer, int bits) const {
  const auto weight = graph_.value(layers_[layer].weight).data.as<float>();
  const std::vector<float>& fisher = fisher_.at(layers_[layer].weight);
  const std::size_t rows = at(graph_.type(layers_[layer].weight).shape[0]), columns = weight.size() / rows;
  double error = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    double square = 0, largest = 0, information = 0;
    for (std::size_t c = 0; c < columns; ++c) {
      const double w = weight[r * columns + c];
      square += w * w, largest = std::max(largest, std::abs(w)), information += fisher[r * columns + c];
    }
    error += 0.5 * information * rounding_error(bits, square / static_cast<double>(columns), largest);
  }
  return error;
}

double CompressionOptions::coarser_with_one_scale(std::size_t layer, int bits) const {
  const auto weight = graph_.value(layers_[layer].weight).data.as<float>();
  const std::vector<float>& fisher = fisher_.at(layers_[layer].weight);
  const std::size_t rows = at(graph_.type(layers_[layer].weight).shape[0]), columns = weight.size() / rows;
  // Rows as they are stored: scaled by the batch-norm behind them.
  std::vector<double> size(rows, 1);
  for (const Node& other : graph_.nodes) {
    if (std::holds_alternative<BatchNorm>(other.op) && other.inputs[0] == node(layer).output) size = affine_of(graph_, other).scale;
  }
  std::vector<float> scaled(weight.begin(), weight.end());
  for (std::size_t i = 0; i < scaled.size(); ++i) scaled[i] *= static_cast<float>(size[i / columns]);
  const auto error = [&](const std::vector<float>& rounded) {
    double sum = 0;
    for (std::size_t i = 0; i < scaled.size(); ++i) {
      const double by = size[i / columns];
      if (by != 0) sum += fisher[i] * (rounded[i] - scaled[i]) * (rounded[i] - scaled[i]) / (by * by);
    }
    return sum;
  };
  std::vector<float> per_row;
  for (std::size_t r = 0; r < rows; ++r) {
    const std::vector<float> rounded = best_rounded(std::span<const float>(scaled).subspan(r * columns, columns), bits);
    per_row.insert(per_row.end(), rounded.begin(), rounded.end());
  }
  return std::max(error(best_rounded(scaled, bits)) / std::max(error(per_row), 1e-30), 1.0);
}

double CompressionOptions::rank_error(std::size_t layer, const Ranks& ranks) const {
  const Value& weight = graph_.value(layers_[layer].weight);
  const auto before = weight.data.as<float>();
  const std::vector<float> after = product_of(factors_of(before, weight.type.shape, ranks));
  const std::vector<float>& fisher = fisher_.at(layers_[layer].weight);
  double error = 0;
  for (std::size_t i = 0; i < after.size(); ++i) {
    const double change = before[i] - after[i];
    error += 0.5 * fisher[i] * change * change;
  }
  return error;
}

double CompressionOptions::narrow_error(std::size_t group, int level) const {
  double error = 0;
  for (std::size_t i = at(kept_counts_[group][at(level)]); i < ranked_[group].size(); ++i) {
    error += 0.5 * importance_[at(ranked_[group][i])];
  }
  return error;
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

std::vector<LayerOption> CompressionOptions::options_at(std::size_t l, const std::vector<char>& kept, const ErrorScales& scales) const {
  const Layer& layer = layers_[l];
  const Node& n = node(l);
  const std::vector<std::int64_t> rows = kept_indices(n.output, kept);
  const auto outputs = static_cast<double>(rows.size());
  const Shape& out_shape = graph_.type(n.output).shape;
  const double places = static_cast<double>(element_count(out_shape)) / static_cast<double>(out_shape.back());
  const double in_places = layer.conv ? static_cast<double>(element_count(graph_.type(n.inputs[0]).shape)) /
                                            static_cast<double>(graph_.type(n.inputs[0]).shape.back())
                                      : 1;
  if (!graph_.value(layer.weight).constant()) return {{}};
  const Shape& shape = graph_.type(layer.weight).shape;
  const bool grouped = layer.conv && std::get<Conv2d>(n.op).groups > 1;
  std::vector<std::int64_t> columns = grouped ? std::vector<std::int64_t>{} : kept_indices(n.inputs[0], kept);
  if (grouped) {
    columns.resize(at(shape.back()));
    std::iota(columns.begin(), columns.end(), 0);
  }
  const std::int64_t kernel = layer.conv ? shape[1] * shape[2] : 1;
  const auto depth = static_cast<std::size_t>(kernel) * columns.size();

  // Energy of one call: what the device does for the elements that are stored.
  const auto energy = [&](bool convolves, double positions, double channels, double window, const Stored& stored, bool bias) {
    Cost cost;
    cost.kernel = grouped            ? Kernel::kDepthwise
                  : convolves        ? conv_kernel(stored.encoding)
                                     : linear_kernel(stored.encoding);
    cost.macs = std::llround(stored.values * positions);
    cost.outputs = std::llround(channels * positions);
    cost.weight_bytes = std::llround(stored.bytes + (bias ? channels * kBiasBytes : 0));
    if (!stored.encoding.plain()) {
      cost.symbols = std::llround(stored.symbols * positions);
      if (convolves) cost.gathered = std::llround(window * positions);
    }
    return kernel_cycles(cost, platform_) * platform_.energy_per_cycle_j.value;
  };

  std::vector<LayerOption> options;
  if (layer.fixed) {
    const double weights = outputs * static_cast<double>(depth);
    options.push_back({0, weights + outputs * kChannelBytes,
                       energy(layer.conv, places, outputs, static_cast<double>(depth), {weights, weights, 0, {}}, true)});
    return options;
  }

  // The elements that are left, by size.
  const auto weight = graph_.value(layer.weight).data.as<float>();
  const std::vector<float>& fisher = fisher_.at(layer.weight);
  struct Element {
    float size;
    float information;
    std::uint32_t place;
  };
  std::vector<Element> elements;
  elements.reserve(rows.size() * depth);
  for (const std::int64_t row : rows) {
    for (std::int64_t k = 0; k < kernel; ++k) {
      for (const std::int64_t column : columns) {
        const std::size_t i = at((row * kernel + k) * shape.back() + column);
        elements.push_back({std::abs(weight[i]), fisher[i], static_cast<std::uint32_t>(elements.size())});
      }
    }
  }
  const std::size_t n_all = elements.size();
  double mean_square = 0, largest = 0, whole_error = 0, information = 0;
  for (const Element& e : elements) {
    mean_square += static_cast<double>(e.size) * e.size / static_cast<double>(n_all);
    largest = std::max<double>(largest, e.size);
    whole_error += 0.5 * e.information * e.size * e.size;
    information += 0.5 * e.information;
  }
  const double all_error = [&] {
    double sum = 0;
    for (std::size_t i = 0; i < weight.size(); ++i) sum += 0.5 * fisher[i] * weight[i] * weight[i];
    return sum;
  }();

  // For each way to choose zeros, what is cut and what stays at every density.
  struct Kept {
    double cut_error = 0, information = 0;
    Stored stored8, stored4;
  };
  std::map<std::pair<int, double>, Kept> kept_of;
  for (const int block : {1, 4}) {
    if (block == 4 && columns.size() % 4 != 0) continue;
    const std::size_t run = static_cast<std::size_t>(block), blocks = n_all / run;
    std::vector<std::pair<float, std::uint32_t>> order(blocks);
    for (std::size_t b = 0; b < blocks; ++b) {
      float size = 0;
      for (std::size_t k = 0; k < run; ++k) size += elements[b * run + k].size;
      order[b] = {-size, static_cast<std::uint32_t>(b)};
    }
    std::ranges::sort(order);
    const std::size_t sampled = std::min(rows.size(), kSampledRows);
    std::vector<std::int8_t> sample(sampled * depth, 0);
    // Rows spread over the whole weight.
    const auto sample_row = [&](std::size_t row) -> std::int64_t {
      const std::size_t slot = row * sampled / rows.size();
      return slot * rows.size() / sampled + (slot * rows.size() % sampled != 0) == row ? static_cast<std::int64_t>(slot) : -1;
    };
    Kept sum;
    double done_error = 0;
    std::size_t next = 0;
    for (auto density = std::rbegin(kDensities); density != std::rend(kDensities); ++density) {
      const auto count = std::clamp<std::size_t>(at(std::llround(*density * static_cast<double>(blocks))), 1, blocks);
      for (; next < count; ++next) {
        for (std::size_t k = 0; k < run; ++k) {
          const Element& e = elements[order[next].second * run + k];
          done_error += 0.5 * e.information * e.size * e.size;
          sum.information += 0.5 * e.information;
          const std::int64_t slot = sample_row(e.place / depth);
          if (slot >= 0) sample[at(slot) * depth + e.place % depth] = 1;
        }
      }
      Kept& now = kept_of[{block, *density}];
      now = sum;
      now.cut_error = std::max(whole_error - done_error, 0.0);
      now.stored8 = stored_estimate(sample, sampled, rows.size(), 8);
      now.stored4 = stored_estimate(sample, sampled, rows.size(), 4);
    }
  }

  for (const Choice& choice : choices_[l]) {
    const double overhead = choice.per_tensor ? static_cast<double>(kOneFactorBytes) + outputs * kBiasBytes : outputs * kChannelBytes;
    const double coarser = choice.per_tensor ? coarser_[l].at(choice.bits) : 1;
    if (choice.rank_share == 0) {
      auto found = kept_of.find({choice.block, choice.density});
      if (found == kept_of.end()) found = kept_of.find({1, choice.density});  // no blocks at this width
      const Kept& k = found->second;
      const double kept_square = mean_square * (1 - cut_share(choice.density)) / choice.density;
      const double rounding = coarser * k.information * rounding_error(choice.bits, kept_square, largest);
      LayerOption option;
      option.error = scales.sparse[l].at(choice.density) * k.cut_error + scales.bits[l] * rounding;
      const Stored& stored = choice.bits == 4 ? k.stored4 : k.stored8;
      option.bytes = stored.bytes + overhead;
      option.energy = energy(layer.conv, places, outputs, static_cast<double>(depth), stored, true);
      options.push_back(option);
      continue;
    }
    const Shape now = layer.conv ? Shape{static_cast<std::int64_t>(rows.size()), shape[1], shape[2], static_cast<std::int64_t>(columns.size())}
                                 : Shape{static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(columns.size())};
    const Ranks ranks = ranks_at(now, choice.rank_share);
    const auto full = std::ranges::find(rank_errors_[l], choice.rank_share, &RankError::share);
    // What is left of the layer loses as much, in proportion.
    const double rank_part = full->error * whole_error / std::max(all_error, 1e-30);
    LayerOption option;
    option.error = scales.rank[l].at(choice.rank_share) * rank_part + scales.sparse[l].at(choice.density) * whole_error * cut_share(choice.density) +
                   scales.bits[l] * coarser * information * rounding_error(choice.bits, mean_square, largest);
    const auto factor = [&](double positions, std::int64_t out, std::int64_t in, bool last) {
      const Stored stored = random_pattern(at(out), at(in), choice.density, choice.bits);
      option.bytes += stored.bytes + (last ? overhead : static_cast<double>(layer.conv ? kConvFactorBytes : kLinearFactorBytes));
      option.energy += energy(layer.conv, positions, static_cast<double>(out), static_cast<double>(in), stored, last);
    };
    if (layer.conv) {
      factor(in_places, ranks.in, now[3], false);
      factor(places, ranks.out, kernel * ranks.in, false);
      factor(places, now[0], ranks.out, true);
    } else {
      factor(places, ranks.in, now[1], false);
      option.bytes += static_cast<double>(ranks.in * kBiasBytes);  // the zero point of its input is in a bias
      factor(places, now[0], ranks.in, true);
    }
    if (!factors_are_smaller(now, ranks)) option.bytes = option.energy = 1e30;
    options.push_back(option);
  }
  return options;
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
