// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mj/base/units.h"
#include "mj/ir/graph.h"

namespace mj {

// Every pass is a free function from graph to graph. Passes on float operators leave values of other dtypes alone, so
// they may run on imported integer graphs as well.

/// Removes what changes nothing: reshapes to the same shape, transposes that move only dimensions of size 1 (as
/// reshapes), clamps without limits, pads of nothing, slices of everything, 1x1 pools, concats of one input, quantize
/// to the same type, and nodes no output needs; nodes whose inputs are all constant are computed.
Graph remove_identities(Graph graph);

/// conv2d or linear followed by batch_norm: the factors go into weight and bias.
Graph fold_batch_norm(Graph graph);

/// A batch_norm that follows something else (an activation, an add, the input) is folded forward where it precedes only
/// pools and an operator without padding; else it becomes a depthwise 1x1 conv2d, the cheapest exact int8 form. No
/// batch_norm is left.
Graph lower_batch_norm(Graph graph);

/// For networks that will be trained again: a batch_norm that stands before a padded conv2d is folded forward into it all the
/// same, which is exact inside the image and off along its borders, where the padding would have to hold the shift. It saves a
/// depthwise convolution; retraining repairs the borders. Elsewhere as `lower_batch_norm`, but what cannot move stays.
Graph absorb_batch_norm(Graph graph);

/// A clamp behind an operator that has a fused activation and no other reader moves into it, across reshapes and
/// transposes too; a clamp behind a clamp merges with it.
Graph fuse_activation(Graph graph);

/// A pad of zeros before a conv2d, max_pool (of values that are never negative) or avg_pool that counts padding moves
/// into it.
Graph fuse_pad(Graph graph);

/// transpose + reshape to a vector before linear: the weight's columns are permuted instead. Transposes in a row become
/// one.
Graph fold_transpose(Graph graph);

/// An integer graph between a quantize at the input and dequantizes at the outputs loses them: input and outputs are
/// then integers themselves. `input_tensor` and `dequantize` do the same arithmetic outside.
Graph strip_quantized_borders(Graph graph);

/// Channels of a float graph that nothing reads, and those that are the same number for any input, are taken out, their number
/// added to the biases of what reads it. Those whose number is not 0 stay where a reader pads or has no bias.
Graph remove_dead_channels(Graph graph);

/// Offsets of all activations in one arena, greedy by size over lifetimes (as TensorFlow Lite Micro's planner);
/// reshapes share their input's buffer. Fills `Graph::plan`. Offsets and the arena are multiples of `kArenaAlignment`;
/// the input's buffer is written by the caller and lives until its last reader, outputs live to the end.
Graph plan_memory(Graph graph);

/// Alignment of buffers in the arena, in bytes: enough for the int32 and float elements a kernel may store there.
inline constexpr Bytes kArenaAlignment = 4;

/// No plan can be smaller: the largest sum, over time, of the bytes of the buffers that live then (each rounded up to
/// `kArenaAlignment`).
Bytes arena_lower_bound(const Graph& graph);

}  // namespace mj
