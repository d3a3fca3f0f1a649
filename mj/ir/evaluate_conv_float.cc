// SPDX-License-Identifier: Apache-2.0

// Convolution and fully connected layers in float32: patches times weights by Eigen's matrix product.
#include <Eigen/Core>
#include <algorithm>

#include "mj/ir/convolution.h"
#include "mj/ir/evaluate_conv.h"

namespace mj::detail {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Weights = Eigen::Map<const Matrix>;                                    // {outputs, depth}
using Patches = Eigen::Map<const Matrix>;                                    // {places, depth}
using Results = Eigen::Map<Matrix, Eigen::Unaligned, Eigen::OuterStride<>>;  // {places, outputs} within all channels

struct FloatParameters {
  std::vector<float> weight;
  std::vector<float> bias;  // empty or one per output channel
  Range clamp;
};

void add_bias_and_clamp(std::span<float> y, std::size_t channels, const FloatParameters& parameters) {
  const float low = parameters.clamp.low;
  const float high = parameters.clamp.high;
  if (parameters.bias.empty()) {
    for (float& value : y) {
      value = std::min(std::max(value, low), high);
    }
    return;
  }
  const float* bias = parameters.bias.data();
  for (std::size_t place = 0; place < y.size(); place += channels) {
    float* values = y.data() + place;
    for (std::size_t c = 0; c < channels; ++c) {
      values[c] = std::min(std::max(values[c] + bias[c], low), high);
    }
  }
}

// y {places, outputs, `pitch` apart} = x {places, depth} * weight^T.
void product(const float* x, const float* weight, std::int64_t places, std::int64_t depth, std::int64_t outputs,
             std::int64_t pitch, float* y) {
  const Weights weights(weight, outputs, depth);
  if (places == 1) {
    Eigen::Map<Eigen::VectorXf>(y, outputs).noalias() = weights * Eigen::Map<const Eigen::VectorXf>(x, depth);
    return;
  }
  Results(y, places, outputs, Eigen::OuterStride<>(pitch)).noalias() = Patches(x, places, depth) * weights.transpose();
}

void convolve(const Convolution& conv, const FloatParameters& parameters, const float* x, float* y) {
  const std::int64_t depth = conv.depth();
  const std::int64_t channels = conv.out_channels;
  if (conv.pointwise()) {
    product(x, parameters.weight.data(), conv.places(), depth, conv.outputs, channels, y);
    return;
  }
  const std::int64_t tile = places_per_tile(conv, depth * static_cast<std::int64_t>(sizeof(float)));
  float* patches = scratch<float, struct FloatPatches>(tile * depth);
  for (std::int64_t place = 0; place < conv.places(); place += tile) {
    const std::int64_t count = std::min(tile, conv.places() - place);
    for (std::int64_t group = 0; group < conv.groups; ++group) {
      conv.patches(x, place, count, group, patches);
      product(patches, parameters.weight.data() + group * conv.outputs * depth, count, depth, conv.outputs, channels,
              y + place * channels + group * conv.outputs);
    }
  }
}

// Groups of one input channel: no sums over channels, so all channels of a place are computed side by side.
// `weight` is {kh,kw,O}.
void convolve_depthwise(const Convolution& conv, const FloatParameters& parameters, const float* x, float* y) {
  const std::int64_t channels = conv.out_channels;
  for (std::int64_t row = 0; row < conv.out_rows; ++row) {
    for (std::int64_t column = 0; column < conv.out_columns; ++column, y += channels) {
      std::fill_n(y, channels, 0.0f);
      conv.taps_inside(x, row, column, [&](std::int64_t tap, const float* values) {
        const float* weight = parameters.weight.data() + tap * channels;
        if (conv.outputs == 1) {
          for (std::int64_t c = 0; c < channels; ++c) {
            y[c] += values[c] * weight[c];
          }
          return;
        }
        for (std::int64_t c = 0; c < channels; ++c) {
          y[c] += values[c / conv.outputs] * weight[c];
        }
      });
    }
  }
}

}  // namespace

Step prepare_float_conv(const Conv2d& op, const NodeContext& context) {
  const Convolution conv(op, context.input(0).shape, context.input(1).shape, context.output().shape);
  FloatParameters parameters{context.reals(1), context.reals(2), op.clamp};
  const bool depthwise = conv.groups > 1 && conv.inputs == 1;
  if (depthwise) {
    parameters.weight = taps_first(parameters.weight, conv.out_channels, conv.taps());
  }
  return [conv, depthwise, parameters = std::move(parameters)](std::span<const View> inputs, Tensor& output) {
    const std::span<float> y = output.as<float>();
    (depthwise ? convolve_depthwise : convolve)(conv, parameters, inputs[0].as<float>().data(), y.data());
    add_bias_and_clamp(y, static_cast<std::size_t>(conv.out_channels), parameters);
  };
}

Step prepare_float_linear(const Linear& op, const NodeContext& context) {
  const std::int64_t outputs = context.input(1).shape[0];
  const std::int64_t depth = context.input(1).shape[1];
  return [outputs, depth, parameters = FloatParameters{context.reals(1), context.reals(2), op.clamp}](
             std::span<const View> inputs, Tensor& output) {
    const std::span<float> y = output.as<float>();
    product(inputs[0].as<float>().data(), parameters.weight.data(), static_cast<std::int64_t>(y.size()) / outputs,
            depth, outputs, outputs, y.data());
    add_bias_and_clamp(y, static_cast<std::size_t>(outputs), parameters);
  };
}

}  // namespace mj::detail
