// SPDX-License-Identifier: Apache-2.0

// The evaluator as a whole: order, memory, threads, observers, single nodes, wrong inputs.
#include "mj/ir/evaluate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "mj/base/parallel.h"
#include "tests/unit/error_of.h"
#include "tests/unit/ir/random_graph.h"
#include "tests/unit/ir/single_node.h"

namespace mj {
namespace {

using testing::ElementsAre;

/// x -> a = x + 1 -> b = a * a -> c = b - x, with outputs b, c and a.
Graph three_outputs() {
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::kF32, {2}, {}});
  const ValueId one = graph.add_constant("one", Shape{1}, std::vector<float>{1});
  const ValueId a = graph.add_node("a", Add{}, {x, one});
  const ValueId b = graph.add_node("b", Mul{}, {a, a});
  const ValueId c = graph.add_node("c", Sub{}, {b, x});
  graph.outputs = {b, c, a};
  return graph;
}

TEST(Evaluator, ReturnsOutputsInTheirOrder) {
  const std::vector<Tensor> y = Evaluator(three_outputs()).run(floats({2}, {1, 2}));
  ASSERT_EQ(y.size(), 3u);
  EXPECT_THAT(y[0].as<float>(), ElementsAre(4, 9));
  EXPECT_THAT(y[1].as<float>(), ElementsAre(3, 7));
  EXPECT_THAT(y[2].as<float>(), ElementsAre(2, 3));
}

TEST(Evaluator, ReturnsAnInputThatIsAnOutput) {
  Graph graph;
  graph.outputs = {graph.add_input("x", {DType::kF32, {2}, {}})};
  const Tensor x = floats({2}, {1, 2});
  EXPECT_THAT(Evaluator(graph).run(x), ElementsAre(x));
}

TEST(Evaluator, ShowsEveryActivationOnce) {
  const Evaluator evaluator(three_outputs());
  std::vector<std::pair<ValueId, float>> seen;
  evaluator.run(floats({2}, {1, 2}),
                [&](ValueId id, const Tensor& tensor) { seen.emplace_back(id, tensor.as<float>()[1]); });
  EXPECT_THAT(seen, ElementsAre(std::pair(0, 2.0f), std::pair(2, 3.0f), std::pair(3, 9.0f), std::pair(4, 7.0f)));
}

TEST(Evaluator, OutlivesItsGraph) {
  auto graph = std::make_unique<Graph>(three_outputs());
  Evaluator evaluator(*graph);
  graph.reset();
  Evaluator moved = std::move(evaluator);
  EXPECT_THAT(moved.run(floats({2}, {0, 0}))[1].as<float>(), ElementsAre(1, 1));
}

TEST(Evaluator, RunsOneNodeFromGivenInputs) {
  RandomStream random(31);
  const Tensor x = random_floats({3, 3, 2}, random);
  const Tensor w = random_floats({4, 3, 3, 2}, random);
  const Tensor other = random_floats({4, 3, 3, 2}, random);
  const Evaluator evaluator(single_node(Conv2d{}, std::vector{x, w}));
  EXPECT_EQ(evaluator.run_node(0, std::vector{x, w}), run_op(Conv2d{}, {x, w}));
  // Weights are packed when the evaluator is made, yet others may be given.
  EXPECT_EQ(evaluator.run_node(0, std::vector{x, other}), run_op(Conv2d{}, {x, other}));
  EXPECT_EQ(error_of([&] { evaluator.run_node(0, std::vector{x}); }),
            "node 'n' (conv2d): 1 inputs are given; expected 2");
}

TEST(Evaluator, RefusesOtherInputs) {
  const Evaluator evaluator(three_outputs());
  EXPECT_EQ(error_of([&] { evaluator.run(floats({3}, {1, 2, 3})); }), "'x' is given as f32[3]; expected f32[2]");
  Tensor cut = floats({2}, {1, 2});
  cut.data.pop_back();
  EXPECT_EQ(error_of([&] { evaluator.run(cut); }), "'x' is given as 7 bytes; f32[2] has 8");
  const Tensor q = make_tensor(int8_type({2}, 0.5f, 0));
  const Evaluator quantised(single_node(Clamp{}, std::vector{q}, q.type));
  EXPECT_EQ(error_of([&] { quantised.run(make_tensor(int8_type({2}, 0.25f, 0))); }),
            "'x' is given as i8[2]; expected i8[2] with another quantisation");
}

TEST(Evaluator, RunsGraphsWithOneInput) {
  Graph graph = three_outputs();
  graph.add_input("y", {DType::kF32, {2}, {}});
  EXPECT_EQ(error_of([&] {
              Evaluator(graph).run(floats({2}, {1, 2}));
            }),
            "the network has 2 inputs; the evaluator runs networks with one");
}

TEST(Evaluator, RefusesBrokenGraphs) {
  Graph graph = three_outputs();
  graph.nodes[1].inputs[0] = 99;
  EXPECT_EQ(error_of([&] { Evaluator evaluator(graph); }),
            "node 'b' (mul): an input is value 99; the graph has 5 values");
}

TEST(Evaluator, GivesTheSameFromManyThreads) {
  RandomStream random(32);
  Graph graph;
  ValueId at = graph.add_input("x", {DType::kF32, {20, 20, 3}, {}});
  for (int layer = 0; layer < 4; ++layer) {
    const Tensor w = random_floats({8, 3, 3, layer == 0 ? 3 : 8}, random);
    const ValueId weight = graph.add_constant("w", w.type, Constant(w.data));
    Conv2d op;
    op.pad = {1, 1, 1, 1};
    at = graph.add_node("conv", op, {at, weight});
  }
  graph.outputs = {at};
  const Evaluator evaluator(graph);
  std::vector<Tensor> inputs;
  std::vector<Tensor> expected;
  for (int i = 0; i < 16; ++i) {
    inputs.push_back(random_floats({20, 20, 3}, random));
    expected.push_back(evaluator.run(inputs.back())[0]);
  }
  std::atomic<int> differences{0};
  set_threads(4);
  parallel_for(160, [&](std::int64_t i) {
    const auto k = static_cast<std::size_t>(i % 16);
    if (evaluator.run(inputs[k])[0] != expected[k]) ++differences;
  });
  set_threads(0);
  EXPECT_EQ(differences, 0);
}

TEST(Evaluator, RunsOrRefusesAnyGraphThatVerifies) {
  int ran = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Graph graph = random_graph(seed);
    try {
      const Evaluator evaluator(graph);
      const std::vector<Tensor> y = evaluator.run(make_tensor(graph.type(graph.inputs.at(0))));
      ASSERT_EQ(y.size(), graph.outputs.size()) << "seed " << seed;
      for (std::size_t i = 0; i < y.size(); ++i) {
        ASSERT_EQ(y[i].type, graph.type(graph.outputs[i])) << "seed " << seed;
      }
      ++ran;
    } catch (const Error&) {
      // int16, unusual scales and several inputs are refused in words; crashes and other exceptions are not allowed.
    }
  }
  EXPECT_GT(ran, 30);
}

}  // namespace
}  // namespace mj
