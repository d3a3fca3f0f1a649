// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/exit_points.h"

#include <gtest/gtest.h>

#include "mj/arch/architecture.h"
#include "mj/base/error.h"
#include "mj/ir/cost.h"
#include "tests/unit/error_of.h"

namespace mj {
namespace {

double macs(const Graph& graph) { return static_cast<double>(total_macs(graph)); }

struct Chain {
  Graph graph;
  ValueId x = graph.add_input("x", {DType::kF32, {8, 8, 2}, {}});

  ValueId constant(Shape shape) {
    const std::vector<float> ones(static_cast<std::size_t>(element_count(shape)), 1);
    return graph.add_constant("c" + std::to_string(graph.values.size()), std::move(shape), ones);
  }
  ValueId conv(const std::string& name, ValueId from, std::int64_t channels) {
    const std::int64_t inputs = graph.type(from).shape.back();
    return graph.add_node(name, Conv2d{.pad = {1, 1, 1, 1}}, {from, constant({channels, 3, 3, inputs})});
  }
  ValueId relu(const std::string& name, ValueId from) { return graph.add_node(name, Clamp{}, {from}); }
  ValueId pool(const std::string& name, ValueId from) { return graph.add_node(name, MaxPool{}, {from}); }
  ValueId classify(ValueId from) {
    const ValueId flat = graph.add_node("flat", Reshape{{graph.type(from).count()}}, {from});
    return graph.add_node("fc", Linear{}, {flat, constant({3, graph.type(flat).count()})});
  }
};

std::vector<std::string> names_of(const std::vector<ExitPoint>& points) {
  std::vector<std::string> result;
  for (const ExitPoint& point : points) result.push_back(point.name);
  return result;
}

TEST(ExitPoints, AreBehindAllThatBelongsToABlock) {
  Chain c;
  const ValueId a = c.pool("pool_a", c.relu("relu_a", c.conv("conv_a", c.x, 4)));
  const ValueId b = c.relu("relu_b", c.conv("conv_b", a, 4));
  c.graph.outputs = {c.classify(c.pool("pool_c", c.relu("relu_c", c.conv("conv_c", b, 4))))};
  const auto points = block_boundaries(c.graph, macs);
  EXPECT_EQ(names_of(points), (std::vector<std::string>{"pool_a", "relu_b", "pool_c"}));
  // By hand: 8*8*9*2*4 = 4608; 4*4*9*4*4 = 2304 twice; 16*3 = 48; pools count nothing.
  EXPECT_DOUBLE_EQ(points[0].share, 4608.0 / 9264);
  EXPECT_DOUBLE_EQ(points[1].share, 6912.0 / 9264);
  EXPECT_DOUBLE_EQ(points[2].share, 9216.0 / 9264);
}

TEST(ExitPoints, InsideABranchThereIsNone) {
  Chain c;
  const ValueId stem = c.relu("stem_relu", c.conv("stem", c.x, 4));
  const ValueId inner = c.conv("inner2", c.relu("inner_relu", c.conv("inner1", stem, 4)), 4);
  const ValueId sum = c.graph.add_node("sum", Add{}, {inner, stem});
  c.graph.outputs = {c.classify(c.relu("last", c.conv("tail", c.relu("sum_relu", sum), 4)))};
  EXPECT_EQ(names_of(block_boundaries(c.graph, macs)), (std::vector<std::string>{"stem_relu", "sum_relu", "last"}));
}

TEST(ExitPoints, ASkipOverEverythingLeavesNone) {
  Chain c;
  const ValueId a = c.conv("a", c.x, 8);
  const ValueId b = c.conv("b", a, 2);
  c.graph.outputs = {c.classify(c.graph.add_node("sum", Add{}, {b, c.x}))};
  const auto points = block_boundaries(c.graph, macs);
  EXPECT_EQ(names_of(points), (std::vector<std::string>{"sum"}));
  EXPECT_EQ(error_of([&] { spaced_exits(points, 5); }),
            "the network is too short for exits: none of its 1 block boundaries lies between 5 % and 95 % of its work");
}

TEST(ExitPoints, OfAResidualNetworkAreItsBlocks) {
  const Graph graph = build({"resnet", 20, 16, 1}, {32, 32, 3}, 10, 1);
  const auto points = block_boundaries(graph, macs);
  EXPECT_EQ(points.size(), 9u);  // the stem and 8 of 9 blocks: the last is followed by the mean
  for (std::size_t i = 1; i < points.size(); ++i) EXPECT_GT(points[i].share, points[i - 1].share);
}

TEST(ExitPoints, AreSpacedAsEvenlyAsAnySubset) {
  const std::vector<double> shares{0.01, 0.06, 0.1, 0.22, 0.3, 0.41, 0.55, 0.58, 0.8, 0.9, 0.97};
  std::vector<ExitPoint> boundaries;
  for (std::size_t i = 0; i < shares.size(); ++i) boundaries.push_back({static_cast<ValueId>(i), "", shares[i]});
  for (int most = 1; most <= 9; ++most) {
    double best = 1e9;
    std::vector<double> expected;
    for (unsigned mask = 0; mask < 1u << shares.size(); ++mask) {
      double at = 0, sum = 0;
      std::vector<double> chosen;
      bool usable = true;
      for (std::size_t i = 0; i < shares.size(); ++i) {
        if (!(mask >> i & 1)) continue;
        usable &= shares[i] >= 0.05 && shares[i] <= 0.95;
        sum += (shares[i] - at) * (shares[i] - at);
        at = shares[i];
        chosen.push_back(at);
      }
      sum += (1 - at) * (1 - at);
      if (usable && chosen.size() == static_cast<std::size_t>(most) && sum < best) best = sum, expected = chosen;
    }
    std::vector<double> found;
    for (const ExitPoint& point : spaced_exits(boundaries, most)) found.push_back(point.share);
    EXPECT_EQ(found, expected) << most;
  }
  EXPECT_EQ(spaced_exits(boundaries, 50).size(), 9u);
}

TEST(ExitPoints, NamesAreTakenInTheNetworksOrderOrRefused) {
  Chain c;
  const ValueId a = c.relu("a", c.conv("conv_a", c.x, 4));
  const ValueId b = c.relu("b", c.conv("conv_b", a, 4));
  c.graph.outputs = {c.classify(c.conv("tail", b, 4))};
  const auto points = block_boundaries(c.graph, macs);
  const auto named = [&](std::vector<std::string> list) { return named_exits(c.graph, points, list); };
  EXPECT_EQ(names_of(named({"b", "a"})), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(error_of([&] { named({"a", "conv_b"}); }), "no exit is possible at 'conv_b'; expected one of a, b, tail");
  EXPECT_EQ(error_of([&] { named({"a", "a"}); }), "exit 'a' is named twice");
}

}  // namespace
}  // namespace mj
