// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>
#include <variant>

#include "mj/base/random.h"
#include "mj/ir/exits.h"
#include "mj/pass/arena.h"
#include "mj/pass/at.h"
#include "mj/pass/passes.h"

// The order of execution is fixed, so which activations are alive together is known, and the arena is a packing of
// rectangles (time x bytes). Optimal packing is NP-hard; the largest first, each at the lowest offset free for all of
// its life, is what TensorFlow Lite Micro's GreedyMemoryPlanner does, and it reaches the lower bound on nearly all
// chains and residual networks, where a few large activations decide.

namespace mj {
namespace {

Bytes aligned(Bytes bytes, Bytes alignment = kArenaAlignment) { return (bytes + alignment - 1) / alignment * alignment; }

/// Activations that hold the same bytes: a value and its reshapes.
struct Storage {
  Bytes size = 0;
  std::int32_t first = 0, last = 0;  ///< from the first value's birth to the last reader of any
  Bytes offset = 0;

  bool meets(const Storage& other) const { return first <= other.last && other.first <= last; }
};

/// The storage of each activation, with its life, before any has a place.
struct Storages {
  std::vector<std::int32_t> of;  ///< per value; -1 for constants
  std::vector<Storage> all;
  std::vector<Buffer> buffers;  ///< one per activation, in order of birth
};

Storages storages_of(const Graph& graph, Answers answers) {
  Storages storages;
  storages.of.assign(graph.values.size(), -1);
  const auto born = [&](ValueId value, std::int32_t first, std::int32_t storage) {
    if (storage < 0) {
      storage = static_cast<std::int32_t>(storages.all.size());
      storages.all.push_back({graph.type(value).bytes(), first, first, 0});
    }
    storages.of[at(value)] = storage;
    storages.buffers.push_back({value, 0, graph.type(value).bytes(), first, first});
  };
  for (const ValueId input : graph.inputs) born(input, -1, -1);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const bool alias = std::holds_alternative<Reshape>(node.op);
    born(node.output, static_cast<std::int32_t>(i), alias ? storages.of[at(node.inputs[0])] : -1);
  }

  std::vector<std::int32_t> last(graph.values.size(), -1);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const ValueId input : graph.nodes[i].inputs) last[at(input)] = static_cast<std::int32_t>(i);
  }
  const bool delivered = answers == Answers::kDelivered && exit_count(graph) > 0;
  for (const ValueId output : graph.outputs) {
    if (!delivered) last[at(output)] = static_cast<std::int32_t>(graph.nodes.size());
  }
  for (Buffer& buffer : storages.buffers) {
    // Never read: still written, so alive then.
    buffer.last = std::max(buffer.first, last[at(buffer.value)]);
    Storage& storage = storages.all[static_cast<std::size_t>(storages.of[at(buffer.value)])];
    storage.last = std::max(storage.last, buffer.last);
  }
  return storages;
}

/// Places the storages one after the other, each at the lowest offset where nothing placed lives at the same time.
Bytes place(std::vector<Storage>& storages, const std::vector<std::size_t>& order, Bytes alignment) {
  Bytes arena = 0;
  std::vector<const Storage*> placed;  // by offset
  for (const std::size_t index : order) {
    Storage& storage = storages[index];
    Bytes offset = 0;
    for (const Storage* other : placed) {
      if (!other->meets(storage)) continue;
      if (other->offset >= offset + storage.size) break;
      offset = std::max(offset, aligned(other->offset + other->size, alignment));
    }
    storage.offset = offset;
    arena = std::max(arena, offset + storage.size);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), &storage,
                                   [](const Storage* a, const Storage* b) { return a->offset < b->offset; }),
                  &storage);
  }
  return aligned(arena, alignment);
}

Bytes bound_of(const std::vector<Storage>& storages, std::size_t nodes, Bytes alignment) {
  // Bytes born less bytes dead, per moment; moment 0 is before the first node.
  std::vector<Bytes> change(nodes + 3, 0);
  for (const Storage& storage : storages) {
    change[static_cast<std::size_t>(storage.first + 1)] += aligned(storage.size, alignment);
    change[static_cast<std::size_t>(storage.last + 2)] -= aligned(storage.size, alignment);
  }
  Bytes alive = 0, most = 0;
  for (const Bytes bytes : change) most = std::max(most, alive += bytes);
  return most;
}

/// Orders in which to place: by size as the greedy planner does, by life, and where neither reaches the bound, changes of
/// the best so far: always the same ones, for they come from a fixed stream.
Bytes place_well(std::vector<Storage>& storages, std::size_t nodes, Bytes alignment) {
  const auto n = static_cast<std::int64_t>(storages.size());
  const std::int64_t changes = std::min<std::int64_t>(2000, 4'000'000 / (n * n + 1));
  std::vector<std::size_t> order(storages.size());
  std::iota(order.begin(), order.end(), 0);
  const Bytes bound = bound_of(storages, nodes, alignment);
  std::vector<std::size_t> best;
  Bytes least = 0;
  const auto attempt = [&] {
    const Bytes arena = place(storages, order, alignment);
    if (best.empty() || arena < least) best = order, least = arena;
  };
  // Stable: of equals, the first born comes first.
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return storages[a].size > storages[b].size; });
  attempt();
  if (least > bound) {
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return storages[a].last - storages[a].first > storages[b].last - storages[b].first;
    });
    attempt();
  }
  RandomStream random(0x9d1ace);
  for (std::int64_t i = 0; i < changes && least > bound; ++i) {
    order = best;
    std::swap(order[random.below(order.size())], order[random.below(order.size())]);
    attempt();
  }
  return place(storages, best, alignment);
}

}  // namespace

Plan plan_arena(const Graph& graph, Bytes alignment, std::vector<Workspace>& workspaces, Answers answers) {
  Storages storages = storages_of(graph, answers);
  const std::size_t activations = storages.all.size();
  for (const Workspace& workspace : workspaces) storages.all.push_back({workspace.size, workspace.node, workspace.node, 0});
  Plan plan;
  plan.arena_bytes = place_well(storages.all, graph.nodes.size(), alignment);
  plan.buffers = std::move(storages.buffers);
  for (Buffer& buffer : plan.buffers) {
    buffer.offset = storages.all[static_cast<std::size_t>(storages.of[at(buffer.value)])].offset;
  }
  for (std::size_t i = 0; i < workspaces.size(); ++i) workspaces[i].offset = storages.all[activations + i].offset;
  return plan;
}

Bytes arena_bound(const Graph& graph, Bytes alignment, const std::vector<Workspace>& workspaces, Answers answers) {
  Storages storages = storages_of(graph, answers);
  for (const Workspace& workspace : workspaces) storages.all.push_back({workspace.size, workspace.node, workspace.node, 0});
  return bound_of(storages.all, graph.nodes.size(), alignment);
}

Graph plan_memory(Graph graph) {
  std::vector<Workspace> none;
  graph.plan = plan_arena(graph, kArenaAlignment, none, Answers::kStay);
  return graph;
}

Bytes arena_lower_bound(const Graph& graph) { return arena_bound(graph, kArenaAlignment, {}, Answers::kStay); }

}  // namespace mj
