// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/verify_plan.h"

#include <algorithm>
#include <numeric>
#include <variant>

#include "mj/base/error.h"
#include "mj/ir/exits.h"
#include "mj/ir/tiles.h"

namespace mj {
namespace {

/// For each value the one whose bytes it holds: itself, or what the reshapes before it began with.
std::vector<ValueId> storage_roots(const Graph& graph) {
  std::vector<ValueId> root(graph.values.size());
  std::iota(root.begin(), root.end(), 0);
  for (const Node& node : graph.nodes) {
    if (!std::holds_alternative<Reshape>(node.op)) continue;
    root[static_cast<std::size_t>(node.output)] = root[static_cast<std::size_t>(node.inputs[0])];
  }
  return root;
}

/// Index of the last node that needs each value, past the last node for outputs. Answers at exits that units deliver are
/// needed no longer than that.
std::vector<std::int32_t> last_uses(const Graph& graph, const Plan& plan) {
  std::vector<std::int32_t> last = producers(graph);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const ValueId input : graph.nodes[i].inputs) {
      last[static_cast<std::size_t>(input)] = static_cast<std::int32_t>(i);
    }
  }
  if (plan.units && exit_count(graph) > 0) return last;
  for (const ValueId output : graph.outputs) {
    last[static_cast<std::size_t>(output)] = static_cast<std::int32_t>(graph.nodes.size());
  }
  return last;
}

/// An encoded weight is stored in the pieces that units take of it: in one way, though several layers read it.
void verify_pieces(const Graph& graph, const UnitPlan& units, const Tiling& tiling) {
  const auto weight_of = [&](const Tiling& t) {
    const auto node = static_cast<std::size_t>(t.node);
    const bool linear = node < graph.nodes.size() && std::holds_alternative<Linear>(graph.nodes[node].op);
    return linear ? graph.nodes[node].inputs[1] : -1;
  };
  const ValueId id = weight_of(tiling);
  if (id < 0 || graph.value(id).encoding.plain()) return;
  if (const std::string_view why = refusal(tiling.depth, graph.value(id).encoding); !why.empty()) {
    fail("cuts rows into pieces of {}: {}", tiling.depth, why);
  }
  for (const Tiling& other : units.tilings) {
    if (weight_of(other) != id || other.depth == tiling.depth) continue;
    fail("takes pieces of {} columns of weight '{}', which tiling of node {} takes in pieces of {}; expected the same",
         tiling.depth, graph.value(id).name, other.node, other.depth);
  }
}

/// The tilings name every kernel call once, in order, and number the units without gaps. That repeating a unit is
/// harmless is proven elsewhere.
void verify_units(const Graph& graph, const UnitPlan& units) {
  const std::vector<Call> calls = calls_in_order(graph);
  if (units.word_bytes < 1 || units.word_bytes > 4096) fail("units: words of {} bytes; expected 1 to 4096", units.word_bytes);
  if (units.tilings.size() != calls.size()) {
    fail("the plan has {} tilings; expected {}, one per kernel call", units.tilings.size(), calls.size());
  }
  std::int64_t next = 0;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Tiling& tiling = units.tilings[i];
    with_context(fmt::format("tiling {}", i), [&] {
      if (Call{tiling.node, tiling.part} != calls[i]) {
        fail("is of node {} part {}; expected node {} part {}", tiling.node, tiling.part, calls[i].index, calls[i].part);
      }
      const Extent extent = extents(graph, tiling.node)[static_cast<std::size_t>(tiling.part)];
      const auto within = [](std::int64_t step, std::int64_t size, bool needed) {
        return (step > 0 || !needed) && step >= 0 && step <= size;
      };
      if (!within(tiling.rows, extent.rows, true) || !within(tiling.columns, extent.columns, extent.columns > 0) ||
          !within(tiling.channels, extent.channels, extent.channels > 0) ||
          !within(tiling.depth, extent.depth, extent.depth > 0)) {
        fail("cuts {}x{}x{}x{} into pieces of {}x{}x{}x{}", extent.rows, extent.columns, extent.channels, extent.depth,
             tiling.rows, tiling.columns, tiling.channels, tiling.depth);
      }
      const bool split = tiling.depth < extent.depth;
      if (split) verify_pieces(graph, units, tiling);
      if (split && tiling.rows != 1) fail("cuts depth in tiles of {} rows; expected 1", tiling.rows);
      for (const Bytes offset : tiling.partial) {
        const Bytes size = split ? tiling.channels * byte_size(DType::kI32) : 0;
        const Bytes arena = graph.plan->arena_bytes;
        if (split ? offset < 0 || offset > arena || size > arena - offset : offset != -1) {
          fail("has partial sums at {} in an arena of {}", offset, arena);
        }
      }
      if (tiling.first != next) fail("begins with unit {}; expected {}", tiling.first, next);
      const std::int64_t count = tile_count(tiling, extent);
      if (tiling.count != count) fail("has {} units; expected {}", tiling.count, count);
      next += count;
    });
  }
}

}  // namespace

