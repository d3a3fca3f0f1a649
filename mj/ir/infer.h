// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "mj/ir/graph.h"

namespace mj {

/// The type a node's output must have, given the types of its inputs. Quantised inputs give their dtype; the output's
/// quantisation is decided by passes and not inferred, except where an operator cannot change it (reshape, transpose,
/// max_pool, slice, pad). Throws `Error`: `node 'fc' (linear): input has 128 features; weight expects 64`.
Type infer_type(const Graph& graph, const Op& op, std::span<const ValueId> inputs);

/// Re-infers the shape of every node's output in place, e.g. after the input resolution changed.
Graph infer_shapes(Graph graph);

}  // namespace mj
