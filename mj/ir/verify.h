// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mj/ir/graph.h"

namespace mj {

/// Throws `Error` unless the graph is well formed: ids in range, nodes in topological order, every value written once,
/// inferred shapes and dtypes equal to the stated ones, constants of the right size, quantisation complete and finite
/// with positive scales, the plan's live buffers disjoint and inside the arena.
void verify(const Graph& graph);

}  // namespace mj
