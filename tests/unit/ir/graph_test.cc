// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/graph.h"

#include <gtest/gtest.h>

#include "mj/ir/verify.h"
#include "tests/unit/error_of.h"
#include "random_graph.h"

namespace mj {
namespace {

TEST(Type, TextAndBytes) {
  EXPECT_EQ(shape_text({28, 28, 1}), "28x28x1");
  EXPECT_EQ(shape_text({}), "scalar");
  EXPECT_EQ(type_text({DType::kI8, {14, 14, 8}, {}}), "i8[14x14x8]");
  EXPECT_EQ((Type{DType::kF32, {3, 5}, {}}.bytes()), 60);
  EXPECT_EQ((Type{DType::kI32, {3, 5}, {}}.bytes()), 60);
  EXPECT_EQ((Type{DType::kI16, {3, 5}, {}}.bytes()), 30);
  EXPECT_EQ((Type{DType::kI8, {3, 5}, {}}.bytes()), 15);
  EXPECT_EQ((Type{DType::kF32, {}, {}}.count()), 1);
}

TEST(Type, CountsStayInBounds) {
  EXPECT_EQ(element_count({2147483647}), 2147483647);
  EXPECT_EQ(element_count({0, 5}), 0);
  const std::int64_t huge = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(error_of([] { element_count({2147483648}); }), "shape 2147483648 has more than 2147483647 elements");
  EXPECT_EQ(error_of([] { element_count({46341, 46341}); }), "shape 46341x46341 has more than 2147483647 elements");
  EXPECT_NE(error_of([&] { element_count({huge, huge, huge}); }), "");
  EXPECT_EQ(error_of([] { element_count({4, -1}); }), "shape 4x-1 has a dimension of -1; expected 1 or more");
  EXPECT_EQ(error_of([] { check_shape({4, 0}); }), "shape 4x0 has a dimension of 0; expected 1 or more");
  EXPECT_EQ(error_of([] { check_shape(Shape(9, 1)); }), "shape has 9 dimensions; expected at most 8");
  EXPECT_EQ(error_of([] { check_shape(Shape(8, 1)); }), "");
}

TEST(Constant, ComparesByContent) {
  const std::vector<float> one{1, 2}, other{1, 3};
  const Constant a = Constant::of(std::span(one)), b = Constant::of(std::span(one)), c = Constant::of(std::span(other));
  EXPECT_EQ(a, a);
  EXPECT_EQ(a, b);
  EXPECT_FALSE(a == c);
  EXPECT_EQ(Constant(), Constant());
  EXPECT_FALSE(Constant() == Constant(std::vector<std::byte>{})) << "no constant and an empty one differ";
}

TEST(Graph, AddingChecks) {
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::kF32, {4}, {}});
  EXPECT_EQ(error_of([&] {
              graph.add_value("v", {DType::kF32, {-1}, {}});
            }),
            "value 'v': shape -1 has a dimension of -1; expected 1 or more");
  EXPECT_EQ(error_of([&] { graph.add_constant("c", {3}, std::vector<float>(2)); }),
            "value 'c': constant holds 8 bytes; f32[3] needs 12");
  EXPECT_EQ(error_of([&] { graph.add_node("fc", Add{}, {x}); }), "node 'fc' (add): has 1 inputs; expected 2");
  EXPECT_EQ(graph.values.size(), 1u) << "nothing is added by what fails";
  EXPECT_TRUE(graph.nodes.empty());
  EXPECT_EQ(error_of([&] { class_count(graph); }), "the graph has no output");
}

/// x -> relu -> add(relu, relu) -> out; a dead branch beside it.
Graph diamond() {
  Graph graph;
  const ValueId unused = graph.add_constant("unused", {1}, std::vector<float>{1});
  const ValueId x = graph.add_input("x", {DType::kF32, {4}, {}});
  const ValueId r = graph.add_node("r", Clamp{}, {x});
  graph.add_node("dead", Add{}, {r, unused});
  const ValueId c = graph.add_constant("c", {4}, std::vector<float>{1, 2, 3, 4});
  const ValueId d = graph.add_node("double", Add{}, {r, r});
  graph.outputs = {graph.add_node("out", Mul{}, {d, c})};
  graph.plan.emplace();
  return graph;
}

TEST(Graph, ProducersAndConsumers) {
  const Graph graph = diamond();
  EXPECT_EQ(producers(graph), (std::vector<std::int32_t>{-1, -1, 0, 1, -1, 2, 3}));
  EXPECT_EQ(consumers(graph), (std::vector<std::vector<std::int32_t>>{{1}, {0}, {1, 2}, {}, {3}, {3}, {}}));
  EXPECT_EQ(describe(graph.nodes[1]), "node 'dead' (add)");
  EXPECT_EQ(class_count(graph), 4);
}

TEST(Graph, CompactKeepsOrderAndInputs) {
  Graph expected;
  const ValueId x = expected.add_input("x", {DType::kF32, {4}, {}});
  const ValueId r = expected.add_node("r", Clamp{}, {x});
  const ValueId c = expected.add_constant("c", {4}, std::vector<float>{1, 2, 3, 4});
  const ValueId d = expected.add_node("double", Add{}, {r, r});
  expected.outputs = {expected.add_node("out", Mul{}, {d, c})};
  EXPECT_EQ(compact(diamond()), expected);

  Graph lonely;
  lonely.add_input("a", {DType::kF32, {1}, {}});
  lonely.add_input("b", {DType::kF32, {1}, {}});
  lonely.outputs = {1};
  EXPECT_EQ(compact(lonely), lonely) << "inputs stay even when nothing reads them";
}

TEST(Graph, CompactIsIdempotentAndValid) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const Graph graph = random_graph(seed), once = compact(graph);
    ASSERT_EQ(error_of([&] { verify(once); }), "");
    ASSERT_EQ(compact(once), once);
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
      ASSERT_EQ(once.value(once.outputs[i]), graph.value(graph.outputs[i]));
    }
    const auto readers = consumers(once);
    for (const Node& node : once.nodes) {
      const bool needed = !readers[static_cast<std::size_t>(node.output)].empty() ||
                          std::count(once.outputs.begin(), once.outputs.end(), node.output) > 0;
      ASSERT_TRUE(needed) << describe(node);
    }
  }
}

}  // namespace
}  // namespace mj
