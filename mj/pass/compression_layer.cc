// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <variant>

#include "mj/base/error.h"
#include "mj/ir/cost.h"
#include "mj/pass/at.h"
#include "mj/pass/compression.h"
#include "mj/pass/compression_choices.h"
#include "mj/pass/rounding_error.h"
#include "mj/pass/stored_estimate.h"

// All options of one layer at one number of inputs and outputs.

namespace mj {
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

}  // namespace mj