void verify_plan(const Graph& graph, const Plan& plan) {
  const std::vector<ValueId> root = storage_roots(graph);
  const std::vector<std::int32_t> first = producers(graph), last = last_uses(graph, plan);
  const auto name = [&](const Buffer& buffer) -> const std::string& { return graph.value(buffer.value).name; };
  const auto root_of = [&](const Buffer& buffer) { return root[static_cast<std::size_t>(buffer.value)]; };

  std::vector<char> placed(graph.values.size(), 0);
  for (const Buffer& buffer : plan.buffers) {
    if (buffer.value < 0 || static_cast<std::size_t>(buffer.value) >= graph.values.size()) {
      fail("a buffer is for value {}; the graph has {} values", buffer.value, graph.values.size());
    }
    const auto index = static_cast<std::size_t>(buffer.value);
    const Value& value = graph.values[index];
    with_context(fmt::format("buffer of '{}'", value.name), [&] {
      if (value.constant()) fail("constants have no place in the arena");
      if (placed[index]) fail("is listed twice");
      placed[index] = 1;
      if (buffer.size < value.type.bytes()) fail("has {} bytes; the value needs {}", buffer.size, value.type.bytes());
      if (buffer.offset < 0 || buffer.size > plan.arena_bytes || buffer.offset > plan.arena_bytes - buffer.size) {
        fail("{} bytes at {} are outside of the arena of {}", buffer.size, buffer.offset, plan.arena_bytes);
      }
      if (buffer.first != first[index]) fail("is alive from node {}; expected {}", buffer.first, first[index]);
      if (buffer.last < last[index]) fail("is alive up to node {}; expected {}", buffer.last, last[index]);
    });
  }
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    if (!placed[i] && !graph.values[i].constant()) fail("value '{}' has no buffer", graph.values[i].name);
  }

  // In order of birth, each new buffer is compared with those still alive.
  std::vector<Buffer> buffers = plan.buffers;
  std::stable_sort(buffers.begin(), buffers.end(), [](const Buffer& a, const Buffer& b) { return a.first < b.first; });
  std::vector<Buffer> alive;
  for (const Buffer& born : buffers) {
    // A node reads its inputs while it writes its output, so one that dies at this node is still alive.
    std::erase_if(alive, [&](const Buffer& old) { return old.last < born.first; });
    for (const Buffer& old : alive) {
      if (old.offset + old.size <= born.offset || born.offset + born.size <= old.offset) continue;
      if (root_of(old) == root_of(born) && old.offset == born.offset) continue;
      fail("buffers of '{}' and '{}' overlap while both are alive", name(old), name(born));
    }
    alive.push_back(born);
  }
  if (plan.units) verify_units(graph, *plan.units);
}

}  // namespace mj
