// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "mj/ir/verify.h"
#include "mj/pass/lower.h"
#include "mj/pass/passes.h"
#include "random_graph.h"

namespace mj {
namespace {

const Buffer& buffer_of(const Graph& graph, const std::string& name) {
  for (const Buffer& buffer : graph.plan->buffers) {
    if (graph.value(buffer.value).name == name) return buffer;
  }
  throw std::runtime_error("no buffer for " + name);
}

/// Executes the plan byte by byte: every activation fills its buffer with its own mark, and whoever reads it must find
/// that mark. Reshapes write nothing: their readers must find the mark of what they reshape.
void simulate(const Graph& graph) {
  std::vector<ValueId> memory(static_cast<std::size_t>(graph.plan->arena_bytes), -1);
  std::map<ValueId, const Buffer*> buffers;
  for (const Buffer& buffer : graph.plan->buffers) buffers[buffer.value] = &buffer;
  std::map<ValueId, ValueId> mark;
  const auto write = [&](ValueId value, ValueId as) {
    const Buffer& buffer = *buffers.at(value);
    mark[value] = as;
    ASSERT_EQ(buffer.offset % kArenaAlignment, 0);
    if (as == value) {
      std::fill_n(memory.begin() + static_cast<std::ptrdiff_t>(buffer.offset), buffer.size, value);
    }
  };
  const auto intact = [&](ValueId value) {
    const Buffer& buffer = *buffers.at(value);
    return std::all_of(memory.begin() + static_cast<std::ptrdiff_t>(buffer.offset),
                       memory.begin() + static_cast<std::ptrdiff_t>(buffer.offset + buffer.size),
                       [&](ValueId found) { return found == mark.at(value); });
  };
  for (const ValueId input : graph.inputs) write(input, input);
  for (const Node& node : graph.nodes) {
    const bool alias = std::holds_alternative<Reshape>(node.op);
    write(node.output, alias ? mark.at(node.inputs[0]) : node.output);
    // After the write: a kernel reads while it writes, so its inputs must still be whole.
    for (const ValueId input : node.inputs) {
      if (graph.value(input).constant()) continue;
      EXPECT_TRUE(intact(input)) << describe(node) << " finds '" << graph.value(input).name << "' overwritten";
    }
  }
  for (const ValueId output : graph.outputs) EXPECT_TRUE(intact(output)) << graph.value(output).name;
}

/// The lower bound by brute force: at every node, the bytes of all distinct storages some later reader still needs.
Bytes brute_force_bound(const Graph& graph) {
  const auto n = static_cast<std::int32_t>(graph.nodes.size());
  std::map<ValueId, ValueId> root;
  for (const ValueId input : graph.inputs) root[input] = input;
  for (const Node& node : graph.nodes) {
    root[node.output] = std::holds_alternative<Reshape>(node.op) ? root.at(node.inputs[0]) : node.output;
  }
  const auto made = producers(graph);
  Bytes most = 0;
  for (std::int32_t now = -1; now <= n; ++now) {
    std::set<ValueId> alive;
    for (const auto& [value, storage] : root) {
      const std::int32_t birth = made[static_cast<std::size_t>(value)];
      if (birth > now) continue;
      bool needed = birth == now;
      for (std::int32_t later = std::max(now, 0); later < n; ++later) {
        const auto& inputs = graph.nodes[static_cast<std::size_t>(later)].inputs;
        needed = needed || std::find(inputs.begin(), inputs.end(), value) != inputs.end();
      }
      needed = needed || std::find(graph.outputs.begin(), graph.outputs.end(), value) != graph.outputs.end();
      if (needed) alive.insert(storage);
    }
    Bytes sum = 0;
    for (const ValueId storage : alive) sum += (graph.type(storage).bytes() + 3) / 4 * 4;
    most = std::max(most, sum);
  }
  return most;
}

TEST(PlanMemory, KeepsEveryLiveBufferWholeInRandomGraphs) {
  Bytes arenas = 0, bounds = 0;
  int optimal = 0, graphs = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    const Graph graph =
        seed % 2 == 0 ? plan_memory(test::random_graph(seed)) : lower_for_estimate(test::random_graph(seed));
    verify(graph);
    simulate(graph);
    const Bytes bound = arena_lower_bound(graph);
    EXPECT_EQ(bound, brute_force_bound(graph));
    EXPECT_GE(graph.plan->arena_bytes, bound);
    EXPECT_EQ(graph.plan->arena_bytes % kArenaAlignment, 0);
    arenas += graph.plan->arena_bytes;
    bounds += bound;
    optimal += graph.plan->arena_bytes == bound;
    ++graphs;
    if (::testing::Test::HasFailure()) return;
  }
  RecordProperty("arena_over_bound", std::to_string(static_cast<double>(arenas) / static_cast<double>(bounds)));
  std::cout << "arena / bound over " << graphs
            << " graphs: " << static_cast<double>(arenas) / static_cast<double>(bounds) << ", at the bound: " << optimal
            << "\n";
}

TEST(PlanMemory, AChainNeedsItsTwoLargestNeighbours) {
  Graph g;
  ValueId x = g.add_input("x", {DType::kF32, {10, 10, 1}, {}});  // 400 bytes
  x = g.add_node("a", Pad{{1, 1, 0}, {1, 1, 0}, 0}, {x});        // 576
  x = g.add_node("b", MaxPool{{2, 2}, {2, 2}, {}, {}}, {x});     // 144
  g.outputs = {g.add_node("c", Clamp{}, {x})};                   // 144
  g = plan_memory(g);
  EXPECT_EQ(g.plan->arena_bytes, 976);
  EXPECT_EQ(buffer_of(g, "a").offset, 0);
  EXPECT_EQ(buffer_of(g, "x").offset, 576);
  EXPECT_EQ(buffer_of(g, "b").offset, 576);
  EXPECT_EQ(buffer_of(g, "c").offset, 0);
  EXPECT_EQ(buffer_of(g, "x").first, -1);
  EXPECT_EQ(buffer_of(g, "x").last, 0);
  EXPECT_EQ(buffer_of(g, "c").last, 3);
}

TEST(PlanMemory, AReshapeSharesItsInputsBufferForAsLongAsEitherIsRead) {
  Graph g;
  const ValueId x = g.add_input("x", {DType::kF32, {4, 4, 1}, {}});
  const ValueId a = g.add_node("a", Clamp{}, {x});
  const ValueId flat = g.add_node("flat", Reshape{{16}}, {a});
  const ValueId b = g.add_node("b", Clamp{{-1, 1}}, {flat});
  const ValueId c = g.add_node("c", Clamp{{-1, 1}}, {b});
  g.outputs = {g.add_node("d", Add{}, {flat, c})};
  g = plan_memory(g);
  EXPECT_EQ(buffer_of(g, "flat").offset, buffer_of(g, "a").offset);
  simulate(g);
  EXPECT_EQ(g.plan->arena_bytes, 192);
}

TEST(PlanMemory, EveryExitLivesToTheEnd) {
  Graph g;
  const ValueId x = g.add_input("x", {DType::kF32, {4}, {}});
  const ValueId a = g.add_node("exit1", Clamp{}, {x});
  const ValueId b = g.add_node("b", Clamp{{-1, 1}}, {x});
  g.outputs = {a, g.add_node("logits", Clamp{}, {b})};
  g = plan_memory(g);
  EXPECT_EQ(buffer_of(g, "exit1").last, 3);
  EXPECT_EQ(g.plan->arena_bytes, 48);
}

TEST(PlanMemory, ResidualNetworksReachTheLowerBound) {
  // What the students are: blocks of two convolutions with a shortcut, halving the resolution now and then.
  for (std::int64_t width = 4; width <= 16; width += 4) {
    Graph g;
    ValueId x = g.add_input("x", {DType::kF32, {28, 28, 1}, {}});
    std::int64_t channels = 1;
    const auto conv = [&](ValueId in, std::int64_t inputs, std::int64_t outputs, std::int64_t stride) {
      const ValueId weight = test::normal_constant(g, "w", {outputs, 3, 3, inputs}, 1);
      return g.add_node("conv" + std::to_string(g.nodes.size()),
                        Conv2d{.stride = {stride, stride}, .pad = {1, 1, 1, 1}}, {in, weight});
    };
    for (const std::int64_t stage : {1, 2, 4}) {
      const std::int64_t stride = stage == 1 ? 1 : 2;
      const ValueId shortcut = conv(x, channels, width * stage, stride);
      channels = width * stage;
      x = g.add_node("add" + std::to_string(g.nodes.size()), Add{},
                     {shortcut, conv(conv(shortcut, channels, channels, 1), channels, channels, 1)});
    }
    g.outputs = {g.add_node("logits", Mean{}, {x})};
    g = plan_memory(g);
    EXPECT_EQ(g.plan->arena_bytes, arena_lower_bound(g)) << width;
  }
}

}  // namespace
}  // namespace mj
