// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "mj/ir/graph.h"

namespace mj {

/// Appends layers with fresh weights to a graph. The n-th layer draws from its own random stream {seed, n}, so a
/// layer's weights depend on the seed and its place alone.
class LayerBuilder {
 public:
  LayerBuilder(Graph& graph, std::uint64_t seed) : graph_(graph), seed_(seed) {}

  /// Square convolution without bias, padded so that stride 1 keeps the size; weights normal with variance
  /// 2 / fan_in (He et al., Delving deep into rectifiers, ICCV 2015).
  ValueId conv(const std::string& name, ValueId x, std::int64_t channels, std::int64_t kernel, std::int64_t stride);
  /// The same with a kernel of {height, width}; where one is even, the odd pixel of padding is below or to the right.
  ValueId conv(const std::string& name, ValueId x, std::int64_t channels, Pair kernel, std::int64_t stride);
  /// One filter per channel.
  ValueId depthwise(const std::string& name, ValueId x, std::int64_t kernel, std::int64_t stride);
  /// Batch normalisation that starts as the identity on normalised values: gamma 1, beta 0, mean 0, variance 1.
  ValueId batch_norm(const std::string& name, ValueId x);
  ValueId relu(const std::string& name, ValueId x);
  /// conv, batch_norm and relu, named `name`.conv, `name`.norm and `name`.relu.
  ValueId conv_norm_relu(const std::string& name, ValueId x, std::int64_t channels, std::int64_t kernel, std::int64_t stride);
  ValueId depthwise_norm_relu(const std::string& name, ValueId x, std::int64_t kernel, std::int64_t stride);
  /// The stem of networks made for 224 pixels: 7x7 with stride 2 and a 3x3 max_pool with stride 2; with `stem_stride` 1,
  /// the 3x3 convolution of their forms for 32 pixels.
  ValueId stem(ValueId x, std::int64_t channels, int stem_stride);
  /// Fully connected with bias 0; weights normal with variance 1 / fan_in, as no rectifier follows.
  ValueId linear(const std::string& name, ValueId x, std::int64_t features);

 private:
  Graph& graph_;
  std::uint64_t seed_;
  std::uint64_t layer_ = 0;

  ValueId grouped_conv(const std::string& name, ValueId x, std::int64_t channels, Pair kernel, std::int64_t stride,
                       std::int64_t groups);
  ValueId normal(const std::string& name, Shape shape, double variance);
  ValueId filled(const std::string& name, std::int64_t count, float value);
};

}  // namespace mj
