// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/trainable.h"

#include <gtest/gtest.h>

#include <cmath>
#include <variant>

#include "mj/arch/architecture.h"
#include "mj/ir/cost.h"
#include "mj/ir/verify.h"
#include "mj/pass/factorise.h"
#include "mj/pass/lower.h"
#include "random_graph.h"
#include "tests/unit/error_of.h"

namespace mj {
namespace {

TEST(TrainableForm, ComputesTheSameAndFoldsAwayAgain) {
  for (const char* name : {"resnet-8-w4-s1", "densenet-53-w4-s1"}) {
    SCOPED_TRACE(name);
    Graph graph = build(parse_architecture(name), {16, 16, 3}, 5, 3);
    const std::vector<Tensor> inputs = test::random_inputs(graph, 1, 8);
    const Graph form = trainable_form(graph, inputs);
    verify(form);
    EXPECT_GT(test::count<BatchNorm>(form), 0);
    test::expect_same_outputs(simplify(form), form, 9);
    EXPECT_EQ(test::count<BatchNorm>(simplify(form)), 0);
  }
}

TEST(TrainableForm, NormalisesWhatItsInputsGive) {
  Graph graph = build(parse_architecture("resnet-8-w4-s1"), {8, 8, 3}, 5, 3);
  const std::vector<Tensor> inputs = test::random_inputs(graph, 2, 50);
  const Graph form = trainable_form(graph, inputs);
  const Evaluator evaluator(form);
  for (const Node& node : form.nodes) {
    if (!std::holds_alternative<BatchNorm>(node.op)) continue;
    double sum = 0, square = 0, count = 0;
    for (const Tensor& input : inputs) {
      evaluator.run(input, [&](ValueId value, const Tensor& tensor) {
        if (value != node.inputs[0]) return;
        const auto elements = tensor.as<float>();
        const auto channels = static_cast<std::size_t>(form.type(value).shape.back());
        for (std::size_t i = 0; i < elements.size(); i += channels) sum += elements[i], square += elements[i] * elements[i], ++count;
      });
    }
    const double mean = sum / count, variance = square / count - mean * mean;
    EXPECT_NEAR(form.value(node.inputs[3]).data.as<float>()[0], mean, 1e-3 * std::sqrt(variance) + 1e-5) << node.name;
    EXPECT_NEAR(form.value(node.inputs[4]).data.as<float>()[0], variance, 1e-3 * variance + 1e-6) << node.name;
  }
}

// conv, relu, batch_norm, padded conv: the batch-norm goes into the second convolution, exactly but for the border.
TEST(TrainableForm, TakesABatchNormThroughPadding) {
  Graph graph;
  ValueId x = graph.add_input("x", {DType::kF32, {9, 9, 2}, {}});
  x = graph.add_node("c1", Conv2d{.clamp = {0, kInfinity}}, {x, test::normal_constant(graph, "w1", {4, 1, 1, 2}, 1)});
  x = test::add_batch_norm(graph, "n", x, 2);
  x = graph.add_node("c2", Conv2d{.pad = {1, 1, 1, 1}}, {x, test::normal_constant(graph, "w2", {3, 3, 3, 4}, 3)});
  graph.outputs = {x};
  const std::vector<Tensor> inputs = test::random_inputs(graph, 1, 4);
  const Graph form = trainable_form(graph, inputs);
  EXPECT_EQ(test::count<Conv2d>(simplify(form)), 2);
  const Tensor before = Evaluator(graph).run(inputs[0])[0], after = Evaluator(form).run(inputs[0])[0];
  double inside = 0, border = 0;
  for (std::int64_t y = 0; y < 9; ++y) {
    for (std::int64_t c = 0; c < 27; ++c) {
      const auto i = static_cast<std::size_t>(y * 27 + c);
      const double difference = std::abs(before.as<float>()[i] - after.as<float>()[i]);
      const bool inner = y > 0 && y < 8 && c >= 3 && c < 24;
      (inner ? inside : border) = std::max(inner ? inside : border, difference);
    }
  }
  EXPECT_LT(inside, 1e-4);
  EXPECT_GT(border, 1e-3);
}

// A batch-norm would scale the rows of a weight that has one scale for all of them.
TEST(TrainableForm, LeavesWeightsThatAskForOneScaleAsTheyAre) {
  Graph graph;
  ValueId x = graph.add_input("x", {DType::kF32, {6, 6, 4}, {}});
  x = graph.add_node("conv", Conv2d{.pad = {1, 1, 1, 1}, .clamp = {0, kInfinity}}, {x, test::normal_constant(graph, "w", {8, 3, 3, 4}, 12, 0.3)});
  graph.outputs = {graph.add_node("mean", Mean{}, {x})};
  const Graph factors = factorise(graph, "conv", {2, 3});
  const std::vector<Tensor> inputs = test::random_inputs(factors, 2, 8);
  const Graph form = trainable_form(factors, inputs);
  EXPECT_EQ(test::count<BatchNorm>(form), 1) << "of the last factor";
  test::expect_same_outputs(factors, form, 3);
  const Graph back = simplify(form);
  for (const Node& node : back.nodes) {
    if (node.name == "conv.in" || node.name == "conv.core") {
      EXPECT_EQ(node.inputs.size(), 2u) << node.name << " has no bias";
    }
  }
  ASSERT_EQ(back.nodes[0].name, "conv.in");
  EXPECT_TRUE(back.value(back.nodes[0].inputs[1]).encoding.per_tensor);
}

TEST(TrainableForm, NeedsInputs) {
  const Graph graph = build(parse_architecture("resnet-8-w4-s1"), {8, 8, 3}, 5, 3);
  EXPECT_EQ(error_of([&] { trainable_form(graph, {}); }), "no inputs to take means and variances from; expected at least one");
}

}  // namespace
}  // namespace mj
