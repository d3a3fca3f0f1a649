// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "mj/base/error.h"
#include "mj/ir/verify.h"
#include "mj/pass/lower.h"
#include "mj/pass/quantize.h"
#include "tests/unit/error_of.h"
#include "random_graph.h"

namespace mj {
namespace {

using test::count;
using test::everywhere;
using test::real;
using ::testing::ElementsAre;

std::string quantize_error(const Graph& graph, const Ranges& ranges) {
  return error_of([&] { quantize_int8(graph, ranges); });
}

const Value& named(const Graph& graph, const std::string& name) {
  for (const Value& value : graph.values) {
    if (value.name == name) return value;
  }
  throw std::runtime_error("no value " + name);
}

TEST(QuantizeInt8, ALinearLayerByHand) {
  Graph g;
  const ValueId x = g.add_input("x", real({2}));
  const ValueId weight = g.add_constant("w", {2, 2}, std::vector<float>{1.27f, -0.635f, 0.1f, 0.254f});
  const ValueId bias = g.add_constant("b", {2}, std::vector<float>{0.5f, -0.25f});
  const ValueId y = g.add_node("y", Linear{}, {x, weight, bias});
  g.outputs = {y};
  Ranges ranges = everywhere(g, -1, 1);
  ranges.low[0] = 0, ranges.high[0] = 2.55f;  // scale 0.01, zero point -128
  ranges.low[3] = -1, ranges.high[3] = 4.1f;  // scale 0.02, zero point -128 + 50
  const Graph q = quantize_int8(g, ranges);
  verify(q);

  EXPECT_FLOAT_EQ(named(q, "x").type.quant->scale[0], 0.01f);
  EXPECT_EQ(named(q, "x").type.quant->zero_point[0], -128);
  EXPECT_FLOAT_EQ(named(q, "y").type.quant->scale[0], 0.02f);
  EXPECT_EQ(named(q, "y").type.quant->zero_point[0], -78);
  const Quantization& w = *named(q, "w").type.quant;
  EXPECT_EQ(w.axis, 0);
  EXPECT_FLOAT_EQ(w.scale[0], 0.01f);
  EXPECT_FLOAT_EQ(w.scale[1], 0.002f);
  EXPECT_THAT(named(q, "w").data.as<std::int8_t>(), ElementsAre(127, -64, 50, 127));  // -63.5 rounds away from 0
  EXPECT_THAT(named(q, "b").data.as<std::int32_t>(), ElementsAre(5000, -12500));      // steps of 1e-4 and 2e-5

  // 1.0 and 2.0 are the codes -28 and 72: (100*127 - 200*64 + 5000) * 1e-4 / 0.02 - 78 and the second alike.
  Tensor input = make_tensor(q.type(q.inputs[0]));
  input.as<std::int8_t>()[0] = -28, input.as<std::int8_t>()[1] = 72;
  const auto out = Evaluator(q).run(input);
  EXPECT_THAT(out[0].as<std::int8_t>(),
              ElementsAre(std::lround(4900 * 1e-4 / 0.02) - 78, std::lround(17900 * 2e-5 / 0.02) - 78));
}

/// The same layer where the weight asks for one scale.
TEST(QuantizeInt8, OneScaleForAllRowsWhereTheWeightAsksForIt) {
  Graph g;
  const ValueId x = g.add_input("x", real({2}));
  const ValueId weight = g.add_constant("w", {3, 2}, std::vector<float>{1.27f, -0.635f, 0.1f, 0.254f, 0, 0});
  g.value(weight).encoding = {Layout::kDense, 8, true};
  const ValueId bias = g.add_constant("b", {3}, std::vector<float>{0.5f, -0.25f, 1});
  g.outputs = {g.add_node("y", Linear{}, {x, weight, bias})};
  Ranges ranges = everywhere(g, -1, 1);
  ranges.low[0] = 0, ranges.high[0] = 2.55f;  // scale 0.01, zero point -128
  ranges.low[3] = -1, ranges.high[3] = 4.1f;  // scale 0.02, zero point -128 + 50
  const Graph q = quantize_int8(g, ranges);
  verify(q);
  EXPECT_EQ(*named(q, "w").type.quant, (Quantization{{1.27f / 127}, {0}, -1}));
  EXPECT_THAT(named(q, "w").data.as<std::int8_t>(), ElementsAre(127, -64, 10, 25, 0, 0));
  EXPECT_TRUE(named(q, "w").encoding.plain()) << "answered by the quantisation";
  EXPECT_EQ(named(q, "b").type.quant->axis, -1);
  EXPECT_THAT(named(q, "b").data.as<std::int32_t>(), ElementsAre(5000, -2500, 10000));  // steps of 1e-4
  // 1.0 and 2.0 are the codes -28 and 72.
  Tensor input = make_tensor(q.type(q.inputs[0]));
  input.as<std::int8_t>()[0] = -28, input.as<std::int8_t>()[1] = 72;
  EXPECT_THAT(Evaluator(q).run(input)[0].as<std::int8_t>(),
              ElementsAre(std::lround((12700 - 12800 + 5000) * 1e-4 / 0.02) - 78, std::lround((1000 + 5000 - 2500) * 1e-4 / 0.02) - 78,
                          std::lround(1 / 0.02) - 78));

  g.value(weight).encoding.bits = 4;
  const Graph q4 = quantize_int8(g, ranges);
  EXPECT_FLOAT_EQ(named(q4, "w").type.quant->scale[0], 1.27f / 7);
  EXPECT_EQ(named(q4, "w").encoding, (Encoding{Layout::kDense, 4}));
}

TEST(QuantizeInt8, PrescribedOutputsAndThoseThatShare) {
  Graph g;
  const ValueId x = g.add_input("x", real({4, 4, 2}));
  const ValueId relu = g.add_node("relu", Clamp{}, {x});
  const ValueId max = g.add_node("max", MaxPool{}, {relu});
  const ValueId avg = g.add_node("avg", AvgPool{{1, 2}, {1, 1}, {}, false, {}}, {max});
  const ValueId flat = g.add_node("flat", Reshape{{4}}, {avg});
  const ValueId sigmoid = g.add_node("sigmoid", Sigmoid{}, {flat});
  const ValueId tanh = g.add_node("tanh", Tanh{}, {flat});
  const ValueId softmax = g.add_node("softmax", Softmax{}, {flat});
  g.outputs = {sigmoid, tanh, softmax};
  Ranges ranges = everywhere(g, -1, 1);
  const auto set = [&](ValueId id, float low, float high) {
    ranges.low[static_cast<std::size_t>(id)] = low, ranges.high[static_cast<std::size_t>(id)] = high;
  };
  set(relu, 0, 9), set(max, 0.5f, 5.1f), set(avg, 0.5f, 4), set(flat, 0.5f, 4);
  const Graph q = quantize_int8(g, ranges);
  verify(q);
  const Quantization shared = *named(q, "relu").type.quant;
  // Only max_pool reads the clamp, so what it drops (above 5.1 by these ranges) needs no codes.
  EXPECT_FLOAT_EQ(shared.scale[0], 5.1f / 255);
  EXPECT_EQ(shared.zero_point[0], -128);
  for (const char* name : {"max", "avg", "flat"}) EXPECT_EQ(*named(q, name).type.quant, shared) << name;
  EXPECT_EQ(*named(q, "sigmoid").type.quant, (Quantization{{1.0f / 256}, {-128}, -1}));
  EXPECT_EQ(*named(q, "softmax").type.quant, (Quantization{{1.0f / 256}, {-128}, -1}));
  EXPECT_EQ(*named(q, "tanh").type.quant, (Quantization{{1.0f / 128}, {0}, -1}));
}

TEST(QuantizeInt8, ConcatJoinsItsInputsAndRequantisesTheGraphInputAndSigmoids) {
  Graph g;
  const ValueId x = g.add_input("x", real({2, 2, 1}));
  const ValueId a = g.add_node("a", Clamp{{-3, 3}}, {x});
  const ValueId b = g.add_node("b", LeakyRelu{}, {x});
  const ValueId s = g.add_node("s", Sigmoid{}, {x});
  const ValueId c = g.add_constant("c", {2, 2, 1}, std::vector<float>{0, -4, 1, 1});
  g.outputs = {g.add_node("y", Concat{2}, {x, a, b, s, c})};
  Ranges ranges = everywhere(g, 0, 1);
  ranges.low[static_cast<std::size_t>(a)] = -3;
  ranges.high[static_cast<std::size_t>(b)] = 1.1f;
  const Graph q = quantize_int8(g, ranges);
  verify(q);
  EXPECT_EQ(count<Quantize>(q), 2);
  const Quantization& y = *named(q, "y").type.quant;
  EXPECT_FLOAT_EQ(y.scale[0], 5.1f / 255);  // -4 of the constant to 1.1
  EXPECT_EQ(*named(q, "a").type.quant, y);
  EXPECT_EQ(*named(q, "b").type.quant, y);
  EXPECT_EQ(*named(q, "c").type.quant, y);
  EXPECT_FLOAT_EQ(named(q, "x").type.quant->scale[0], 1.0f / 255);
  EXPECT_EQ(*named(q, "s").type.quant, (Quantization{{1.0f / 256}, {-128}, -1}));
}

TEST(QuantizeInt8, ConcatOfSigmoidsStaysAsPrescribed) {
  Graph g;
  const ValueId x = g.add_input("x", real({3}));
  g.outputs = {g.add_node("y", Concat{0}, {g.add_node("a", Sigmoid{}, {x}), g.add_node("b", Sigmoid{}, {x})})};
  const Graph q = quantize_int8(g, everywhere(g, 0, 1));
  verify(q);
  EXPECT_EQ(count<Quantize>(q), 0);
  EXPECT_EQ(*named(q, "y").type.quant, (Quantization{{1.0f / 256}, {-128}, -1}));
}

TEST(QuantizeInt8, AHeadSharedByTwoExitsStaysOneConstant) {
  Graph g;
  const ValueId x = g.add_input("x", real({4}));
  const ValueId weight = test::normal_constant(g, "head.weight", {3, 4}, 1);
  const ValueId bias = g.add_constant("head.bias", {3}, std::vector<float>{4e9f, 1, 1});
  const ValueId first = g.add_node("exit1", Linear{}, {x, weight, bias});
  const ValueId relu = g.add_node("relu", Clamp{}, {x});
  const ValueId second = g.add_node("logits", Linear{}, {relu, weight, bias});
  g.outputs = {first, second};
  Ranges ranges = everywhere(g, -1, 1);
  ranges.high[static_cast<std::size_t>(relu)] = 0.01f;
  const Graph q = quantize_int8(g, ranges);
  verify(q);
  EXPECT_EQ(q.nodes[0].inputs[1], q.nodes[2].inputs[1]);
  EXPECT_NE(q.nodes[0].inputs[2], q.nodes[2].inputs[2]);  // biases count in steps of their input
  // The tighter need of the two readers decides: 4e9 in steps of the smaller input scale fits 31 bits.
  EXPECT_LE(std::abs(q.value(q.nodes[2].inputs[2]).data.as<std::int32_t>()[0]), 1 << 30);
}

TEST(QuantizeInt8, AccumulatorsCannotOverflow) {
  // Biases from nothing to far beyond what int32 can count, rows of zeros among them.
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    RandomStream random(seed);
    Graph g;
    const ValueId x = g.add_input("x", real({7}));
    std::vector<float> w, b;
    for (int row = 0; row < 5; ++row) {
      const double size = random.below(4) == 0 ? 0 : std::pow(10, random.uniform() * 16 - 8);
      for (int k = 0; k < 7; ++k) w.push_back(static_cast<float>(size * random.normal()));
      b.push_back(
          random.below(4) == 0 ? 0 : static_cast<float>(std::pow(10, random.uniform() * 20 - 10) * random.normal()));
    }
    const ValueId weight = g.add_constant("w", {5, 7}, w), bias = g.add_constant("b", {5}, b);
    g.outputs = {g.add_node("y", Linear{}, {x, weight, bias})};
    Ranges ranges = everywhere(g, -1, 1);
    ranges.high[0] = static_cast<float>(std::pow(10, random.uniform() * 12 - 6));
    const Graph q = quantize_int8(g, ranges);
    verify(q);
    const auto wq = named(q, "w").data.as<std::int8_t>();
    const auto bq = named(q, "b").data.as<std::int32_t>();
    const double sx = named(q, "x").type.quant->scale[0], sy = named(q, "y").type.quant->scale[0];
    for (std::size_t row = 0; row < 5; ++row) {
      const double sw = named(q, "w").type.quant->scale[row];
      double largest = std::abs(static_cast<double>(bq[row]));
      for (std::size_t k = 0; k < 7; ++k) {
        largest += 255.0 * std::abs(wq[row * 7 + k]);
        EXPECT_NEAR(wq[row * 7 + k] * sw, w[row * 7 + k], sw * 0.5001);
      }
      EXPECT_LT(largest, 2147483648.0);
      // A factor above 1 shifts the accumulator left before it is multiplied.
      const double factor = sx * sw / sy;
      EXPECT_LT(largest * std::max(1.0, std::pow(2, std::ceil(std::log2(factor)))), 2147483648.0 * 1.01) << factor;
      EXPECT_NEAR(bq[row] * sx * sw, b[row],
                  sx * sw * 0.5 + std::ldexp(std::abs(b[row]), -22));  // half a step, of a float scale
    }
  }
}

/// Signal to noise of all outputs of the integer graph against the float one, in dB.
double sqnr_db(const Graph& graph, const Graph& integer, const std::vector<Tensor>& inputs) {
  const Evaluator reals(graph), integers(integer);
  double signal = 0, noise = 0;
  for (const Tensor& input : inputs) {
    const auto expected = reals.run(input);
    const auto actual = integers.run(quantize(dequantize(input), integer.type(integer.inputs[0])));
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto x = dequantize(expected[i]), y = dequantize(actual[i]);
      double energy = 0, difference = 0;
      for (std::size_t k = 0; k < x.size(); ++k) {
        energy += x[k] * x[k];
        difference += (x[k] - y[k]) * (x[k] - y[k]);
      }
      signal += energy;
      noise += difference;
    }
  }
  if (noise == 0) return kInfinity;  // dead outputs stay dead
  return 10 * std::log10(signal / noise);
}

