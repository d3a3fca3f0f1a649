// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/blocks.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <variant>

#include "mj/arch/architecture.h"
#include "mj/ir/verify.h"
#include "mj/pass/reduce.h"
#include "random_graph.h"

namespace mj {
namespace {

using test::normal_constant;

Graph network(const char* architecture, Shape input = {16, 16, 3}) {
  return reducible(build(parse_architecture(architecture), input, 5, 3));
}

void fill(Graph& graph, ValueId id, float number) {
  const std::vector<float> elements(static_cast<std::size_t>(graph.type(id).count()), number);
  graph.value(id).data = Constant::of(std::span<const float>(elements));
}

/// Makes a convolution or linear layer hand on what it gets: a one in the middle of the window of the own channel.
void make_identity(Graph& graph, const Node& node) {
  fill(graph, node.inputs[1], 0);
  if (node.inputs.size() > 2) fill(graph, node.inputs[2], 0);
  Value& weight = graph.value(node.inputs[1]);
  std::vector<float> elements(static_cast<std::size_t>(weight.type.count()));
  const Shape& shape = weight.type.shape;
  const std::int64_t rows = shape[0], row = weight.type.count() / rows, depth = shape.back();
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t middle = (row / depth - 1) / 2 * depth;  // of an odd square window; 0 of a linear layer
    elements[static_cast<std::size_t>(r * row + middle + (depth == 1 ? 0 : r))] = 1;
  }
  weight.data = Constant::of(std::span<const float>(elements));
}

bool weighted(const Node& node) { return std::holds_alternative<Conv2d>(node.op) || std::holds_alternative<Linear>(node.op); }

/// Without the block the network must compute what it computes when the block is made to do nothing. Values between blocks are
/// behind rectifiers, so a rectifier more changes nothing.
void expect_dropped_equals_idle(const Graph& graph, const Block& block, bool residual) {
  Graph idle = graph;
  for (std::int32_t n = block.first; n <= block.last; ++n) {
    const Node& node = graph.nodes[static_cast<std::size_t>(n)];
    if (!weighted(node)) continue;
    if (residual) {
      for (std::size_t i = 1; i < node.inputs.size(); ++i) fill(idle, node.inputs[i], 0);
    } else {
      make_identity(idle, node);
    }
  }
  const Graph dropped = drop_blocks(graph, std::vector{block});
  verify(dropped);
  EXPECT_LT(dropped.nodes.size(), graph.nodes.size());
  test::expect_same_outputs(idle, dropped, 11);
}

std::vector<std::int32_t> stages(const std::vector<Block>& blocks) {
  std::vector<std::int32_t> found;
  for (const Block& block : blocks) found.push_back(block.stage);
  return found;
}

TEST(Blocks, OfResidualNetworksAreThoseWithAnIdentityShortcut) {
  const Graph graph = network("resnet-20-w8-s1");
  const std::vector<Block> blocks = droppable_blocks(graph);
  EXPECT_EQ(stages(blocks), (std::vector<std::int32_t>{0, 0, 0, 1, 1, 2, 2}));
  for (const Block& block : blocks) expect_dropped_equals_idle(graph, block, true);
}

TEST(Blocks, OfPlainNetworksAreSingleLayers) {
  const Graph graph = network("plain-6-w8-s1");
  const std::vector<Block> blocks = droppable_blocks(graph);
  // The second convolution of each of three blocks and three of four hidden layers.
  EXPECT_EQ(stages(blocks), (std::vector<std::int32_t>{0, 1, 2, 3, 3, 3}));
  for (const Block& block : blocks) expect_dropped_equals_idle(graph, block, false);
}

TEST(Blocks, OfMobileNetsAreDepthwiseAndPointwiseTogether) {
  const Graph graph = network("mobilenet-28-w8-s1", {32, 32, 3});
  const std::vector<Block> blocks = droppable_blocks(graph);
  // As in the published table: one of 128, of 256 and of 1024 channels each, five of 512 behind the one that strides.
  EXPECT_EQ(stages(blocks), (std::vector<std::int32_t>{0, 1, 2, 2, 2, 2, 2, 3}));
  for (const Block& block : blocks) {
    expect_dropped_equals_idle(graph, block, false);
    EXPECT_EQ(block.last - block.first, 1);
  }
}

TEST(Blocks, OfInvertedResidualsGoAroundWhatTheyExpand) {
  const Graph graph = network("mobilenetv2-53-w32-s1", {32, 32, 3});
  const std::vector<Block> blocks = droppable_blocks(graph);
  EXPECT_EQ(blocks.size(), 10u);  // of 17 bottlenecks those that repeat
  expect_dropped_equals_idle(graph, blocks[3], true);
}

TEST(Blocks, TheFullestStageIsThinnedFirst) {
  const std::vector<Block> blocks = droppable_blocks(network("resnet-20-w8-s1"));
  // All cost the same: after the first stage's third block, from the last stage to the first, twice.
  EXPECT_EQ(drop_order(blocks), (std::vector<std::size_t>{2, 6, 4, 1, 5, 3, 0}));
}

TEST(Blocks, SeveralInARowGoTogether) {
  const Graph graph = network("resnet-20-w8-s1"), small = network("resnet-8-w8-s1");
  const std::vector<Block> blocks = droppable_blocks(graph);
  const Graph dropped = drop_blocks(graph, std::vector{blocks[1], blocks[2], blocks[3], blocks[4], blocks[5], blocks[6]});
  ASSERT_EQ(dropped.nodes.size(), small.nodes.size());
  for (std::size_t n = 0; n < small.nodes.size(); ++n) {
    EXPECT_EQ(dropped.nodes[n].op, small.nodes[n].op);
    EXPECT_EQ(dropped.type(dropped.nodes[n].output), small.type(small.nodes[n].output));
  }
}

TEST(Blocks, ExitsAndOutputsStay) {
  Graph graph;
  ValueId x = graph.add_input("x", {DType::kF32, {6}, {}});
  const auto layer = [&](const std::string& name, ValueId from) {
    return graph.add_node(name, Linear{}, {from, normal_constant(graph, name + ".w", {6, 6}, 1)});
  };
  const ValueId first = layer("first", x);
  const ValueId second = layer("second", first);
  const ValueId third = layer("third", second);
  graph.outputs = {second, layer("logits", third)};
  const std::vector<Block> blocks = droppable_blocks(graph);
  ASSERT_EQ(blocks.size(), 2u);
  EXPECT_EQ(blocks[0].output, first);
  EXPECT_EQ(blocks[1].output, third);
}

TEST(Blocks, ALongDetourIsNoBlock) {
  Graph graph;
  ValueId x = graph.add_input("x", {DType::kF32, {8}, {}});
  std::int64_t width = 8;
  for (const std::int64_t next : {6, 4, 6, 8, 3}) {
    x = graph.add_node("to" + std::to_string(next), Linear{}, {x, normal_constant(graph, "w", {next, width}, 1)});
    width = next;
  }
  graph.outputs = {x};
  const std::vector<Block> blocks = droppable_blocks(graph);
  ASSERT_EQ(blocks.size(), 1u) << "6 to 4 to 6 is a bottleneck; 8 to 8 takes four layers";
  EXPECT_EQ(graph.type(blocks[0].input).shape, Shape{6});
}

TEST(Blocks, OfAnyNetworkCanBeDropped) {
  int dropped = 0;
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const Graph graph = test::random_graph(seed);
    const std::vector<Block> blocks = droppable_blocks(graph);
    for (const Block& block : blocks) {
      const Graph without = drop_blocks(graph, std::vector{block});
      verify(without);
      ASSERT_EQ(without.outputs.size(), graph.outputs.size());
      for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
        EXPECT_EQ(without.type(without.outputs[i]), graph.type(graph.outputs[i]));
      }
      ++dropped;
    }
    verify(drop_blocks(graph, blocks));
  }
  EXPECT_GT(dropped, 20);
}

}  // namespace
}  // namespace mj
