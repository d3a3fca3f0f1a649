// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/reduce.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <variant>

#include "mj/arch/architecture.h"
#include "mj/ir/cost.h"
#include "mj/ir/verify.h"
#include "mj/pass/blocks.h"
#include "random_graph.h"
#include "tests/unit/error_of.h"

namespace mj {
namespace {

using test::normal_constant;

TEST(Reduction, NamesAreReadBack) {
  for (const Reduction& reduction : {Reduction{2, 0.5}, Reduction{3, 1}, Reduction{0, 0.375}}) {
    EXPECT_EQ(parse_reduction(to_text(reduction)), reduction);
  }
  EXPECT_EQ(to_text(Reduction{2, 0.5}), "drop2/width0.5");
  EXPECT_EQ(to_text(Reduction{0, 0.125}), "width0.125");
  EXPECT_EQ(error_of([] { parse_reduction("drop0"); }), "'drop0' drops no whole number of blocks; expected e.g. drop2");
  EXPECT_EQ(error_of([] { parse_reduction("width1.5"); }), "'width1.5' is no share of the channels between 0 and 1; expected e.g. width0.5");
  EXPECT_EQ(error_of([] { parse_reduction("width0.5/drop1"); }),
            "unexpected part 'drop1' of a reduction; expected dropN, widthX or dropN/widthX, e.g. drop2/width0.5");
  EXPECT_EQ(error_of([] { parse_reduction(""); }),
            "unexpected part '' of a reduction; expected dropN, widthX or dropN/widthX, e.g. drop2/width0.5");
}

TEST(Reduce, KeepsTheChannelsWithTheLargestWeights) {
  Graph graph;
  ValueId x = graph.add_input("x", {DType::kF32, {1, 1, 2}, {}});
  const std::vector<float> rows{0.1f, -0.1f, 3, 0, -1, -1, 0.5f, 0.6f};      // sums of magnitudes .2, 3, 2, 1.1
  const std::vector<float> columns{10, 20, 30, 40, 50, 60, 70, 80};
  x = graph.add_node("first", Conv2d{}, {x, graph.add_constant("w1", {4, 1, 1, 2}, std::span<const float>(rows))});
  x = graph.add_node("flat", Reshape{{4}}, {x});
  x = graph.add_node("logits", Linear{}, {x, graph.add_constant("w2", {2, 4}, std::span<const float>(columns))});
  graph.outputs = {x};
  const Graph half = reduce(graph, {0, 0.5});
  const auto weight = [&](std::size_t node) {
    const auto elements = half.value(half.nodes[node].inputs[1]).data.as<float>();
    return std::vector<float>(elements.begin(), elements.end());
  };
  EXPECT_EQ(weight(0), (std::vector<float>{3, 0, -1, -1}));
  EXPECT_EQ(weight(half.nodes.size() - 1), (std::vector<float>{20, 30, 60, 70}));
}

TEST(Reduce, SurvivingWeightsAreTheNetworksOwn) {
  const Graph graph = reducible(build(parse_architecture("resnet-14-w8-s1"), {16, 16, 3}, 5, 3));
  std::set<float> own;
  for (const Value& value : graph.values) {
    if (value.constant()) own.insert(value.data.as<float>().begin(), value.data.as<float>().end());
  }
  const Graph small = reduce(graph, {2, 0.5});
  for (const Value& value : small.values) {
    if (!value.constant()) continue;
    for (const float x : value.data.as<float>()) EXPECT_TRUE(own.contains(x));
  }
  // The form of a network with two blocks less and half the width.
  EXPECT_EQ(total_macs(reduce(graph, {3, 0.5})), total_macs(build(parse_architecture("resnet-8-w4-s1"), {16, 16, 3}, 5, 3)));
}

TEST(Reduce, FollowsAddsAndConcatenations) {
  for (const char* name : {"resnet-14-w8-s1", "densenet-53-w8-s1", "densenetcifar-16-w6-s1", "mobilenetv2-23-w16-s1", "plain-6-w8-s1", "dscnn-6-w8-s2"}) {
    SCOPED_TRACE(name);
    const Graph graph = reducible(build(parse_architecture(name), {32, 32, 3}, 5, 1));
    const std::vector<Reduction> reductions = reductions_of(graph);
    ASSERT_FALSE(reductions.empty());
    std::int64_t before = total_macs(graph);
    for (const Reduction& reduction : reductions) {
      const Graph small = reduce(graph, reduction);
      verify(small);
      EXPECT_EQ(small.type(small.outputs[0]), graph.type(graph.outputs[0]));
      EXPECT_LE(total_macs(small), before) << to_text(reduction);
      before = total_macs(small);
    }
    EXPECT_LT(before, total_macs(graph) / 4);
  }
}

TEST(Reduce, NoActivationLosesAllItsChannels) {
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::kF32, {2, 2, 3}, {}});
  // Together in one group; by weight all of the second part would go.
  const ValueId a = graph.add_node("a", Conv2d{}, {x, normal_constant(graph, "wa", {6, 1, 1, 3}, 1)});
  const ValueId b = graph.add_node("b", Conv2d{}, {x, normal_constant(graph, "wb", {2, 1, 1, 3}, 2)});
  const ValueId both = graph.add_node("both", Concat{2}, {a, b});
  graph.outputs = {graph.add_node("out", Conv2d{}, {both, normal_constant(graph, "wo", {4, 1, 1, 8}, 3)})};
  const Graph small = reduce(graph, {0, 0.125});
  verify(small);
  EXPECT_EQ(small.type(small.nodes[0].output).shape.back(), 1);
  EXPECT_EQ(small.type(small.nodes[1].output).shape.back(), 1);
}

TEST(Reduce, AnyNetworkThatCanBe) {
  int reduced = 0;
  for (std::uint64_t seed = 0; seed < 80; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const Graph graph = reducible(test::random_graph(seed));
    for (const double width : {1.0, 0.5, 0.125}) {
      const Reduction reduction{static_cast<int>(droppable_blocks(graph).size()), width};
      EXPECT_EQ(error_of([&] {
                  const Graph small = reduce(graph, reduction);
                  verify(small);
                  reduced += small.values.size() < graph.values.size() || total_macs(small) < total_macs(graph);
                }), "")
          << to_text(reduction);
    }
  }
  EXPECT_GT(reduced, 80);
}

TEST(Reduce, SaysWhatItCannotDo) {
  const Graph graph = reducible(build(parse_architecture("resnet-8-w8-s1"), {16, 16, 3}, 5, 3));
  EXPECT_EQ(error_of([&] { reduce(graph, {2, 1}); }), "2 blocks cannot be dropped: the network has 1 that give what they take");
  Graph rigid;
  const ValueId x = rigid.add_input("x", {DType::kF32, {4}, {}});
  rigid.outputs = {rigid.add_node("logits", Linear{}, {x, normal_constant(rigid, "w", {3, 4}, 1)})};
  EXPECT_EQ(error_of([&] { reductions_of(rigid); }),
            "the network has no block that gives what it takes, and no channels that could be left out; name students of another architecture");
}

}  // namespace
}  // namespace mj
