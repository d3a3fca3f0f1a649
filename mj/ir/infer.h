// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "mj/ir/graph.h"

namespace mj {

/// The type a node's output must have, given the types of its inputs; nothing larger than `kMaxElements` comes out.
///
/// The dtype follows the first input. The quantisation is decided by passes and not inferred, except where an operator
/// cannot change it (max_pool, concat, reshape, transpose, pad, slice). `quantize` gives f32: its target is the pass's
/// to set. Parameters (weights, biases, batch-norm's statistics, slopes) must be constants. Biases are f32 behind f32
/// inputs and i32 behind integer ones; weights are i8 behind integers, and may be behind f32 (hybrid).
///
/// Throws `Error` without the node's name, which the caller knows: `input has 128 features; weight expects 64`.
Type infer_type(const Graph& graph, const Op& op, std::span<const ValueId> inputs);

/// Re-infers the shape of every node's output in place, e.g. after the input resolution changed; the plan is dropped.
/// Throws `Error`: `node 'fc' (linear): input has 128 features; weight expects 64`.
Graph infer_shapes(Graph graph);

}  // namespace mj
