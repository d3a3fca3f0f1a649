// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "mj/ir/graph.h"

namespace mj {

/// y = scale[c] * x + shift[c] over the last dimension: what a batch_norm with fixed statistics is.
struct ChannelAffine {
  std::vector<double> scale;
  std::vector<double> shift;
};

/// The affine map of a batch_norm node: scale = gamma / sqrt(variance + epsilon), shift = beta - mean * scale. Throws
/// `Error` where variance + epsilon is not positive or the result is no finite float.
ChannelAffine affine_of(const Graph& graph, const Node& batch_norm);

/// The elements of a constant as real numbers, also of quantised ones (hybrid models hold int8 weights).
std::vector<float> reals(const Value& constant);

}  // namespace mj
