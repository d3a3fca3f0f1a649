// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>
#include <variant>

#include "mj/pass/at.h"
#include "mj/pass/channel_affine.h"
#include "mj/pass/compression.h"
#include "mj/pass/rounding_error.h"

// What single changes lose, to second order, and how far off that was where it was measured.

namespace mj {
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

}  // namespace mj
