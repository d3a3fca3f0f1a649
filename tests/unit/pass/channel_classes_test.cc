// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/channel_classes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <variant>

#include "mj/arch/architecture.h"
#include "mj/base/error.h"
#include "mj/ir/verify.h"
#include "random_graph.h"

namespace mj {
namespace {

using test::normal_constant;

/// Makes removing a channel harmless: whatever writes it writes zeros, whatever shifts it does not.
void silence(Graph& graph, const ChannelClasses& classes, const std::vector<char>& kept) {
  for (const Node& node : graph.nodes) {
    const auto& ids = classes.of_value[static_cast<std::size_t>(node.output)];
    const auto zero_rows = [&](ValueId id) {
      Value& value = graph.value(id);
      std::vector<float> elements(value.data.as<float>().begin(), value.data.as<float>().end());
      const std::size_t row = elements.size() / ids.size();
      for (std::size_t c = 0; c < ids.size(); ++c) {
        if (!kept[static_cast<std::size_t>(ids[c])]) std::fill_n(elements.begin() + static_cast<std::ptrdiff_t>(c * row), row, 0.0f);
      }
      value.data = Constant::of(std::span<const float>(elements));
    };
    if (std::holds_alternative<Conv2d>(node.op) || std::holds_alternative<Linear>(node.op)) {
      for (std::size_t i = 1; i < node.inputs.size(); ++i) zero_rows(node.inputs[i]);
    } else if (std::holds_alternative<BatchNorm>(node.op)) {
      zero_rows(node.inputs[1]), zero_rows(node.inputs[2]);
    } else if (std::holds_alternative<Add>(node.op) && graph.value(node.inputs[1]).constant()) {
      if (graph.type(node.inputs[1]).count() == static_cast<std::int64_t>(ids.size())) zero_rows(node.inputs[1]);
    }
  }
}

/// Every second class of every group goes.
std::vector<char> every_second(const ChannelClasses& classes) {
  std::vector<char> kept(static_cast<std::size_t>(classes.count), 1);
  for (const auto& group : classes.groups) {
    for (std::size_t i = 1; i < group.size(); i += 2) kept[static_cast<std::size_t>(group[i])] = 0;
  }
  return kept;
}

void expect_narrowed_equals_silenced(Graph graph) {
  const ChannelClasses classes = channel_classes(graph);
  const std::vector<char> kept = every_second(classes);
  silence(graph, classes, kept);
  const Graph narrow = narrow_channels(graph, classes, kept);
  verify(narrow);
  std::int64_t before = 0, after = 0;
  for (const Value& value : graph.values) before += value.constant() ? value.type.count() : 0;
  for (const Value& value : narrow.values) after += value.constant() ? value.type.count() : 0;
  EXPECT_LT(after, before);
  test::expect_same_outputs(graph, narrow, 7);
}

TEST(ChannelClasses, FollowResidualNetworks) {
  const Graph graph = build(parse_architecture("resnet-20-w8-s1"), {8, 8, 3}, 5, 1);
  const ChannelClasses classes = channel_classes(graph);
  // Nine blocks' inner channels, and one group for each stage, whose adds hold its blocks together.
  EXPECT_EQ(classes.groups.size(), 12u);
  expect_narrowed_equals_silenced(graph);
}

TEST(ChannelClasses, FollowConcatenations) { expect_narrowed_equals_silenced(build(parse_architecture("densenet-53-w4-s1"), {8, 8, 3}, 5, 1)); }

TEST(ChannelClasses, FollowDepthwiseConvolutionsPoolsAndFlattening) {
  Graph graph;
  ValueId x = graph.add_input("x", {DType::kF32, {8, 8, 3}, {}});
  x = graph.add_node("c1", Conv2d{.pad = {1, 1, 1, 1}}, {x, normal_constant(graph, "w1", {6, 3, 3, 3}, 1)});
  x = test::add_batch_norm(graph, "n1", x, 2);
  x = graph.add_node("r1", PRelu{}, {x, normal_constant(graph, "slope", {6}, 9)});
  x = graph.add_node("dw", Conv2d{.pad = {1, 1, 1, 1}, .groups = 6}, {x, normal_constant(graph, "w2", {6, 3, 3, 1}, 3), normal_constant(graph, "b2", {6}, 4)});
  x = graph.add_node("pool", MaxPool{}, {x});
  x = graph.add_node("shift", Add{}, {x, normal_constant(graph, "t", {1, 1, 6}, 5)});
  x = graph.add_node("flat", Reshape{{4 * 4 * 6}}, {x});
  x = graph.add_node("fc", Linear{}, {x, normal_constant(graph, "w3", {8, 96}, 6), normal_constant(graph, "b3", {8}, 7)});
  x = graph.add_node("act", Clamp{}, {x});
  x = graph.add_node("logits", Linear{}, {x, normal_constant(graph, "w4", {4, 8}, 8)});
  graph.outputs = {x};
  const ChannelClasses classes = channel_classes(graph);
  ASSERT_EQ(classes.groups.size(), 2u);
  EXPECT_EQ(classes.groups[0].size(), 6u);
  EXPECT_EQ(classes.groups[1].size(), 8u);
  expect_narrowed_equals_silenced(graph);
}

TEST(ChannelClasses, DepthwiseConvolutionsWithSeveralOutputsStayAsTheyAre) {
  Graph graph;
  ValueId x = graph.add_input("x", {DType::kF32, {4, 4, 3}, {}});
  x = graph.add_node("two each", Conv2d{.groups = 3}, {x, normal_constant(graph, "w1", {6, 1, 1, 1}, 1)});
  x = graph.add_node("mixed", Conv2d{}, {x, normal_constant(graph, "w2", {4, 1, 1, 6}, 2)});
  x = graph.add_node("out", Conv2d{}, {x, normal_constant(graph, "w3", {2, 1, 1, 4}, 3)});
  graph.outputs = {x};
  expect_narrowed_equals_silenced(graph);
}

TEST(ChannelClasses, PinInputsOutputsAndWhatIsNotFollowed) {
  Graph graph;
  ValueId x = graph.add_input("x", {DType::kF32, {4, 4, 4}, {}});
  x = graph.add_node("grouped", Conv2d{.groups = 2}, {x, normal_constant(graph, "w", {4, 1, 1, 2}, 1)});
  x = graph.add_node("mixed", Conv2d{}, {x, normal_constant(graph, "w2", {4, 1, 1, 4}, 1)});
  x = graph.add_node("turned", Transpose{{2, 0, 1}}, {x});
  graph.outputs = {x};
  const ChannelClasses classes = channel_classes(graph);
  EXPECT_TRUE(classes.groups.empty());
  for (std::size_t c = 0; c < classes.pinned.size(); ++c) EXPECT_FALSE(classes.reason[c].empty());
  const auto reason = [&](ValueId value) { return classes.reason[static_cast<std::size_t>(classes.of_value[static_cast<std::size_t>(value)][0])]; };
  EXPECT_EQ(reason(graph.inputs[0]), "it is the network's input");
  EXPECT_EQ(reason(graph.nodes[0].output), "node 'grouped' (conv2d) is a grouped convolution");
  EXPECT_EQ(reason(graph.nodes[1].output), "node 'turned' (transpose) moves channels to another dimension");
  std::vector<char> none(static_cast<std::size_t>(classes.count), 0);
  try {
    narrow_channels(graph, classes, none);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "a channel cannot be removed: it is the network's input");
  }
}

}  // namespace
}  // namespace mj
