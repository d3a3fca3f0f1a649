// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/channel_affine.h"

#include <cmath>
#include <limits>
#include <variant>

#include "mj/base/error.h"
#include "mj/ir/tensor.h"

namespace mj {

ChannelAffine affine_of(const Graph& graph, const Node& batch_norm) {
  const auto parameter = [&](std::size_t i) { return graph.value(batch_norm.inputs.at(i)).data.as<float>(); };
  const auto gamma = parameter(1), beta = parameter(2), mean = parameter(3), variance = parameter(4);
  const double epsilon = std::get<BatchNorm>(batch_norm.op).epsilon;

  ChannelAffine affine;
  for (std::size_t c = 0; c < gamma.size(); ++c) {
    const double square = variance[c] + epsilon;
    if (!(square > 0)) {
      fail("{}: variance {:.9g} of channel {} plus epsilon {:.9g} is not positive", describe(batch_norm), variance[c],
           c, epsilon);
    }
    const double scale = gamma[c] / std::sqrt(square);
    const double shift = beta[c] - mean[c] * scale;
    constexpr double kLargest = std::numeric_limits<float>::max();
    if (!(std::abs(scale) <= kLargest && std::abs(shift) <= kLargest)) {
      fail("{}: channel {} is scaled by {:.9g} and shifted by {:.9g}; expected finite numbers", describe(batch_norm), c,
           scale, shift);
    }
    affine.scale.push_back(scale);
    affine.shift.push_back(shift);
  }
  return affine;
}

std::vector<float> reals(const Value& constant) {
  const auto bytes = constant.data.bytes();
  return dequantize(Tensor{constant.type, {bytes.begin(), bytes.end()}});
}

}  // namespace mj
