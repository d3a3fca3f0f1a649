// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/lower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "mj/base/error.h"
#include "mj/ir/text.h"
#include "mj/ir/verify.h"
#include "mj/pass/passes.h"
#include "random_graph.h"

namespace mj {
namespace {

using test::count;
using test::random_graph;

constexpr std::uint64_t kGraphs = 400;

std::vector<std::string> value_names(const Graph& graph, const std::vector<ValueId>& ids) {
  std::vector<std::string> result;
  for (const ValueId id : ids) result.push_back(graph.value(id).name);
  return result;
}

class EveryPass : public ::testing::TestWithParam<Pass> {};

TEST_P(EveryPass, KeepsWhatRandomGraphsCompute) {
  for (std::uint64_t seed = 0; seed < kGraphs; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    const Graph before = random_graph(seed);
    const Graph after = GetParam().run(before);
    verify(after);
    EXPECT_EQ(value_names(before, before.inputs), value_names(after, after.inputs));
    EXPECT_EQ(value_names(before, before.outputs), value_names(after, after.outputs));
    test::expect_same_outputs(before, after, seed);
  }
}

TEST_P(EveryPass, ChangesNothingTheSecondTime) {
  for (std::uint64_t seed = 0; seed < kGraphs; ++seed) {
    const Graph once = GetParam().run(random_graph(seed));
    const Graph twice = GetParam().run(once);
    ASSERT_TRUE(twice == once) << "seed " << seed << "\n" << print_text(once) << "\n" << print_text(twice);
  }
}

INSTANTIATE_TEST_SUITE_P(Simplify, EveryPass,
                         ::testing::Values(Pass{"remove_identities", remove_identities},
                                           Pass{"fold_batch_norm", fold_batch_norm},
                                           Pass{"lower_batch_norm", lower_batch_norm},
                                           Pass{"fuse_activation", fuse_activation}, Pass{"fuse_pad", fuse_pad},
                                           Pass{"fold_transpose", fold_transpose},
                                           Pass{"strip_quantized_borders", strip_quantized_borders},
                                           Pass{"simplify", [](Graph graph) { return simplify(std::move(graph)); }}),
                         [](const auto& info) { return info.param.name; });

TEST(Simplify, LeavesNoBatchNormAndNeverAddsNodesThatCost) {
  for (std::uint64_t seed = 0; seed < kGraphs; ++seed) {
    const Graph before = random_graph(seed), after = simplify(before);
    const auto costly = [](const Graph& g) { return static_cast<int>(g.nodes.size()) - count<Reshape>(g); };
    EXPECT_EQ(count<BatchNorm>(after), 0) << "seed " << seed;
    EXPECT_LE(costly(after), costly(before)) << "seed " << seed;
  }
}

/// A residual block between a stem and a classifier, as trained: everything in it folds.
Graph trained_residual_network() {
  Graph g;
  const ValueId x = g.add_input("image", {DType::kF32, {8, 8, 1}, {}});
  const auto conv_bn = [&](std::string name, ValueId in, std::int64_t inputs, std::int64_t outputs,
                           std::uint64_t seed) {
    const ValueId weight = test::normal_constant(g, name + ".weight", {outputs, 3, 3, inputs}, seed, 0.3);
    const ValueId y = g.add_node(name, Conv2d{.pad = {1, 1, 1, 1}}, {in, weight});
    return test::add_batch_norm(g, name + ".bn", y, seed);
  };
  const ValueId stem = g.add_node("stem.relu", Clamp{}, {conv_bn("stem", x, 1, 4, 1)});
  const ValueId a = g.add_node("a.relu", Clamp{}, {conv_bn("a", stem, 4, 4, 2)});
  const ValueId sum = g.add_node("sum", Add{}, {conv_bn("b", a, 4, 4, 3), stem});
  const ValueId relu = g.add_node("sum.relu", Clamp{}, {sum});
  const ValueId pooled = g.add_node("pool", Mean{}, {relu});
  g.outputs = {g.add_node(
      "logits", Linear{},
      {pooled, test::normal_constant(g, "fc.weight", {3, 4}, 4), test::normal_constant(g, "fc.bias", {3}, 5)})};
  return g;
}

TEST(Simplify, FoldsAResidualNetworkToItsSixOperators) {
  const Graph g = simplify(trained_residual_network());
  std::vector<std::string> ops;
  for (const Node& node : g.nodes) ops.push_back(op_name(node.op));
  EXPECT_THAT(ops, ::testing::ElementsAre("conv2d", "conv2d", "conv2d", "add", "mean", "linear"));
  EXPECT_EQ(std::get<Conv2d>(g.nodes[0].op).clamp, (Range{0, kInfinity}));
  EXPECT_EQ(std::get<Conv2d>(g.nodes[2].op).clamp, Range{});
  EXPECT_EQ(std::get<Add>(g.nodes[3].op).clamp, (Range{0, kInfinity}));
  EXPECT_EQ(g.value(g.outputs[0]).name, "logits");
}

TEST(Lower, MakesAPlannedInt8GraphCloseToTheFloatOne) {
  const Graph g = simplify(trained_residual_network());
  const auto inputs = test::random_inputs(g, 7, 50);
  const Graph lowered = lower(g, calibrate(g, inputs));
  ASSERT_TRUE(lowered.plan.has_value());
  EXPECT_EQ(lowered.type(lowered.outputs[0]).dtype, DType::kI8);
  const Evaluator real(g), integer(lowered);
  double signal = 0, noise = 0;
  for (const Tensor& input : inputs) {
    const auto expected = dequantize(real.run(input)[0]);
    const auto actual = dequantize(integer.run(quantize(dequantize(input), lowered.type(lowered.inputs[0])))[0]);
    for (std::size_t k = 0; k < expected.size(); ++k) {
      signal += expected[k] * expected[k];
      noise += (expected[k] - actual[k]) * (expected[k] - actual[k]);
    }
  }
  const double sqnr_db = 10 * std::log10(signal / noise);
  RecordProperty("sqnr_db", std::to_string(sqnr_db));
  EXPECT_GT(sqnr_db, 28) << "measured " << sqnr_db;
}

TEST(Lower, RefusesRangesOfAnotherGraph) {
  const Graph trained = trained_residual_network();
  const Ranges ranges = calibrate(trained, test::random_inputs(trained, 1, 2));
  try {
    lower(trained, ranges);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "the ranges are of 30 values and the graph has 15; expected those calibrated on this graph");
  }
}

TEST(Lower, KeepsAnIntegerGraphAndPlansIt) {
  const Graph g = simplify(trained_residual_network());
  Graph integer = quantize_int8(g, calibrate(g, test::random_inputs(g, 7, 5)));
  Graph planned = lower(integer, {});
  ASSERT_TRUE(planned.plan.has_value());
  planned.plan.reset();
  EXPECT_EQ(planned, integer);
}

TEST(LowerForEstimate, HasTheTypesAndPlanOfTheRealThing) {
  for (std::uint64_t seed = 0; seed < kGraphs; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    const Graph before = random_graph(seed);
    const Graph estimate = lower_for_estimate(before);
    const Graph simple = simplify(before);
    const Graph real = lower(simple, calibrate(simple, test::random_inputs(simple, seed, 2)));
    // A quantize node before a concat is there in both or in neither, for it depends on the structure only.
    ASSERT_EQ(estimate.values.size(), real.values.size());
    EXPECT_EQ(estimate.nodes, real.nodes);
    EXPECT_EQ(estimate.plan, real.plan);
    for (std::size_t i = 0; i < real.values.size(); ++i) {
      EXPECT_EQ(estimate.values[i].type.dtype, real.values[i].type.dtype);
      EXPECT_EQ(estimate.values[i].type.shape, real.values[i].type.shape);
    }
  }
}

TEST(Lower, ReportsEveryPassInOrder) {
  std::vector<std::string> seen;
  const Graph g = simplify(trained_residual_network());
  lower(g, calibrate(g, test::random_inputs(g, 7, 2)), [&](const std::string& name, const Graph&, double seconds) {
    EXPECT_GE(seconds, 0);
    seen.push_back(name);
  });
  EXPECT_THAT(seen, ::testing::ElementsAre("strip_quantized_borders", "remove_identities", "fold_batch_norm",
                                           "lower_batch_norm", "fuse_pad", "fuse_activation", "fold_transpose",
                                           "remove_identities", "quantize_int8", "choose_encodings", "schedule_exits",
                                           "plan_memory"));
}

}  // namespace
}  // namespace mj
