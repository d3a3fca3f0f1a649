// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "mj/ir/graph.h"

namespace mj {

/// Bytes in the arena that one node needs besides its activations.
struct Workspace {
  std::int32_t node = 0;
  Bytes size = 0;
  Bytes offset = 0;  ///< filled in by the planner
};

/// What becomes of the answers at the exits of a network: they stay readable to the end, as all outputs do, or units deliver
/// each as soon as it is there.
enum class Answers { kStay, kDelivered };

/// Places all activations and workspaces; nothing is computed in place: a node's output and workspaces lie apart from its
/// inputs. Offsets are multiples of `alignment`, and no two buffers share a word of that size.
Plan plan_arena(const Graph& graph, Bytes alignment, std::vector<Workspace>& workspaces, Answers answers);

/// No plan can be smaller: the largest sum, over time, of the bytes that live then, each buffer rounded up to `alignment`.
Bytes arena_bound(const Graph& graph, Bytes alignment, const std::vector<Workspace>& workspaces, Answers answers);

}  // namespace mj
