// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "mj/base/error.h"
#include "mj/platform/platform.h"

namespace mj {
namespace {

Type int8(Shape shape) { return {DType::kI8, std::move(shape), Quantization{{0.5f}, {0}}}; }
Type per_channel(DType dtype, Shape shape) {
  const auto channels = static_cast<std::size_t>(shape[0]);
  return {dtype, std::move(shape),
          Quantization{std::vector<float>(channels, 0.5f), std::vector<std::int32_t>(channels), 0}};
}
/// Not zeros: a bias of those is not stored.
Constant ones(const Type& type) {
  return Constant(std::vector<std::byte>(static_cast<std::size_t>(type.bytes()), std::byte{1}));
}

ValueId constant(Graph& graph, const std::string& name, Type type) {
  Constant data = ones(type);
  return graph.add_constant(name, std::move(type), std::move(data));
}

/// 6x6x2 -> conv 3x3, 4 channels -> 4x4x4 -> reshape -> linear 10.
Graph small_network() {
  Graph graph;
  const ValueId x = graph.add_input("x", int8({6, 6, 2}));
  const ValueId conv = graph.add_node("conv", Conv2d{},
                                      {x, constant(graph, "w1", per_channel(DType::kI8, {4, 3, 3, 2})),
                                       constant(graph, "b1", per_channel(DType::kI32, {4}))});
  graph.value(conv).type.quant = Quantization{{0.5f}, {0}};
  const ValueId flat = graph.add_node("flat", Reshape{{64}}, {conv});
  const ValueId y = graph.add_node("fc", Linear{},
                                   {flat, constant(graph, "w2", per_channel(DType::kI8, {10, 64})),
                                    constant(graph, "b2", per_channel(DType::kI32, {10}))});
  graph.value(y).type.quant = Quantization{{0.5f}, {0}};
  graph.outputs = {y};
  graph.plan = Plan{.arena_bytes = 136, .buffers = {}};
  return graph;
}

Platform toy() {
  Platform out;
  out.frequency_hz.value = 2e6;
  out.energy_per_cycle_j.value = 1e-9;
  out.boot_energy_j.value = 3e-6;
  out.ram_bytes.value = 200;
  out.nvm_bytes.value = 2000;
  out.reserved_nvm_bytes.value = 500;
  out.stack_bytes.value = 64;
  out.kernels[static_cast<std::size_t>(Kernel::kConv)] = {.per_call = 1000, .per_mac = 10, .per_output = 100, .per_weight_byte = 2, .code_bytes = 300, .bytes_per_call = 40, .source = {}};
  out.kernels[static_cast<std::size_t>(Kernel::kLinear)] = {.per_call = 500, .per_mac = 9, .per_output = 50, .per_weight_byte = 1, .code_bytes = 200, .bytes_per_call = 30, .source = {}};
  out.kernels[static_cast<std::size_t>(Kernel::kSoftmax)] = {.per_call = 1e9, .per_mac = 1e9, .per_output = 1e9, .per_weight_byte = 1e9, .code_bytes = 1000000, .bytes_per_call = 1000000, .source = {}};
  return out;
}

// conv: 64 outputs of 18 products, 72 + 16 B of constants; linear: 10 of 64, 640 + 40 B.
constexpr double kConvCycles = 1000 + 10 * 1152 + 100 * 64 + 2 * 88;
constexpr double kLinearCycles = 500 + 9 * 640 + 50 * 10 + 1 * 680;

TEST(Estimate, IsTheSumOfTheCostLines) {
  const Estimate found = estimate(small_network(), toy());
  ASSERT_EQ(found.layers.size(), 3u);
  EXPECT_EQ(found.layers[0].name, "conv");
  EXPECT_EQ(found.layers[0].op, "conv2d");
  EXPECT_DOUBLE_EQ(found.layers[0].cycles, kConvCycles);
  EXPECT_DOUBLE_EQ(found.layers[1].cycles, 0);
  EXPECT_DOUBLE_EQ(found.layers[2].cycles, kLinearCycles);
  EXPECT_DOUBLE_EQ(found.layers[2].energy.value, kLinearCycles * 1e-9);
  EXPECT_DOUBLE_EQ(found.cycles, kConvCycles + kLinearCycles);
  EXPECT_DOUBLE_EQ(found.energy.value, (kConvCycles + kLinearCycles) * 1e-9);
  EXPECT_EQ(found.boot_energy.value, 0);
  EXPECT_DOUBLE_EQ(found.latency.value, (kConvCycles + kLinearCycles) / 2e6);
  // The arena, 18 elements of int16 for a window of the convolution, and the stack.
  EXPECT_EQ(found.ram_bytes, 136 + 36 + 64);
  // Weights, int32 biases, 5 B for each of 14 requantised channels, and the table that normalises pixels.
  EXPECT_EQ(found.constant_bytes, 72 + 16 + 640 + 40 + 14 * 5 + 256);
  EXPECT_EQ(found.code_bytes, 500 + (300 + 40) + (200 + 30));
  EXPECT_EQ(found.nvm_bytes, found.code_bytes + found.constant_bytes);
}

TEST(Estimate, AddsTheBootWhereThePlatformBootsForEveryInference) {
  Platform platform = toy();
  platform.boots_per_inference = true;
  const Estimate found = estimate(small_network(), platform);
  EXPECT_DOUBLE_EQ(found.boot_energy.value, 3e-6);
  EXPECT_DOUBLE_EQ(found.energy.value, (kConvCycles + kLinearCycles) * 1e-9 + 3e-6);
  EXPECT_DOUBLE_EQ(found.latency.value, (kConvCycles + kLinearCycles) / 2e6);
}

TEST(Estimate, CountsKernelsAndSharedWeightsOnce) {
  Graph graph = small_network();
  const ValueId w3 = constant(graph, "w3", per_channel(DType::kI8, {10, 10}));
  const ValueId b3 = constant(graph, "b3", per_channel(DType::kI32, {10}));
  const auto append = [&](const std::string& name) {
    const ValueId y = graph.add_node(name, Linear{}, {graph.outputs[0], w3, b3});
    graph.value(y).type.quant = Quantization{{0.5f}, {0}};
    graph.outputs = {y};
  };
  append("fc2");
  const Bytes once = constant_bytes(graph);
  append("fc3");
  const Estimate found = estimate(graph, toy());
  EXPECT_EQ(found.code_bytes, 500 + (300 + 40) + (200 + 3 * 30));
  // The weights are shared; biases with a zero point folded in, multipliers and shifts belong to the node.
  EXPECT_EQ(found.constant_bytes, once + 10 * (4 + 4 + 1));
}

TEST(Estimate, CountsTheArraysThatNodesBringAlong) {
  const auto bytes_of = [](const Op& op, Shape shape) {
    Graph graph;
    const ValueId x = graph.add_input("x", int8(std::move(shape)));
    const ValueId y = graph.add_node("node", op, {x});
    graph.value(y).type.quant = Quantization{{1.0f / 256}, {-128}};
    graph.outputs = {y};
    return constant_bytes(graph);
  };
  constexpr Bytes kPixels = 256;
  EXPECT_EQ(bytes_of(Reshape{{6}}, {2, 3}), kPixels);
  EXPECT_EQ(bytes_of(Sigmoid{}, {6}), kPixels + 256);
  EXPECT_EQ(bytes_of(Softmax{}, {6}), kPixels + 256 * 4);
  EXPECT_EQ(bytes_of(Pad{.before = {1}, .after = {1}}, {6}), kPixels + 1);
}

TEST(Estimate, CountsOneTableOfPixelsPerChannelThatIsNormalisedInItsOwnWay) {
  Graph graph;
  graph.outputs = {graph.add_node("flat", Reshape{{12}}, {graph.add_input("x", int8({2, 2, 3}))})};
  graph.preprocess = {.mean = {0.5f, 0.5f, 0.5f}, .std = {0.2f}};
  EXPECT_EQ(constant_bytes(graph), 256);
  graph.preprocess.std = {0.2f, 0.2f, 0.3f};
  EXPECT_EQ(constant_bytes(graph), 3 * 256);
}

/// A layer from x on, without a bias.
Bytes bytes_without_bias(const Op& op, Type x, Type weight, std::int8_t element) {
  Graph graph;
  const ValueId input = graph.add_input("x", std::move(x));
  const std::vector<std::int8_t> elements(static_cast<std::size_t>(weight.count()), element);
  const ValueId w = graph.add_constant("w", std::move(weight), Constant::of<std::int8_t>(elements));
  graph.outputs = {graph.add_node("y", op, {input, w})};
  graph.value(graph.outputs[0]).type.quant = Quantization{{0.5f}, {0}};
  return constant_bytes(graph);
}

TEST(Estimate, CountsOnlyTheArraysThatChannelsDifferIn) {
  const Type image = int8({4, 4, 2}), conv = per_channel(DType::kI8, {8, 1, 1, 2});
  EXPECT_EQ(bytes_without_bias(Conv2d{}, image, conv, 1), 256 + 16 + 8 * 5);
  EXPECT_EQ(bytes_without_bias(Conv2d{}, image, int8({8, 1, 1, 2}), 1), 256 + 16 + 8);
  EXPECT_EQ(bytes_without_bias(Conv2d{}, image, int8({1, 1, 1, 2}), 1), 256 + 2 + 5) << "one channel has one factor anyway";
  // A zero point that sums of weights multiply.
  const Type line = int8({4}), matrix = per_channel(DType::kI8, {3, 4});
  Type shifted = line;
  shifted.quant->zero_point = {-7};
  EXPECT_EQ(bytes_without_bias(Linear{}, line, matrix, 1), 256 + 12 + 3 * 5);
  EXPECT_EQ(bytes_without_bias(Linear{}, shifted, matrix, 1), 256 + 12 + 3 * (5 + 4));
  EXPECT_EQ(bytes_without_bias(Linear{}, shifted, matrix, 0), 256 + 12 + 3 * 5);
  EXPECT_EQ(bytes_without_bias(Linear{}, shifted, int8({3, 4}), 1), 256 + 12 + 8 + 3 * 4);
}

TEST(Estimate, FitsUpToTheLastByte) {
  Platform platform = toy();
  const Estimate found = estimate(small_network(), platform);
  platform.ram_bytes.value = static_cast<double>(found.ram_bytes);
  platform.nvm_bytes.value = static_cast<double>(found.nvm_bytes);
  EXPECT_TRUE(found.fits(platform));
  platform.ram_bytes.value -= 1;
  EXPECT_FALSE(found.fits(platform));
  platform.ram_bytes.value += 1;
  platform.nvm_bytes.value -= 1;
  EXPECT_FALSE(found.fits(platform));
}

TEST(Estimate, NeedsAPlan) {
  Graph graph = small_network();
  graph.plan.reset();
  EXPECT_THROW(estimate(graph, toy()), InternalError);
}

}  // namespace
}  // namespace mj
