// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "mj/base/parallel.h"
#include "mj/ir/evaluate.h"
#include "mj/pass/channel_affine.h"
#include "mj/pass/lower.h"
#include "mj/pass/quantize.h"
#include "random_graph.h"

namespace mj {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using test::everywhere;
using test::real;

std::vector<float> bias_of(const Graph& graph, std::size_t node) { return reals(graph.value(graph.nodes[node].inputs[2])); }

Tensor filled(Shape shape, float value) {
  const std::vector<float> elements(static_cast<std::size_t>(element_count(shape)), value);
  return quantize(elements, real(shape));
}

// Weights are multiples of 1/127 whose largest is 1, so they round to themselves, and inputs are read in steps of 0.01.

TEST(CorrectBiases, ALinearLayerByHand) {
  Graph g;
  const ValueId x = g.add_input("x", real({2}));
  const ValueId weight = g.add_constant("w", {2, 2}, std::vector<float>{1, 0, 1, -1});
  const ValueId bias = g.add_constant("b", {2}, std::vector<float>{0.5f, -0.25f});
  g.outputs = {g.add_node("y", Linear{}, {x, weight, bias})};
  const Ranges ranges = everywhere(g, 0, 2.55f);
  // 0.304 is taken for 0.30 and 1.004 for 1.00; the mean of 0.296 and 0.304 is right.
  const std::vector<Tensor> low{quantize(std::vector<float>{0.304f, 1.004f}, real({2}))};
  EXPECT_THAT(bias_of(correct_biases(g, ranges, low), 0), ElementsAre(FloatNear(0.504f, 1e-5f), FloatNear(-0.25f, 1e-5f)));
  const std::vector<Tensor> even{quantize(std::vector<float>{0.304f, 1}, real({2})), quantize(std::vector<float>{0.296f, 1}, real({2}))};
  EXPECT_THAT(bias_of(correct_biases(g, ranges, even), 0), ElementsAre(FloatNear(0.5f, 1e-5f), FloatNear(-0.25f, 1e-5f)));
}

TEST(CorrectBiases, AConvolutionMissesLessAtItsBorders) {
  Graph g;
  const ValueId x = g.add_input("x", real({3, 3, 1}));
  const ValueId weight = g.add_constant("w", {1, 3, 3, 1}, std::vector<float>(9, 1));
  const ValueId bias = g.add_constant("b", {1}, std::vector<float>{0});
  g.outputs = {g.add_node("y", Conv2d{.pad = {1, 1, 1, 1}}, {x, weight, bias})};
  const std::vector<Tensor> inputs{filled({3, 3, 1}, 0.504f)};
  // Of nine windows one has nine taps inside, four have six and four have four.
  const float missed = 0.004f * (9 + 4 * 6 + 4 * 4) / 9;
  EXPECT_THAT(bias_of(correct_biases(g, everywhere(g, 0, 2.55f), inputs), 0), ElementsAre(FloatNear(missed, 1e-5f)));
}

TEST(CorrectBiases, ADepthwiseConvolutionLooksAtItsOwnChannel) {
  Graph g;
  const ValueId x = g.add_input("x", real({1, 1, 2}));
  const ValueId weight = g.add_constant("w", {2, 1, 1, 1}, std::vector<float>{1, -1});
  const ValueId bias = g.add_constant("b", {2}, std::vector<float>{0, 0});
  g.outputs = {g.add_node("y", Conv2d{.groups = 2}, {x, weight, bias})};
  const std::vector<Tensor> inputs{quantize(std::vector<float>{0.504f, 0.502f}, real({1, 1, 2}))};
  EXPECT_THAT(bias_of(correct_biases(g, everywhere(g, 0, 2.55f), inputs), 0),
              ElementsAre(FloatNear(0.004f, 1e-5f), FloatNear(-0.002f, 1e-5f)));
}

TEST(CorrectBiases, WhatIsMendedInOneLayerIsNotMendedInTheNext) {
  Graph g;
  const ValueId x = g.add_input("x", real({1}));
  const ValueId one = g.add_constant("w", {1, 1}, std::vector<float>{1});
  const ValueId first = g.add_constant("b1", {1}, std::vector<float>{0}), second = g.add_constant("b2", {1}, std::vector<float>{0});
  const ValueId hidden = g.add_node("hidden", Linear{}, {x, one, first});
  g.outputs = {g.add_node("y", Linear{}, {hidden, one, second})};
  Ranges ranges = everywhere(g, 0, 2.55f);
  ranges.high[static_cast<std::size_t>(hidden)] = 0.255f * 4.08f;  // steps of 0.00408, in which 0.504 is almost even
  const std::vector<Tensor> inputs{quantize(std::vector<float>{0.504f}, real({1}))};
  const Graph corrected = correct_biases(g, ranges, inputs);
  EXPECT_THAT(bias_of(corrected, 0), ElementsAre(FloatNear(0.004f, 1e-5f)));
  EXPECT_THAT(bias_of(corrected, 1), ElementsAre(FloatNear(0.504f - std::round(0.504f / 0.00408f) * 0.00408f, 1e-5f)));
}

TEST(CorrectBiases, LeavesSharedBiasesAndQuantisedGraphsAlone) {
  Graph g;
  const ValueId x = g.add_input("x", real({1}));
  const ValueId one = g.add_constant("w", {1, 1}, std::vector<float>{1}), bias = g.add_constant("b", {1}, std::vector<float>{0});
  g.outputs = {g.add_node("a", Linear{}, {x, one, bias}), g.add_node("b", Linear{}, {x, one, bias})};
  const Ranges ranges = everywhere(g, 0, 2.55f);
  const std::vector<Tensor> inputs{quantize(std::vector<float>{0.504f}, real({1}))};
  EXPECT_EQ(correct_biases(g, ranges, inputs), g);
  const Graph integer = quantize_int8(g, ranges);
  EXPECT_EQ(correct_biases(integer, {}, inputs), integer);
}

/// How far the means of the outputs are from the real ones, summed over outputs and elements, in steps.
double shift_in_steps(const Graph& real_graph, const Graph& integer, const std::vector<Tensor>& inputs) {
  const Evaluator a(real_graph), b(integer);
  std::vector<std::vector<double>> sums(real_graph.outputs.size());
  for (const Tensor& input : inputs) {
    const auto wanted = a.run(input);
    const auto found = b.run(quantize(input.as<float>(), integer.type(integer.inputs[0])));
    for (std::size_t k = 0; k < wanted.size(); ++k) {
      const std::vector<float> reals_found = dequantize(found[k]);
      const auto reals_wanted = wanted[k].as<float>();
      sums[k].resize(reals_wanted.size(), 0);
      for (std::size_t i = 0; i < reals_wanted.size(); ++i) {
        sums[k][i] += (reals_found[i] - reals_wanted[i]) / found[k].type.quant->scale[0];
      }
    }
  }
  double shift = 0;
  for (const auto& output : sums) {
    for (const double sum : output) shift += std::abs(sum) / static_cast<double>(inputs.size());
  }
  return shift;
}

TEST(CorrectBiases, BringsMeansOfRandomNetworksCloserWhateverTheThreads) {
  double before = 0, after = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    const Graph g = simplify(test::random_graph(seed));
    const std::vector<Tensor> inputs = test::random_inputs(g, seed, 40);
    const Ranges ranges = calibrate(g, inputs);
    set_threads(1);
    const Graph corrected = correct_biases(g, ranges, inputs);
    set_threads(5);
    EXPECT_EQ(correct_biases(g, ranges, inputs), corrected);
    set_threads(0);
    before += shift_in_steps(g, quantize_int8(g, ranges), inputs);
    after += shift_in_steps(g, quantize_int8(corrected, ranges), inputs);
  }
  EXPECT_LT(after, 0.6 * before) << before;
}

}  // namespace
}  // namespace mj
