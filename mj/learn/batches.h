// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <span>
#include <vector>

#include "mj/data/dataset.h"
#include "mj/ir/graph.h"
#include "mj/learn/augment.h"

namespace mj {

/// A preprocessing as a function of (element, channel), tabulated for pixels.
class Preprocessor {
 public:
  /// Throws `Error` when means and deviations fit neither one nor all channels.
  Preprocessor(const Preprocess& preprocess, std::int64_t channels);

  float operator()(std::uint8_t pixel, std::int64_t channel) const {
    return table_[static_cast<std::size_t>(channel)][pixel];
  }
  float operator()(float feature, std::int64_t channel) const {
    const auto c = static_cast<std::size_t>(channel);
    return (feature * scale_ - mean_[c]) / std_[c];
  }

 private:
  float scale_;
  std::vector<float> mean_, std_;
  std::vector<std::array<float, 256>> table_;
};

/// Throws `Error` unless the network takes these samples and knows their labels.
void check_samples(const Graph& graph, const Samples& samples, std::string_view what);

/// Turns samples into inputs of a network.
class Batches {
 public:
  Batches(const Graph& graph, const Samples& samples, c10::Device device);

  /// The samples with these indices as {n, shape of a sample}; `views`, one for each, may be empty.
  at::Tensor inputs(std::span<const std::int64_t> indices, std::span<const View> views) const;
  /// Their labels {n}, 64-bit.
  at::Tensor labels(std::span<const std::int64_t> indices) const;

 private:
  const Samples& samples_;
  Preprocessor preprocessor_;
  c10::Device device_;
  Shape image_;  ///< the sample's shape as {H,W,C}

  at::Tensor host(std::span<const std::int64_t> sizes, at::ScalarType type) const;
};

}  // namespace mj
