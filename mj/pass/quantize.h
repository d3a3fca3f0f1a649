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

  bool operator==(const Ranges&) const = default;
};

/// Runs the float graph on calibration inputs and keeps, for every activation, limits that clip at most `clip` of its
/// elements on either side where that lowers the squared rounding error (clip 0: plain minimum and maximum).
///
/// `inputs` are real inputs of the network (`input_tensor`); a few hundred samples of the training set do. They are run
/// in parallel; the result does not depend on the number of threads or the order of the inputs. `clip` is in 0..0.5;
/// with it, the inputs are run twice. Throws `Error` without inputs, on one of another type than the graph's input, or
/// when an activation is not finite.
Ranges calibrate(const Graph& graph, std::span<const Tensor> inputs, double clip = 0);

/// The graph input's range becomes that of preprocess(0..255) over all channels: for inputs that are 8-bit pixels,
/// where no calibration set shows every pixel. With one channel (or equal channels) the 256 codes then stand for the
/// 256 pixels; only where the real 0 lies exactly between two pixels (mean 0.5, std 0.5) do a few neighbours share a
/// code.
Ranges with_pixel_range(Ranges ranges, const Graph& graph);

/// int8 by TFLite's specification: weights symmetric per output channel, or per tensor where their encoding asks for it,
/// in -127..127 (-7..7 where it has 4 bits), biases int32 with scale s_x * s_w[c], activations asymmetric per tensor in
/// -128..127 with ranges that include 0; sigmoid and softmax give 1/256 with zero point -128, tanh 1/128 with zero point
/// 0. Operators that cannot change a quantisation (max_pool, avg_pool, reshape, transpose, pad, slice, concat) share one
/// with their inputs; a concat input that has to keep its own (the graph's input, a sigmoid's output) is requantised by a
/// quantize node before it. A weight read by several nodes stays one.
///
/// `ranges` are those of this very graph (value for value). A graph that is int8 already is returned as it is. Throws
/// `Error` when ranges do not fit or are not finite, and listing every node that has no integer form.
Graph quantize_int8(Graph graph, const Ranges& ranges);

/// The float graph with weights that are whole steps of their int8 (or int4) form, up or down as the layer's sums miss least: the
/// expected square of a row's error, given how its inputs vary together (Nagel et al., Up or down? Adaptive rounding for
/// post-training quantization, ICML 2020, section 3), by coordinate descent from the nearest. Pixels beside each other are much the
/// same number, so that errors of the nearest add up where they happen to have one sign. What is missed on average goes into the bias.
///
/// `inputs` as for `calibrate`; up to 4096 patches of them are looked at per layer. Zeros stay zeros. Weights and biases that
/// several nodes share stay as they are, and so does a graph that is quantised already.
Graph round_weights(Graph graph, std::span<const Tensor> inputs);

/// The float graph with biases moved by as much as int8 would shift the mean of each layer's sums (Nagel et al.,
/// Data-free quantization through weight equalization and bias correction, ICCV 2019): rounding is not even where most
/// elements of a channel are the same number, as behind a rectifier.
///
/// `ranges` are those the graph is then quantised with, `inputs` as for `calibrate`, of which the first 128 are run. Means are
/// taken over the positions of an image, so padding is allowed for on average. Biases that several nodes share and layers
/// without one stay as they are, and so does a graph that is quantised already.
Graph correct_biases(Graph graph, const Ranges& ranges, std::span<const Tensor> inputs);

/// Makes every weight of a conv2d or linear ask for these bits, 8 or 4, when it is quantised.
Graph ask_for_weight_bits(Graph graph, int bits);

/// Whether any activation is quantised.
bool quantized(const Graph& graph);

}  // namespace mj
