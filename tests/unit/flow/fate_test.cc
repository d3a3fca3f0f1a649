// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/fate.h"

#include <gtest/gtest.h>

#include "mj/flow/deploy.h"

namespace mj {
namespace {

using Kind = Fate::Kind;

/// Adds a batch-norm of plain numbers.
ValueId batch_norm(Graph& graph, const std::string& name, ValueId x) {
  const std::int64_t channels = graph.type(x).shape.back();
  const std::vector<float> ones(static_cast<std::size_t>(channels), 1.5f);
  std::vector<ValueId> inputs{x};
  for (int i = 0; i < 4; ++i) inputs.push_back(graph.add_constant(name + std::to_string(i), {channels}, ones));
  return graph.add_node(name, BatchNorm{}, inputs);
}

ValueId conv(Graph& graph, const std::string& name, ValueId x, std::int64_t outputs) {
  const Shape shape{outputs, 3, 3, graph.type(x).shape.back()};
  const std::vector<float> weights(static_cast<std::size_t>(element_count(shape)), 0.1f);
  return graph.add_node(name, Conv2d{}, {x, graph.add_constant(name + "_w", shape, weights)});
}

TEST(Fates, SayWhereEveryNodeWent) {
  Graph graph;
  ValueId x = graph.add_input("image", {DType::kF32, {12, 12, 2}, {}});
  x = graph.add_node("pad", Pad{{1, 1, 0}, {1, 1, 0}}, {x});
  x = conv(graph, "first", x, 4);
  x = batch_norm(graph, "norm", x);
  x = graph.add_node("relu", Clamp{{0, kInfinity}}, {x});
  x = batch_norm(graph, "late", x);  // behind an activation, with another reader: a step of its own
  const ValueId branch = graph.add_node("sigmoid", Sigmoid{}, {x});
  x = graph.add_node("sum", Add{}, {x, branch});
  x = graph.add_node("same", Reshape{graph.type(x).shape}, {x});
  x = graph.add_node("mean", Mean{{0, 1}, false}, {x});
  graph.outputs = {x};

  const Graph deployed = deployed_form(graph);
  const auto step = [&](const std::string& name) {
    for (std::size_t i = 0; i < deployed.nodes.size(); ++i) {
      if (deployed.nodes[i].name == name) return static_cast<std::int32_t>(i);
    }
    return -1;
  };
  ASSERT_EQ(deployed.nodes.size(), 5u);
  EXPECT_EQ(fates(graph, deployed), (std::vector<Fate>{{Kind::kFused, step("first")},
                                                       {Kind::kRuns, step("first")},
                                                       {Kind::kFused, step("first")},
                                                       {Kind::kFused, step("first")},
                                                       {Kind::kRuns, step("late")},
                                                       {Kind::kRuns, step("sigmoid")},
                                                       {Kind::kRuns, step("sum")},
                                                       {Kind::kDropped, -1},
                                                       {Kind::kRuns, step("mean")}}));
  EXPECT_STREQ(op_name(deployed.nodes[static_cast<std::size_t>(step("late"))].op), "conv2d");
}

}  // namespace
}  // namespace mj
