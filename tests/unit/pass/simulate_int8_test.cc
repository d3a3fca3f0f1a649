// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "mj/ir/evaluate.h"
#include "mj/ir/verify.h"
#include "mj/pass/lower.h"
#include "mj/pass/quantize.h"
#include "random_graph.h"

namespace mj {
namespace {

using ::mj::testing::random_graph;
using ::mj::testing::random_inputs;

TEST(SimulateInt8, ReproducesALinearLayerByHand) {
  Graph g;
  const ValueId x = g.add_input("x", {DType::kF32, {2}, {}});
  const ValueId weight = g.add_constant("w", {1, 2}, std::vector<float>{1, -0.504f});
  g.outputs = {g.add_node("y", Linear{}, {x, weight})};
  // Steps of 0.01 for input and output; of 1/127 for the weight, whose second element becomes -64/127.
  const Graph simulated = simulate_int8(quantize_int8(g, Ranges{{0, 0, 0}, {2.55f, 0, 2.55f}}));
  verify(simulated);
  const Tensor input = quantize(std::vector<float>{1.004f, 0.5f}, g.type(x));
  EXPECT_FLOAT_EQ(Evaluator(simulated).run(input)[0].as<float>()[0], 0.75f);  // 1.00 - 0.50 * 64/127 = 0.748
}

/// Every node of random networks, given what the device had computed up to there: the same codes, or neighbours.
class SimulateInt8Property : public ::testing::TestWithParam<int> {};

Tensor constant(const Graph& graph, ValueId id) {
  const auto bytes = graph.value(id).data.bytes();
  return {graph.type(id), {bytes.begin(), bytes.end()}};
}

TEST_P(SimulateInt8Property, EveryNodeSaysWhatTheIntegersSay) {
  const auto seed = static_cast<std::uint64_t>(GetParam());
  SCOPED_TRACE(fmt::format("seed {}", seed));
  const Graph g = simplify(random_graph(seed));
  const std::vector<Tensor> inputs = random_inputs(g, seed, 16);
  const Graph integer = lower(g, calibrate(g, inputs));
  const Graph simulated = simulate_int8(integer);
  verify(simulated);
  const Evaluator device(integer), reals(simulated);
  for (const Tensor& input : inputs) {
    std::vector<Tensor> codes(integer.values.size());
    device.run(quantize(input.as<float>(), integer.type(integer.inputs[0])),
               [&](ValueId id, const Tensor& tensor) { codes[static_cast<std::size_t>(id)] = tensor; });
    std::int32_t next = 2;  // behind the two nodes that round the input
    for (const Node& node : integer.nodes) {
      std::vector<Tensor> given;
      for (const ValueId id : node.inputs) {
        if (integer.value(id).constant()) {
          given.push_back(constant(simulated, id));
          continue;
        }
        const Tensor& code = codes[static_cast<std::size_t>(id)];
        given.push_back(quantize(dequantize(code), {DType::kF32, code.type.shape, {}}));
      }
      if (!std::holds_alternative<Quantize>(node.op)) given = {reals.run_node(next++, given)};
      const Tensor found = reals.run_node(next++, given);
      ++next;  // back to reals
      const Tensor& expected = codes[static_cast<std::size_t>(node.output)];
      ASSERT_EQ(found.type, expected.type) << describe(node);
      for (std::size_t i = 0; i < found.data.size(); ++i) {
        ASSERT_LE(std::abs(found.as<std::int8_t>()[i] - expected.as<std::int8_t>()[i]), 1) << describe(node) << " element " << i;
      }
    }
    ASSERT_EQ(next, static_cast<std::int32_t>(simulated.nodes.size()));
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, SimulateInt8Property, ::testing::Range(1, 41));

}  // namespace
}  // namespace mj