TEST(QuantizeInt8, RandomGraphsStayCloseToFloat) {
  std::vector<double> all, with_one_scale;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    Graph g = simplify(test::random_graph(seed));
    const auto inputs = test::random_inputs(g, seed, 20);
    const Graph q = quantize_int8(g, calibrate(g, inputs));
    verify(q);
    const double db = sqnr_db(g, q, inputs);
    EXPECT_GT(db, 20);
    all.push_back(db);
    if (seed % 4 != 0) continue;
    for (const Node& node : g.nodes) {
      const bool weighted = std::holds_alternative<Conv2d>(node.op) || std::holds_alternative<Linear>(node.op);
      if (weighted) g.value(node.inputs[1]).encoding.per_tensor = true;
    }
    const Graph coarse = quantize_int8(g, calibrate(g, inputs));
    verify(coarse);
    with_one_scale.push_back(sqnr_db(g, coarse, inputs));
    EXPECT_GT(with_one_scale.back(), 15);
  }
  std::sort(all.begin(), all.end());
  EXPECT_GT(all[20], 30);
  EXPECT_GT(all[200], 38);
  std::cout << "SQNR of int8 in dB: least " << all[0] << ", 5 % " << all[20] << ", median " << all[200] << "\n";
  std::sort(with_one_scale.begin(), with_one_scale.end());
  EXPECT_GT(with_one_scale[50], 35);
  std::cout << "with one scale for all rows: least " << with_one_scale[0] << ", median " << with_one_scale[50] << "\n";
}

