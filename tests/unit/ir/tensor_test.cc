// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/unit/error_of.h"
#include "tests/unit/ir/single_node.h"
#include "tests/unit/ir/special_floats.h"

namespace mj {
namespace {

using testing::ElementsAre;

constexpr float kInf = std::numeric_limits<float>::infinity();

TEST(Tensor, IsMadeOfZeros) {
  const Tensor tensor = make_tensor(int8_type({2, 3}, 0.5f, 7));
  EXPECT_THAT(tensor.as<std::int8_t>(), ElementsAre(0, 0, 0, 0, 0, 0));
  EXPECT_EQ(make_tensor({DType::kI32, {5}, {}}).data.size(), 20u);
}

TEST(Tensor, QuantizeRoundsTiesAwayFromZeroAndSaturates) {
  const std::vector<float> reals{0.25f, -0.25f, 0.24f, 0.75f, -0.75f, 100.0f, -100.0f, kInf, -kInf, kNan};
  EXPECT_THAT(quantize(reals, int8_type({10}, 0.5f, 3)).as<std::int8_t>(),
              ElementsAre(4, 2, 3, 5, 1, 127, -128, 127, -128, 3));
}

TEST(Tensor, QuantizeDividesInFloat) {
  // 0.35f / 0.1f is 3.5 in float and 3.4999999... exactly: TFLite's quantize kernel divides in float.
  EXPECT_THAT(quantize(std::vector<float>{0.35f}, int8_type({1}, 0.1f, 0)).as<std::int8_t>(), ElementsAre(4));
}

TEST(Tensor, QuantizesWiderIntegers) {
  const Type i16{DType::kI16, {3}, Quantization{{0.001f}, {0}, -1}};
  EXPECT_THAT(quantize(std::vector<float>{1.5f, -40.0f, 40.0f}, i16).as<std::int16_t>(),
              ElementsAre(1500, -32768, 32767));
  const Type i32{DType::kI32, {2}, Quantization{{1e-6f}, {0}, -1}};
  EXPECT_THAT(quantize(std::vector<float>{1e9f, -1e9f}, i32).as<std::int32_t>(),
              ElementsAre(std::numeric_limits<std::int32_t>::max(), std::numeric_limits<std::int32_t>::min()));
}

TEST(Tensor, DequantizeIsTheInverseOnEveryInt8) {
  const Type type = int8_type({256}, 0.0372f, -11);
  Tensor all = make_tensor(type);
  for (int q = -128; q < 128; ++q)
    all.as<std::int8_t>()[static_cast<std::size_t>(q + 128)] = static_cast<std::int8_t>(q);
  const std::vector<float> reals = dequantize(all);
  for (int q = -128; q < 128; ++q) {
    EXPECT_EQ(reals[static_cast<std::size_t>(q + 128)], static_cast<float>(0.0372f * (q + 11)));
  }
  EXPECT_EQ(quantize(reals, type), all);
}

TEST(Tensor, DequantizesPerChannelAlongAnyAxis) {
  Type type{DType::kI8, {2, 3}, Quantization{{1, 10}, {0, 0}, 0}};
  const Tensor by_row = tensor_of<std::int8_t>(type, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(dequantize(by_row), ElementsAre(1, 2, 3, 40, 50, 60));
  type.quant = Quantization{{1, 10, 100}, {0, 0, 0}, 1};
  EXPECT_THAT(dequantize(type, by_row.data), ElementsAre(1, 20, 300, 4, 50, 600));
}

TEST(Tensor, DequantizesUnquantisedIntegersAsThemselves) {
  EXPECT_THAT(dequantize(tensor_of<std::int32_t>({DType::kI32, {2}, {}}, {-7, 1 << 24})), ElementsAre(-7, 16777216));
}

TEST(Tensor, DequantizeRoundsOnce) {
  // 16777217 is no float; 16777217 * 3 = 50331651 rounds to 50331652, 16777216 * 3 would give 50331648.
  const Type type{DType::kI32, {1}, Quantization{{3}, {0}, -1}};
  EXPECT_THAT(dequantize(tensor_of<std::int32_t>(type, {16777217})), ElementsAre(50331652));
}

TEST(Tensor, QuantizeRefusesAnotherCount) {
  EXPECT_EQ(error_of([] {
              quantize(std::vector<float>(3), int8_type({2, 2}, 1, 0));
            }),
            "found 3 numbers; expected 4 for i8[2x2]");
}

TEST(Preprocess, ScalesShiftsAndDividesByChannel) {
  const Preprocess preprocess{0.5f, {1, 2}, {2, 4}};
  EXPECT_THAT(mj::preprocess(preprocess, std::vector<float>{4, 8, 0, 20}, 2), ElementsAre(0.5f, 0.5f, -0.5f, 2));
  EXPECT_THAT(mj::preprocess({}, std::vector<float>{4, 8}, 1), ElementsAre(4, 8));
}

TEST(Preprocess, RefusesWhatDoesNotFit) {
  EXPECT_EQ(error_of([] { mj::preprocess({}, std::vector<float>(4), 3); }),
            "found 4 numbers; expected a multiple of 3 channels");
  EXPECT_EQ(error_of([] {
              mj::preprocess({1, {0, 0}, {1}}, std::vector<float>(3), 3);
            }),
            "preprocessing has 2 means and 1 standard deviations; expected 1 or 3 of each");
}

TEST(Preprocess, MakesInputTensors) {
  Graph graph;
  graph.add_input("image", int8_type({1, 2, 1}, 0.5f, 1));
  graph.preprocess = {1, {10}, {2}};
  EXPECT_EQ(input_tensor(graph, std::vector<float>{12, 8}), tensor_of<std::int8_t>(graph.type(0), {3, -1}));
  EXPECT_EQ(error_of([&] { input_tensor(graph, std::vector<float>(3)); }),
            "input 'image': found 3 numbers; expected 2 for i8[1x2x1]");
  graph.add_input("other", int8_type({1}, 1, 0));
  EXPECT_EQ(error_of([&] { input_tensor(graph, std::vector<float>(2)); }), "the network has 2 inputs; expected 1");
}

}  // namespace
}  // namespace mj
