// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mj/ir/graph.h"

namespace mj {

/// Removes reshapes to the same shape, transposes that move only dimensions of size 1 (as reshapes), clamps without
/// limits, pads of nothing, and nodes no output needs.
Graph remove_identities(Graph graph);

/// conv2d or linear followed by batch_norm: the factors go into weight and bias.
Graph fold_batch_norm(Graph graph);

/// A batch_norm that follows something else (an activation, the input) becomes mul and add with constants; where it
/// precedes only operators without padding it is folded forward into them instead.
Graph lower_batch_norm(Graph graph);

/// A clamp behind an operator that has a fused activation and no other reader moves into it.
Graph fuse_activation(Graph graph);

/// A pad of zeros before a conv2d, max_pool (of values that are never negative) or avg_pool that counts padding moves into it.
Graph fuse_pad(Graph graph);

/// transpose + reshape to a vector before linear: the weight's columns are permuted instead.
Graph fold_transpose(Graph graph);

/// Offsets of all activations in one arena, greedy by size over lifetimes (as TensorFlow Lite Micro's planner); reshapes
/// share their input's buffer. Fills `Graph::plan`.
Graph plan_memory(Graph graph);

}  // namespace mj