TEST(QuantizeInt8, LeavesIntegerGraphsAsTheyAre) {
  const Graph g = simplify(test::random_graph(3));
  const Graph q = quantize_int8(g, everywhere(g, -1, 1));
  EXPECT_TRUE(quantized(q));
  EXPECT_FALSE(quantized(g));
  EXPECT_TRUE(quantize_int8(q, {}) == q);
}

TEST(QuantizeInt8, SaysWhatStandsInTheWay) {
  Graph g;
  ValueId x = g.add_input("x", real({2}));
  x = test::add_batch_norm(g, "bn1", x, 1);
  x = test::add_batch_norm(g, "bn2", x, 2);
  g.outputs = {x};
  EXPECT_EQ(
      quantize_error(g, everywhere(g, -1, 1)),
      "node 'bn1' (batch_norm), node 'bn2' (batch_norm): no integer form; simplify the graph before it is quantised");

  Graph h;
  const ValueId in = h.add_input("x", real({2}));
  const ValueId w = h.add_constant("w", {1, 2}, std::vector<float>{1, std::nanf("")});
  h.outputs = {h.add_node("fc", Linear{}, {in, w})};
  EXPECT_EQ(quantize_error(h, everywhere(h, -1, 1)), "node 'fc' (linear): weight holds nan; expected finite numbers");

  Graph ok;
  ok.outputs = {ok.add_node("relu", Clamp{}, {ok.add_input("x", real({2}))})};
  EXPECT_EQ(quantize_error(ok, {}),
            "the ranges are of 0 values and the graph has 2; expected those calibrated on this graph");
  EXPECT_EQ(quantize_error(ok, everywhere(ok, 1, -1)), "value 'x' has the range 1 to -1; expected finite numbers in order");
  EXPECT_EQ(quantize_error(ok, everywhere(ok, 0, kInfinity)),
            "value 'x' has the range 0 to inf; expected finite numbers in order");

  Graph mixed = ok;
  mixed.value(mixed.inputs[0]).type = {DType::kI8, {2}, Quantization{{1}, {0}, -1}};
  EXPECT_EQ(quantize_error(mixed, everywhere(mixed, -1, 1)),
            "value 'x' is i8 among f32 values; expected a graph that is all float or all integer");
}

}  // namespace
}  // namespace mj
