// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "mj/ir/verify.h"
#include "mj/pass/passes.h"
#include "random_graph.h"

namespace mj {
namespace {

void set_row(Graph& graph, ValueId weight, std::int64_t row, float to) {
  const Shape shape = graph.type(weight).shape;
  const auto old = graph.value(weight).data.as<float>();
  std::vector<float> elements(old.begin(), old.end());
  const auto depth = static_cast<std::int64_t>(elements.size()) / shape[0];
  for (std::int64_t i = 0; i < depth; ++i) elements[static_cast<std::size_t>(row * depth + i)] = to;
  graph.value(weight).data = Constant::of(std::span<const float>(elements));
}

void set_column(Graph& graph, ValueId weight, std::int64_t column, float to) {
  const Shape shape = graph.type(weight).shape;
  const auto old = graph.value(weight).data.as<float>();
  std::vector<float> elements(old.begin(), old.end());
  for (auto i = static_cast<std::size_t>(column); i < elements.size(); i += static_cast<std::size_t>(shape.back())) elements[i] = to;
  graph.value(weight).data = Constant::of(std::span<const float>(elements));
}

/// conv 6 -> relu -> max_pool -> conv 5 (padded or not) -> mean -> linear 3.
struct Network {
  explicit Network(std::int64_t pad, std::vector<float> bias) {
    const ValueId x = graph.add_input("x", {DType::kF32, {8, 8, 2}, {}});
    w1 = test::normal_constant(graph, "w1", {6, 3, 3, 2}, 1);
    w2 = test::normal_constant(graph, "w2", {5, 3, 3, 6}, 2);
    w3 = test::normal_constant(graph, "w3", {3, 5}, 3);
    ValueId y = graph.add_node("c1", Conv2d{.clamp = {0, kInfinity}}, {x, w1, graph.add_constant("b1", {6}, bias)});
    y = graph.add_node("pool", MaxPool{{2, 2}, {2, 2}}, {y});
    y = graph.add_node("c2", Conv2d{.pad = {pad, pad, pad, pad}}, {y, w2, test::normal_constant(graph, "b2", {5}, 4)});
    y = graph.add_node("mean", Mean{}, {y});
    graph.outputs = {graph.add_node("fc", Linear{}, {y, w3})};
  }
  Graph graph;
  ValueId w1, w2, w3;
};

std::vector<std::int64_t> channels(const Graph& graph) {
  std::vector<std::int64_t> found;
  for (const Node& node : graph.nodes) {
    if (node.inputs.size() > 1) found.push_back(graph.type(node.output).shape.back());
  }
  return found;
}

TEST(RemoveDeadChannels, TakesOutWhatIsNeverReadAndWhatIsAlwaysTheSame) {
  for (const std::int64_t pad : {0, 1}) {
    SCOPED_TRACE(pad);
    Network n(pad, {1, -1, 1, 2, -3, 0.5f});
    EXPECT_EQ(remove_dead_channels(n.graph), n.graph);
    set_row(n.graph, n.w1, 1, 0);     // below 0, so 0 behind the rectifier
    set_row(n.graph, n.w1, 3, 0);     // always 2
    set_column(n.graph, n.w2, 5, 0);  // never read
    set_column(n.graph, n.w3, 0, 0);
    n.graph.value(n.w1).encoding.bits = 4;
    const Graph after = remove_dead_channels(n.graph);
    verify(after);
    // A pool is known to keep only zeros, so the 2 stays.
    EXPECT_EQ(channels(after), (std::vector<std::int64_t>{4, 4, 3}));
    EXPECT_EQ(after.value(after.nodes[0].inputs[1]).encoding.bits, 4) << "still asks for them";
    test::expect_same_outputs(n.graph, after, 5);
  }
}

TEST(RemoveDeadChannels, FoldsNumbersIntoBiasesWhereThereIsNoPadding) {
  for (const std::int64_t pad : {0, 1}) {
    SCOPED_TRACE(pad);
    Graph graph;
    const ValueId x = graph.add_input("x", {DType::kF32, {8, 8, 2}, {}});
    const ValueId w1 = test::normal_constant(graph, "w1", {6, 1, 1, 2}, 1);
    set_row(graph, w1, 2, 0);
    ValueId y = graph.add_node("c1", Conv2d{.clamp = {0, 1.5f}}, {x, w1, graph.add_constant("b1", {6}, std::vector<float>{1, 1, 4, 1, 1, 1})});
    y = graph.add_node("c2", Conv2d{.pad = {pad, pad, pad, pad}},
                       {y, test::normal_constant(graph, "w2", {5, 3, 3, 6}, 2), test::normal_constant(graph, "b2", {5}, 4)});
    graph.outputs = {y};
    const Graph after = remove_dead_channels(graph);
    EXPECT_EQ(channels(after)[0], pad == 0 ? 5 : 6);
    test::expect_same_outputs(graph, after, 5);
  }
}

// Channels of a shortcut stand and fall together; one always stays.
TEST(RemoveDeadChannels, FollowsSums) {
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::kF32, {4, 4, 2}, {}});
  const ValueId wa = test::normal_constant(graph, "wa", {4, 1, 1, 2}, 1), wb = test::normal_constant(graph, "wb", {4, 1, 1, 2}, 2);
  const ValueId wc = test::normal_constant(graph, "wc", {3, 1, 1, 4}, 3);
  const ValueId a = graph.add_node("a", Conv2d{}, {x, wa}), b = graph.add_node("b", Conv2d{}, {x, wb});
  const ValueId sum = graph.add_node("sum", Add{}, {a, b});
  graph.outputs = {graph.add_node("c", Conv2d{}, {sum, wc})};
  set_row(graph, wa, 0, 0);  // b still has it
  set_column(graph, wc, 3, 0);
  const Graph after = remove_dead_channels(graph);
  EXPECT_EQ(channels(after), (std::vector<std::int64_t>{3, 3, 3, 3}));
  test::expect_same_outputs(graph, after, 5);
  for (std::int64_t c = 0; c < 4; ++c) set_column(graph, wc, c, 0);
  const Graph nothing = remove_dead_channels(graph);
  EXPECT_EQ(channels(nothing), (std::vector<std::int64_t>{1, 1, 1, 3}));
  test::expect_same_outputs(graph, nothing, 5);
}

}  // namespace
}  // namespace mj
