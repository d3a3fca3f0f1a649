// SPDX-License-Identifier: Apache-2.0
// Integer and mixed files: types and quantisation parameters as the file has them, bytes as TFLite computes them.
#include <gtest/gtest.h>

#include <cmath>

#include "mj/base/random.h"
#include "mj/ir/verify.h"
#include "tflite_file.h"

namespace mj {
namespace {

using Type = TfliteFile::Type;
using Code = TfliteFile::Code;
using Quant = TfliteFile::Quant;
using Bytes8 = std::vector<std::int8_t>;

const Value& value_named(const Graph& graph, const std::string& name) {
  for (const Value& value : graph.values) {
    if (value.name == name) return value;
  }
  ADD_FAILURE() << "no value '" << name << "'";
  return graph.values.at(0);
}

TEST(TfliteQuantized, ParametersAreKeptExactly) {
  TfliteFile file;
  const int x = file.tensor("x", Type::INT8, {1, 3, 3, 2}, {{0.1f}, {-7}});
  const int y = file.tensor("y", Type::INT8, {1, 3, 3, 4}, {{0.37f}, {5}});
  const int z = file.tensor("z", Type::INT8, {1, 3, 3, 3}, {{0.011f}, {-128}});
  const int w = file.constant<std::int8_t>("w", Type::INT8, {1, 2, 2, 4},
                                           Bytes8{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
                                           {{0.01f, 0.02f, 0.03f, 0.04f}, {0, 0, 0, 0}, 3});
  const int b = file.constant<std::int32_t>("b", Type::INT32, {4}, {100, -200, 300, -400},
                                            {{0.1f * 0.01f, 0.1f * 0.02f, 0.1f * 0.03f, 0.1f * 0.04f}, {0, 0, 0, 0}});
  const int v = file.constant<std::int8_t>("v", Type::INT8, {3, 1, 1, 4}, Bytes8{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1},
                                           {{0.5f}, {0}});
  mj_tflite::DepthwiseConv2DOptionsT depthwise;
  depthwise.stride_h = depthwise.stride_w = 1;
  file.op(Code::DEPTHWISE_CONV_2D, {x, w, b}, {y}, depthwise);
  mj_tflite::Conv2DOptionsT conv;
  conv.stride_h = conv.stride_w = 1;
  conv.padding = mj_tflite::Padding::VALID;
  conv.fused_activation_function = mj_tflite::ActivationFunctionType::RELU;
  file.op(Code::CONV_2D, {y, v}, {z}, conv);
  file.outputs({z});

  const Graph graph = graph_of(file);
  EXPECT_EQ(value_named(graph, "x").type, (mj::Type{DType::kI8, {3, 3, 2}, Quantization{{0.1f}, {-7}, -1}}));
  EXPECT_EQ(value_named(graph, "y").type, (mj::Type{DType::kI8, {3, 3, 4}, Quantization{{0.37f}, {5}, -1}}));
  EXPECT_EQ(value_named(graph, "z").type, (mj::Type{DType::kI8, {3, 3, 3}, Quantization{{0.011f}, {-128}, -1}}));
  const Value& weight = value_named(graph, "w");
  EXPECT_EQ(weight.type,
            (mj::Type{DType::kI8, {4, 2, 2, 1}, Quantization{{0.01f, 0.02f, 0.03f, 0.04f}, {0, 0, 0, 0}, 0}}));
  const auto elements = weight.data.as<std::int8_t>();
  EXPECT_EQ(Bytes8(elements.begin(), elements.end()), (Bytes8{1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, 4, 8, 12, 16}));
  EXPECT_EQ(
      value_named(graph, "b").type,
      (mj::Type{
          DType::kI32, {4}, Quantization{{0.1f * 0.01f, 0.1f * 0.02f, 0.1f * 0.03f, 0.1f * 0.04f}, {0, 0, 0, 0}, 0}}));
  EXPECT_EQ(value_named(graph, "v").type, (mj::Type{DType::kI8, {3, 1, 1, 4}, Quantization{{0.5f}, {0}, -1}}));
  EXPECT_EQ(std::get<Conv2d>(graph.nodes[0].op).groups, 2);
  EXPECT_EQ(std::get<Conv2d>(graph.nodes[0].op).pad, (Padding{0, 0, 1, 1}));
  EXPECT_EQ(std::get<Conv2d>(graph.nodes[1].op).clamp, (Range{0, kInfinity}));
}

/// One fully connected layer of two outputs, three features.
struct QuantizedLayer : TfliteFile {
  int x, y, w, b;
  explicit QuantizedLayer(const Quant& weight_quant, const Quant& bias_quant = {})
      : x(tensor("x", Type::INT8, {1, 3}, {{0.5f}, {1}})),
        y(tensor("y", Type::INT8, {1, 2}, {{1}, {-3}})),
        w(constant<std::int8_t>("w", Type::INT8, {2, 3}, Bytes8{1, 2, 3, -4, 5, -6}, weight_quant)),
        b(constant<std::int32_t>("b", Type::INT32, {2}, {8, -8}, bias_quant)) {
    mj_tflite::FullyConnectedOptionsT options;
    options.fused_activation_function = mj_tflite::ActivationFunctionType::RELU6;
    op(Code::FULLY_CONNECTED, {x, w, b}, {y}, options);
    outputs({y});
  }
};

TEST(TfliteQuantized, FusedActivationEndsAtTheQuantisedLimits) {
  const Graph graph = graph_of(QuantizedLayer({{0.5f}, {0}}, {{0.25f}, {0}}));
  // Accumulators: (9*1 + 19*2 + 29*3 + 8) / 4 = 35.5, more than 6; (9*-4 + 19*5 - 29*6 - 8) / 4 < 0.
  EXPECT_EQ(run_int8(graph, {10, 20, 30}), (std::vector<int>{3, -3}));
  // (1 + 8) / 4 = 2.25 becomes 2 with one rounding; with two it is 9/2 -> 5, 5/2 -> 3. (-4 - 8) / 4 < 0.
  EXPECT_EQ(run_int8(graph, {2, 1, 1}, Rounding::kSingle), (std::vector<int>{2 - 3, -3}));
  EXPECT_EQ(run_int8(graph, {2, 1, 1}), (std::vector<int>{3 - 3, -3}));
}

TEST(TfliteQuantized, ABiasWithoutScaleHasThatOfItsAccumulators) {
  EXPECT_EQ(value_named(graph_of(QuantizedLayer({{0.5f}, {0}})), "b").type.quant, (Quantization{{0.25f}, {0}, -1}));
  const Graph graph = graph_of(QuantizedLayer({{0.5f, 0.125f}, {0}, 0}));
  EXPECT_EQ(value_named(graph, "b").type.quant, (Quantization{{0.25f, 0.0625f}, {0, 0}, 0}));
  EXPECT_EQ(value_named(graph, "w").type.quant, (Quantization{{0.5f, 0.125f}, {0, 0}, 0}));
}

TEST(TfliteQuantized, HybridWeightsStayIntegers) {
  TfliteFile file;
  const int x = file.tensor("x", Type::FLOAT32, {1, 2});
  const int y = file.tensor("y", Type::FLOAT32, {1, 2});
  file.op(Code::FULLY_CONNECTED,
          {x, file.constant<std::int8_t>("w", Type::INT8, {2, 2}, Bytes8{2, 4, -6, 100}, {{0.5f}, {0}}),
           file.floats("b", {2}, {1, 2})},
          {y}, mj_tflite::FullyConnectedOptionsT{});
  file.outputs({y});
  const Graph graph = graph_of(file);
  EXPECT_EQ(value_named(graph, "w").type, (mj::Type{DType::kI8, {2, 2}, Quantization{{0.5f}, {0}, -1}}));
  EXPECT_EQ(run_reals(graph, {1, 10}), (std::vector<float>{22, 499}));
}

TEST(TfliteQuantized, WeightsBehindDequantize) {
  const auto run = [](int (*weight)(TfliteFile&), DType expected) {
    TfliteFile file;
    const int x = file.tensor("x", Type::FLOAT32, {1, 2});
    const int y = file.tensor("y", Type::FLOAT32, {1, 2});
    const int stored = weight(file);
    const int real = file.tensor("real", Type::FLOAT32, {2, 2});
    file.op(Code::DEQUANTIZE, {stored}, {real});
    file.op(Code::FULLY_CONNECTED, {x, real}, {y}, mj_tflite::FullyConnectedOptionsT{});
    file.outputs({y});
    const Graph graph = graph_of(file);
    EXPECT_EQ(graph.nodes.size(), 1u);
    EXPECT_EQ(value_named(graph, "w").type.dtype, expected);
    return run_reals(graph, {1, 10});
  };
  const std::vector<float> expected{10.5f, -65535};
  // 1.0, 0.95 would not be exact: 0.5, 1 and the largest and smallest numbers of half precision.
  EXPECT_EQ(run(
                [](TfliteFile& f) {
                  return f.constant<std::uint16_t>("w", Type::FLOAT16, {2, 2}, {0x3800, 0x3c00, 0x3c00, 0xee66});
                },
                DType::kF32)[0],
            10.5f);
  EXPECT_EQ(run(
                [](TfliteFile& f) {
                  return f.constant<std::int8_t>("w", Type::INT8, {2, 2}, Bytes8{1, 2, -6, 100}, {{0.5f}, {0}});
                },
                DType::kI8),
            (std::vector<float>{10.5f, 497}));
  // Zero points other than 0 exist only dequantised.
  EXPECT_EQ(run(
                [](TfliteFile& f) {
                  return f.constant<std::uint8_t>("w", Type::UINT8, {2, 2}, {11, 12, 4, 110}, {{0.5f}, {10}});
                },
                DType::kF32),
            (std::vector<float>{10.5f, 497}));
}

TEST(TfliteQuantized, HalfFloats) {
  // IEEE 754-2008 binary16: largest, smallest normal, smallest subnormal, largest subnormal, 1/3, -2, infinity, -0.
  const std::vector<std::pair<std::uint16_t, float>> known{{0x7bff, 65504.0f},        {0x0400, 0x1p-14f},
                                                           {0x0001, 0x1p-24f},        {0x03ff, 1023 * 0x1p-24f},
                                                           {0x3555, 0.333251953125f}, {0xc000, -2.0f}};
  for (const auto& [half, expected] : known) {
    TfliteFile file;
    const int x = file.tensor("x", Type::FLOAT32, {1, 1}), y = file.tensor("y", Type::FLOAT32, {1, 1});
    const int real = file.tensor("real", Type::FLOAT32, {1, 1});
    file.op(Code::DEQUANTIZE, {file.constant<std::uint16_t>("w", Type::FLOAT16, {1, 1}, {half})}, {real});
    file.op(Code::FULLY_CONNECTED, {x, real}, {y}, mj_tflite::FullyConnectedOptionsT{});
    file.outputs({y});
    EXPECT_EQ(run_reals(graph_of(file), {1})[0], expected) << half;
  }
}

TEST(TfliteQuantized, QuantizeAndDequantizeConvert) {
  TfliteFile file;
  const int x = file.tensor("x", Type::FLOAT32, {1, 4});
  const int q = file.tensor("q", Type::INT8, {1, 4}, {{0.5f}, {-10}});
  const int r = file.tensor("r", Type::INT8, {1, 4}, {{1}, {0}});
  const int y = file.tensor("y", Type::FLOAT32, {1, 4});
  file.op(Code::QUANTIZE, {x}, {q});
  file.op(Code::QUANTIZE, {q}, {r});
  file.op(Code::DEQUANTIZE, {r}, {y});
  file.outputs({y});
  // 0.25 is half a step of the first: away from zero, to 0.5, and again to 1. 1000 saturates at (127 + 10) / 2.
  EXPECT_EQ(run_reals(graph_of(file), {0.25f, -3, 1000, 7.1f}), (std::vector<float>{1, -3, 69, 7}));
}

TEST(TfliteQuantized, UnsignedActivationsAreShifted) {
  // An image network as converters write it: uint8 outside, int8 inside.
  TfliteFile file;
  const int x = file.tensor("x", Type::UINT8, {1, 3}, {{0.5f}, {130}});
  const int q = file.tensor("q", Type::INT8, {1, 3}, {{0.5f}, {2}});
  const int y = file.tensor("y", Type::UINT8, {1, 3}, {{0.25f}, {0}});
  file.op(Code::QUANTIZE, {x}, {q});
  file.op(Code::QUANTIZE, {q}, {y});
  file.outputs({y});
  const Graph graph = graph_of(file);
  EXPECT_EQ(graph.type(graph.inputs[0]).quant, (Quantization{{0.5f}, {2}, -1}));
  EXPECT_EQ(graph.type(graph.outputs[0]).quant, (Quantization{{0.25f}, {-128}, -1}));
  // 120, 130 and 140 of uint8 are -5, 0 and 5.
  EXPECT_EQ(run_int8(graph, {120 - 128, 130 - 128, 140 - 128}), (std::vector<int>{0 - 128, 0 - 128, 20 - 128}));
}

TEST(TfliteQuantized, ConcatenationBringsInputsToOneScale) {
  TfliteFile file;
  const int x = file.tensor("x", Type::INT8, {1, 2}, {{0.5f}, {0}});
  const int c = file.constant<std::int8_t>("c", Type::INT8, {1, 2}, Bytes8{4, -4}, {{0.25f}, {0}});
  const int y = file.tensor("y", Type::INT8, {1, 4}, {{0.25f}, {0}});
  mj_tflite::ConcatenationOptionsT options;
  options.axis = 1;
  file.op(Code::CONCATENATION, {x, c}, {y}, options);
  file.outputs({y});
  EXPECT_EQ(run_int8(graph_of(file), {3, -100}), (std::vector<int>{6, -128, 4, -4}));
}

TEST(TfliteQuantized, ConstantsInSumsHaveTheirOwnScale) {
  TfliteFile file;
  const int x = file.tensor("x", Type::INT8, {1, 2}, {{1}, {0}});
  const int c = file.constant<std::int8_t>("c", Type::INT8, {2}, Bytes8{40, 127}, {{0.25f}, {0}});
  const int y = file.tensor("y", Type::INT8, {1, 2}, {{1}, {-1}});
  file.op(Code::ADD, {x, c}, {y}, mj_tflite::AddOptionsT{});
  file.outputs({y});
  EXPECT_EQ(run_int8(graph_of(file), {5, 5}), (std::vector<int>{14, 36}));
}

TEST(TfliteQuantized, PadsWithRealZeroOrItsOwnValue) {
  TfliteFile file;
  const int x = file.tensor("x", Type::INT8, {1, 1}, {{0.3f}, {-11}});
  const int y = file.tensor("y", Type::INT8, {1, 3}, {{0.3f}, {-11}}),
            z = file.tensor("z", Type::INT8, {1, 5}, {{0.3f}, {-11}});
  const int amounts = file.constant<std::int32_t>("p", Type::INT32, {2, 2}, {0, 0, 1, 1});
  file.op(Code::PAD, {x, amounts}, {y});
  file.op(Code::PADV2, {y, amounts, file.constant<std::int8_t>("v", Type::INT8, {}, Bytes8{97}, {{0.3f}, {-11}})}, {z});
  file.outputs({z});
  EXPECT_EQ(run_int8(graph_of(file), {3}), (std::vector<int>{97, -11, 3, -11, 97}));
}

TEST(TfliteQuantized, PoolsAllowScalesThatDifferByRounding) {
  for (const Code code : {Code::MAX_POOL_2D, Code::AVERAGE_POOL_2D}) {
    TfliteFile file;
    const int x = file.tensor("x", Type::INT8, {1, 1, 2, 1}, {{0.1f}, {3}});
    const int y = file.tensor("y", Type::INT8, {1, 1, 1, 1}, {{std::nextafter(0.1f, 1.0f)}, {3}});
    mj_tflite::Pool2DOptionsT options;
    options.padding = mj_tflite::Padding::VALID;
    options.stride_h = options.stride_w = 1;
    options.filter_height = 1, options.filter_width = 2;
    file.op(code, {x}, {y}, options);
    file.outputs({y});
    const Graph graph = graph_of(file);
    EXPECT_EQ(graph.type(graph.outputs[0]).quant->scale[0], std::nextafter(0.1f, 1.0f));
    EXPECT_EQ(run_int8(graph, {-50, 81})[0], code == Code::MAX_POOL_2D ? 81 : 16);  // 15.5, away from zero
  }
}

TEST(TfliteQuantized, SharedBuffersAreStoredOnce) {
  TfliteFile file;
  const int x = file.tensor("x", Type::FLOAT32, {1, 2});
  const int y = file.tensor("y", Type::FLOAT32, {1, 2}), z = file.tensor("z", Type::FLOAT32, {1, 2});
  const int w = file.floats("w", {2, 2}, {1, 2, 3, 4});
  file.op(Code::FULLY_CONNECTED, {x, w}, {y}, mj_tflite::FullyConnectedOptionsT{});
  file.op(Code::FULLY_CONNECTED, {y, w}, {z}, mj_tflite::FullyConnectedOptionsT{});
  file.outputs({z});
  const Graph graph = graph_of(file);
  EXPECT_EQ(graph.nodes[0].inputs[1], graph.nodes[1].inputs[1]);
}

}  // namespace
}  // namespace mj
