// SPDX-License-Identifier: Apache-2.0
#include "mj/arch/layers.h"

#include <cmath>

#include "mj/base/random.h"

namespace mj {

ValueId LayerBuilder::normal(const std::string& name, Shape shape, double variance) {
  RandomStream stream(seed_, layer_++);
  std::vector<float> elements(static_cast<std::size_t>(element_count(shape)));
  const double deviation = std::sqrt(variance);
  for (float& element : elements) element = static_cast<float>(deviation * stream.normal());
  return graph_.add_constant(name, std::move(shape), elements);
}

ValueId LayerBuilder::filled(const std::string& name, std::int64_t count, float value) {
  return graph_.add_constant(name, {count}, std::vector<float>(static_cast<std::size_t>(count), value));
}

ValueId LayerBuilder::grouped_conv(const std::string& name, ValueId x, std::int64_t channels, Pair kernel,
                                   std::int64_t stride, std::int64_t groups) {
  const std::int64_t inputs = graph_.type(x).shape.back() / groups;
  const double fan_in = static_cast<double>(kernel[0] * kernel[1] * inputs);
  const ValueId weight = normal(name + ".weight", {channels, kernel[0], kernel[1], inputs}, 2.0 / fan_in);
  const std::int64_t top = (kernel[0] - 1) / 2, left = (kernel[1] - 1) / 2;
  return graph_.add_node(
      name, Conv2d{.stride = {stride, stride}, .pad = {top, left, kernel[0] - 1 - top, kernel[1] - 1 - left}, .groups = groups},
      {x, weight});
}

ValueId LayerBuilder::conv(const std::string& name, ValueId x, std::int64_t channels, Pair kernel, std::int64_t stride) {
  return grouped_conv(name, x, channels, kernel, stride, 1);
}

ValueId LayerBuilder::conv(const std::string& name, ValueId x, std::int64_t channels, std::int64_t kernel,
                           std::int64_t stride) {
  return conv(name, x, channels, Pair{kernel, kernel}, stride);
}

ValueId LayerBuilder::depthwise(const std::string& name, ValueId x, std::int64_t kernel, std::int64_t stride) {
  const std::int64_t channels = graph_.type(x).shape.back();
  return grouped_conv(name, x, channels, {kernel, kernel}, stride, channels);
}

ValueId LayerBuilder::batch_norm(const std::string& name, ValueId x) {
  const std::int64_t channels = graph_.type(x).shape.back();
  const ValueId gamma = filled(name + ".gamma", channels, 1);
  const ValueId beta = filled(name + ".beta", channels, 0);
  const ValueId mean = filled(name + ".mean", channels, 0);
  const ValueId variance = filled(name + ".variance", channels, 1);
  return graph_.add_node(name, BatchNorm{}, {x, gamma, beta, mean, variance});
}

ValueId LayerBuilder::relu(const std::string& name, ValueId x) { return graph_.add_node(name, Clamp{}, {x}); }

ValueId LayerBuilder::conv_norm_relu(const std::string& name, ValueId x, std::int64_t channels, std::int64_t kernel,
                                     std::int64_t stride) {
  return relu(name + ".relu", batch_norm(name + ".norm", conv(name + ".conv", x, channels, kernel, stride)));
}

ValueId LayerBuilder::depthwise_norm_relu(const std::string& name, ValueId x, std::int64_t kernel, std::int64_t stride) {
  return relu(name + ".relu", batch_norm(name + ".norm", depthwise(name + ".conv", x, kernel, stride)));
}

ValueId LayerBuilder::stem(ValueId x, std::int64_t channels, int stem_stride) {
  if (stem_stride == 1) return conv_norm_relu("stem", x, channels, 3, 1);
  x = conv_norm_relu("stem", x, channels, 7, 2);
  return graph_.add_node("stem.pool", MaxPool{.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}}, {x});
}

ValueId LayerBuilder::linear(const std::string& name, ValueId x, std::int64_t features) {
  const std::int64_t inputs = graph_.type(x).shape.back();
  const ValueId weight = normal(name + ".weight", {features, inputs}, 1.0 / static_cast<double>(inputs));
  const ValueId bias = filled(name + ".bias", features, 0);
  return graph_.add_node(name, Linear{}, {x, weight, bias});
}

}  // namespace mj
