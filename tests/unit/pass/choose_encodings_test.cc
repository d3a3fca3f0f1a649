// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/choose_encodings.h"

#include <gtest/gtest.h>

#include "mj/base/random.h"
#include "mj/ir/verify.h"
#include "mj/pass/quantize.h"

namespace mj {
namespace {

constexpr Encoding kPlain{}, kDense4{Layout::kDense, 4}, kBitmap8{Layout::kBitmap, 8}, kRelative4{Layout::kRelative, 4},
    kRelative8{Layout::kRelative, 8}, kBlock8{Layout::kBlock4, 8};

/// Elements of `bits` bits, not zero at `density` of the places or, of blocks, in whole blocks of four.
std::vector<std::int8_t> elements(std::int64_t count, double density, int bits, bool blocks = false) {
  RandomStream random(3);
  std::vector<std::int8_t> out(static_cast<std::size_t>(count), 0);
  bool present = false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (!blocks || i % 4 == 0) present = random.uniform() < density;
    if (present) out[i] = static_cast<std::int8_t>(1 + random.below(bits == 4 ? 7 : 127));
  }
  return out;
}

/// x {8, 8, 16} -> conv 3x3 with these weights, or depthwise.
Graph one_conv(std::vector<std::int8_t> weights, int bits, bool depthwise = false) {
  Graph graph;
  const Quantization one{{1.0f}, {0}, -1};
  const ValueId x = graph.add_input("x", {DType::kI8, {8, 8, 16}, one});
  const Shape shape = depthwise ? Shape{16, 3, 3, 1} : Shape{8, 3, 3, 16};
  weights.resize(static_cast<std::size_t>(element_count(shape)));
  const ValueId w = graph.add_constant("w", {DType::kI8, shape, one}, Constant::of<std::int8_t>(weights));
  graph.value(w).encoding.bits = bits;
  graph.outputs = {graph.add_node("c", Conv2d{.groups = depthwise ? 16 : 1}, {x, w})};
  graph.value(graph.outputs[0]).type.quant = one;
  return graph;
}

Encoding chosen(const Graph& graph, const Platform* platform = nullptr) {
  const Graph after = choose_encodings(graph, platform);
  verify(after);
  return after.value(after.nodes[0].inputs[1]).encoding;
}

constexpr std::int64_t kCount = 8 * 3 * 3 * 16;

TEST(ChooseEncodings, TakesTheFewestBytes) {
  EXPECT_EQ(chosen(one_conv(elements(kCount, 0.3, 8), 8)), kBitmap8);
  EXPECT_EQ(chosen(one_conv(elements(kCount, 0.05, 8), 8)), kRelative8);
  EXPECT_EQ(chosen(one_conv(elements(kCount, 0.2, 8, true), 8)), kBlock8);
  EXPECT_EQ(chosen(one_conv(elements(kCount, 1, 4), 4)), kDense4);
  EXPECT_EQ(chosen(one_conv(elements(kCount, 0.1, 4), 4)), kRelative4);
}

TEST(ChooseEncodings, LeavesWhatSavesLittle) {
  EXPECT_EQ(chosen(one_conv(elements(kCount, 1, 8), 8)), kPlain);
  // A bitmap would take 1/8 + 0.7 bytes an element.
  EXPECT_EQ(chosen(one_conv(elements(kCount, 0.7, 8), 8)), kPlain);
  EXPECT_EQ(chosen(one_conv(elements(kCount, 0.01, 8), 8, true)), kPlain) << "depthwise";
  EXPECT_EQ(chosen(one_conv(elements(kCount, 0.01, 4), 4, true)), kDense4) << "depthwise";
  Graph given = one_conv(elements(kCount, 0.01, 8), 8);
  given.value(1).encoding = kBitmap8;
  EXPECT_EQ(chosen(given), kBitmap8);
}

TEST(ChooseEncodings, LeavesConstantsThatAreNoWeights) {
  Graph graph = one_conv(elements(kCount, 0.05, 8), 8);
  const Quantization one{{1.0f}, {0}, -1};
  const ValueId k =
      graph.add_constant("k", {DType::kI8, {8}, one}, Constant::of<std::int8_t>(std::vector<std::int8_t>(8, 0)));
  graph.outputs = {graph.add_node("a", Add{}, {graph.outputs[0], k})};
  graph.value(graph.outputs[0]).type.quant = one;
  const Graph after = choose_encodings(graph);
  verify(after);
  EXPECT_EQ(after.value(k).encoding, kPlain);
  EXPECT_EQ(choose_encodings(after), after) << "a fixed point";
}

TEST(ChooseEncodings, BreaksNearTiesByCycles) {
  // Three of every sixteen: nine blocks of four a row, or 27 entries, 28 bytes either way; a bitmap takes 32.
  std::vector<std::int8_t> regular(static_cast<std::size_t>(kCount), 0);
  for (std::size_t i = 0; i < regular.size(); ++i) regular[i] = i % 16 < 3 ? 5 : 0;
  const Graph graph = one_conv(regular, 4);
  Platform multiplying_is_dear, decoding_is_dear;
  for (CostLine& line : multiplying_is_dear.kernels) line.per_mac = 1;
  for (CostLine& line : decoding_is_dear.kernels) line.per_symbol = 1;
  EXPECT_EQ(chosen(graph, &multiplying_is_dear), kRelative4);
  EXPECT_EQ(chosen(graph, &decoding_is_dear), (Encoding{Layout::kBlock4, 4}));
  EXPECT_EQ(chosen(graph), (Encoding{Layout::kBlock4, 4}));
}

TEST(QuantizeFourBits, IsAskedForByTheFloatWeight) {
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::kF32, {4, 4, 2}, {}});
  std::vector<float> weight(3 * 3 * 3 * 2);
  for (std::size_t i = 0; i < weight.size(); ++i) weight[i] = static_cast<float>(i % 15) - 7.0f;
  const ValueId w = graph.add_constant("w", {3, 3, 3, 2}, weight);
  graph.value(w).encoding.bits = 4;
  graph.outputs = {graph.add_node("c", Conv2d{}, {x, w})};
  Ranges ranges;
  for (const Value& value : graph.values) {
    ranges.low.push_back(value.constant() ? 0.0f : -1.0f);
    ranges.high.push_back(value.constant() ? 0.0f : 1.0f);
  }
  const Graph quantized = quantize_int8(graph, ranges);
  verify(quantized);
  const Value& stored = quantized.value(quantized.nodes[0].inputs[1]);
  EXPECT_EQ(stored.encoding, kDense4);
  const auto q = stored.data.as<std::int8_t>();
  for (std::size_t i = 0; i < weight.size(); ++i) EXPECT_EQ(q[i], static_cast<int>(i % 15) - 7);
  EXPECT_EQ(stored.type.quant->scale[0], 1.0f);
}

}  // namespace
}  // namespace mj
