// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>
#include <variant>

#include "mj/pass/passes.h"

// The order of execution is fixed, so which activations are alive together is known, and the arena is a packing of
// rectangles (time x bytes). Optimal packing is NP-hard; the largest first, each at the lowest offset free for all of
// its life, is what TensorFlow Lite Micro's GreedyMemoryPlanner does, and it reaches the lower bound on nearly all
// chains and residual networks, where a few large activations decide.

namespace mj {
namespace {

std::size_t at(ValueId value) { return static_cast<std::size_t>(value); }

Bytes aligned(Bytes bytes) { return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment; }

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

Storages storages_of(const Graph& graph) {
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
  for (const ValueId output : graph.outputs) last[at(output)] = static_cast<std::int32_t>(graph.nodes.size());
  for (Buffer& buffer : storages.buffers) {
    // Never read: still written, so alive then.
    buffer.last = std::max(buffer.first, last[at(buffer.value)]);
    Storage& storage = storages.all[static_cast<std::size_t>(storages.of[at(buffer.value)])];
    storage.last = std::max(storage.last, buffer.last);
  }
  return storages;
}

/// Places the storages one after the other, each at the lowest offset where nothing placed lives at the same time.
Bytes place(std::vector<Storage>& storages, const std::vector<std::size_t>& order) {
  Bytes arena = 0;
  std::vector<const Storage*> placed;  // by offset
  for (const std::size_t index : order) {
    Storage& storage = storages[index];
    Bytes offset = 0;
    for (const Storage* other : placed) {
      if (!other->meets(storage)) continue;
      if (other->offset >= offset + storage.size) break;
      offset = std::max(offset, aligned(other->offset + other->size));
    }
    storage.offset = offset;
    arena = std::max(arena, offset + storage.size);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), &storage,
                                   [](const Storage* a, const Storage* b) { return a->offset < b->offset; }),
                  &storage);
  }
  return aligned(arena);
}

}  // namespace

Graph plan_memory(Graph graph) {
  Storages storages = storages_of(graph);
  std::vector<std::size_t> order(storages.all.size());
  std::iota(order.begin(), order.end(), 0);
  // Stable: of equals, the first born comes first.
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return storages.all[a].size > storages.all[b].size; });
  Plan plan;
  plan.arena_bytes = place(storages.all, order);
  plan.buffers = std::move(storages.buffers);
  for (Buffer& buffer : plan.buffers) {
    buffer.offset = storages.all[static_cast<std::size_t>(storages.of[at(buffer.value)])].offset;
  }
  graph.plan = std::move(plan);
  return graph;
}

Bytes arena_lower_bound(const Graph& graph) {
  const Storages storages = storages_of(graph);
  // Bytes born less bytes dead, per moment; moment 0 is before the first node.
  std::vector<Bytes> change(graph.nodes.size() + 3, 0);
  for (const Storage& storage : storages.all) {
    change[static_cast<std::size_t>(storage.first + 1)] += aligned(storage.size);
    change[static_cast<std::size_t>(storage.last + 2)] -= aligned(storage.size);
  }
  Bytes alive = 0, most = 0;
  for (const Bytes bytes : change) most = std::max(most, alive += bytes);
  return most;
}

}  // namespace mj
