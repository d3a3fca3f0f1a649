// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "mj/ir/graph.h"
#include "mj/ir/tensor.h"

namespace mj {

/// Smallest and largest real number seen per value; constants stay {0, 0}.
struct Ranges {
  std::vector<float> low;
  std::vector<float> high;
};

/// Runs the float graph on calibration inputs and keeps, for every activation, limits that clip at most `clip` of its
/// elements on either side where that lowers the squared rounding error (clip 0: plain minimum and maximum).
Ranges calibrate(const Graph& graph, std::span<const Tensor> inputs, double clip = 0);

/// int8 by TFLite's specification: weights symmetric per output channel in -127..127, biases int32 with scale
/// s_x * s_w[c], activations asymmetric per tensor in -128..127, softmax output 1/256 with zero point -128. Operators that
/// cannot change a quantisation (max_pool, reshape, transpose, pad, slice, and the inputs of concat) share one.
Graph quantize_int8(Graph graph, const Ranges& ranges);

}  // namespace mj
