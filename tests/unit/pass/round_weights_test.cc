// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "mj/base/parallel.h"
#include "mj/base/random.h"
#include "mj/ir/evaluate.h"
#include "mj/pass/channel_affine.h"
#include "mj/pass/lower.h"
#include "mj/pass/quantize.h"
#include "random_graph.h"

namespace mj {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using test::real;

std::vector<float> weight_of(const Graph& graph, std::size_t node) { return reals(graph.value(graph.nodes[node].inputs[1])); }

TEST(RoundWeights, ErrorsOfInputsThatAreTheSameCancel) {
  Graph g;
  const ValueId x = g.add_input("x", real({3}));
  // Steps of 1/127: the last two lie at 10.4 and 20.4 and would both be rounded down.
  const ValueId weight = g.add_constant("w", {1, 3}, std::vector<float>{1, 10.4f / 127, 20.4f / 127});
  g.outputs = {g.add_node("y", Linear{}, {x, weight})};
  std::vector<Tensor> same, different;
  for (int i = 0; i < 400; ++i) {
    RandomStream stream(7, static_cast<std::uint64_t>(i));
    const auto draw = [&] { return static_cast<float>(stream.normal()); };
    const float a = draw(), b = draw(), c = draw();
    same.push_back(quantize(std::vector<float>{a, b, b}, real({3})));
    different.push_back(quantize(std::vector<float>{a, b, c}, real({3})));
  }
  const auto steps = [&](const std::vector<Tensor>& inputs) {
    std::vector<float> found = weight_of(round_weights(g, inputs), 0);
    for (float& w : found) w *= 127;
    return found;
  };
  // Both down misses 0.8 steps of the one number, one down and one up 0.2.
  EXPECT_THAT(steps(same), ElementsAre(FloatNear(127, 1e-3f), FloatNear(11, 1e-3f), FloatNear(20, 1e-3f)));
  EXPECT_THAT(steps(different), ElementsAre(FloatNear(127, 1e-3f), FloatNear(10, 1e-3f), FloatNear(20, 1e-3f)));
}

TEST(RoundWeights, TheBiasTakesWhatIsMissedOnAverage) {
  Graph g;
  const ValueId x = g.add_input("x", real({2}));
  const ValueId weight = g.add_constant("w", {1, 2}, std::vector<float>{1, 10.4f / 127});
  const ValueId bias = g.add_constant("b", {1}, std::vector<float>{0.5f});
  g.outputs = {g.add_node("y", Linear{}, {x, weight, bias})};
  const Graph rounded = round_weights(g, std::vector<Tensor>{quantize(std::vector<float>{0.3f, 2}, real({2}))});
  EXPECT_THAT(weight_of(rounded, 0), ElementsAre(FloatNear(1, 1e-6f), FloatNear(10.0f / 127, 1e-6f)));
  EXPECT_NEAR(reals(rounded.value(bias))[0], 0.5 + 0.4 / 127 * 2, 1e-6);
}

TEST(RoundWeights, ZerosAndSharedWeightsAndQuantisedGraphsStay) {
  Graph g;
  const ValueId x = g.add_input("x", real({2}));
  const ValueId shared = g.add_constant("w", {2, 2}, std::vector<float>{1, 0.3f, 0.301f, 1});
  const ValueId alone = g.add_constant("v", {1, 2}, std::vector<float>{0, 1});
  const ValueId once = g.add_node("once", Linear{}, {x, shared});
  g.outputs = {g.add_node("y", Linear{}, {g.add_node("twice", Linear{}, {once, shared}), alone})};
  const std::vector<Tensor> inputs{quantize(std::vector<float>{1, 1}, real({2})), quantize(std::vector<float>{2, -1}, real({2}))};
  EXPECT_EQ(round_weights(g, inputs), g);
  const Graph integer = quantize_int8(g, calibrate(g, inputs));
  EXPECT_EQ(round_weights(integer, inputs), integer);
}

/// Mean squared difference of the outputs, in squares of an output's range.
double error_of_outputs(const Graph& wanted, const Graph& found, const std::vector<Tensor>& inputs) {
  const Evaluator a(wanted), b(found);
  double sum = 0, size = 0;
  for (const Tensor& input : inputs) {
    const auto x = a.run(input), y = b.run(input);
    for (std::size_t k = 0; k < x.size(); ++k) {
      const auto p = x[k].as<float>(), q = y[k].as<float>();
      for (std::size_t i = 0; i < p.size(); ++i) sum += std::pow(p[i] - q[i], 2), size += std::pow(p[i], 2);
    }
  }
  return sum / std::max(size, 1e-12);
}

/// The weights at the nearest steps of 4 bits.
Graph at_nearest(const Graph& graph, const std::vector<Tensor>& inputs) {
  const Graph integer = quantize_int8(graph, calibrate(graph, inputs));
  Graph nearest = graph;
  for (std::size_t n = 0, twin = 0; n < graph.nodes.size(); ++n, ++twin) {
    while (integer.nodes[twin].op.index() != graph.nodes[n].op.index()) ++twin;
    const bool weighted = std::holds_alternative<Conv2d>(graph.nodes[n].op) || std::holds_alternative<Linear>(graph.nodes[n].op);
    if (weighted) nearest.value(graph.nodes[n].inputs[1]).data = Constant::of(std::span<const float>(weight_of(integer, twin)));
  }
  return nearest;
}

TEST(RoundWeights, NetworksMissLessOnOtherInputsAndQuantiseToTheSameStepsWhateverTheThreads) {
  double nearest = 0, rounded = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const Graph g = ask_for_weight_bits(simplify(test::random_graph(seed)), 4);
    const std::vector<Tensor> inputs = test::random_inputs(g, seed, 60), others = test::random_inputs(g, seed + 1000, 30);
    set_threads(1);
    const Graph moved = round_weights(g, inputs);
    set_threads(5);
    EXPECT_EQ(round_weights(g, inputs), moved);
    set_threads(0);
    EXPECT_LT(error_of_outputs(moved, at_nearest(moved, inputs), others), 1e-9);  // they are whole steps already
    nearest += std::log(error_of_outputs(g, at_nearest(g, inputs), others) + 1e-9);
    rounded += std::log(error_of_outputs(g, moved, others) + 1e-9);
  }
  EXPECT_LT(rounded / 40, nearest / 40 - 0.1);  // even where inputs hardly vary together
}

}  // namespace
}  // namespace mj
