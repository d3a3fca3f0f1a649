// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/cost.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "mj/ir/tiles.h"
#include "mj/base/random.h"
#include "random_graph.h"

namespace mj {
namespace {

std::vector<float> zeros(std::int64_t n) { return std::vector<float>(static_cast<std::size_t>(n)); }

/// conv -> batch_norm -> relu; returns the output.
ValueId conv_block(Graph& graph, ValueId x, std::int64_t outputs, std::int64_t kernel, std::int64_t stride,
                   std::int64_t groups = 1) {
  const std::int64_t inputs = graph.type(x).shape[2] / groups;
  const std::int64_t pad = kernel / 2;
  const ValueId w =
      graph.add_constant("w", {outputs, kernel, kernel, inputs}, zeros(outputs * kernel * kernel * inputs));
  const ValueId y = graph.add_node("conv", Conv2d{{stride, stride}, {1, 1}, {pad, pad, pad, pad}, groups, {}}, {x, w});
  std::vector<ValueId> norm{y};
  for (const char* name : {"gamma", "beta", "mean", "variance"}) {
    norm.push_back(graph.add_constant(name, {outputs}, zeros(outputs)));
  }
  return graph.add_node("relu", Clamp{}, {graph.add_node("norm", BatchNorm{}, norm)});
}

ValueId linear_layer(Graph& graph, ValueId x, std::int64_t outputs) {
  const std::int64_t features = graph.type(x).shape.back();
  return graph.add_node("fc", Linear{},
                        {x, graph.add_constant("w", {outputs, features}, zeros(outputs * features)),
                         graph.add_constant("b", {outputs}, zeros(outputs))});
}

/// He et al., Deep residual learning, section 4.2, with parameter-free shortcuts (the first of a stage subsampled and
/// padded with zero channels): published as 0.27 M parameters for n = 3.
Graph resnet20() {
  Graph graph;
  ValueId x = conv_block(graph, graph.add_input("x", {DType::kF32, {32, 32, 3}, {}}), 16, 3, 1);
  for (const std::int64_t width : {16, 32, 64}) {
    for (int block = 0; block < 3; ++block) {
      const std::int64_t stride = width > 16 && block == 0 ? 2 : 1;
      const ValueId y = conv_block(graph, conv_block(graph, x, width, 3, stride), width, 3, 1);
      if (stride == 2) {
        const Shape& shape = graph.type(x).shape;
        x = graph.add_node("half", Slice{{0, 0, 0}, shape, {2, 2, 1}}, {x});
        x = graph.add_node("widen", Pad{{0, 0, width / 4}, {0, 0, width / 4}, 0}, {x});
      }
      x = graph.add_node("add", Add{}, {y, x});
    }
  }
  graph.outputs = {linear_layer(graph, graph.add_node("pool", Mean{}, {x}), 10)};
  return graph;
}

TEST(Cost, PublishedNetworks) {
  const Graph graph = resnet20();
  // Convolutions 9 * (3*16 + 6*16*16 + 16*32 + 5*32*32 + 32*64 + 5*64*64), two factors per channel and normalisation
  // 2 * (7*16 + 6*32 + 6*64), and the classifier.
  EXPECT_EQ(parameter_count(graph), 267696 + 1376 + 650);
  EXPECT_EQ(parameter_bytes(graph), 4 * 269722);
  // Rows * columns * outputs * window of each convolution: stem, three stages, classifier.
  EXPECT_EQ(total_macs(graph), 442368 + 14155776 + 2 * (1179648 + 11796480) + 640);
}

TEST(Cost, MobileNetV1) {
  // Howard et al., MobileNets, table 4: 569 million multiply-adds, 4.2 million parameters (torch counts 4,231,976).
  Graph graph;
  ValueId x = conv_block(graph, graph.add_input("x", {DType::kF32, {224, 224, 3}, {}}), 32, 3, 2);
  const std::int64_t widths[] = {64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024};
  const std::int64_t strides[] = {1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1};
  for (int i = 0; i < 13; ++i) {
    const std::int64_t channels = graph.type(x).shape[2];
    x = conv_block(graph, conv_block(graph, x, channels, 3, strides[i], channels), widths[i], 1, 1);
  }
  graph.outputs = {linear_layer(graph, graph.add_node("pool", Mean{}, {x}), 1000)};
  EXPECT_NEAR(static_cast<double>(total_macs(graph)), 569e6, 0.5e6);
  EXPECT_EQ(parameter_count(graph), 4231976);
}

/// One node with its counts.
Cost only_node(const Op& op, Shape shape, DType dtype = DType::kF32) {
  Graph graph;
  const ValueId x = graph.add_input("x", {dtype, std::move(shape), {}});
  graph.outputs = {graph.add_node("n", op, {x})};
  return cost(graph, graph.nodes[0]);
}

TEST(Cost, CountsOfOneNode) {
  EXPECT_EQ(only_node(MaxPool{{3, 2}, {1, 1}, {}, {}}, {5, 5, 4}),
            (Cost{Kernel::kMaxPool, 3 * 4 * 4 * 6, 48, 0, 400, 192, 0, 288, 3 * 3 * 4 * 4, 12}));
  EXPECT_EQ(only_node(AvgPool{{5, 5}, {1, 1}, {}, false, {}}, {5, 5, 4}, DType::kI8),
            (Cost{Kernel::kPool, 100, 4, 0, 100, 4, 0, 100, 20, 1}));
  EXPECT_EQ(only_node(Mean{}, {5, 5, 4}, DType::kI16), (Cost{Kernel::kMean, 100, 4, 0, 200, 8, 0, 0, 20}));
  EXPECT_EQ(only_node(Softmax{}, {10}), (Cost{Kernel::kSoftmax, 0, 10, 0, 40, 40}));
  EXPECT_EQ(only_node(Reshape{{6}}, {2, 3}), (Cost{Kernel::kNone, 0, 6, 0, 24, 24}));
  for (const Op& op : {Op(Clamp{}), Op(LeakyRelu{}), Op(HardSigmoid{}), Op(HardSwish{}), Op(Sigmoid{}), Op(Tanh{})}) {
    EXPECT_EQ(only_node(op, {2, 3}), (Cost{Kernel::kTable, 0, 6, 0, 24, 24})) << op_name(op);
  }
  for (const Op& op : {Op(Concat{0}), Op(Transpose{{0, 1}}), Op(Pad{{0, 0}, {0, 0}, 0}),
                       Op(Slice{{0, 0}, {2, 3}, {1, 1}})}) {
    EXPECT_EQ(only_node(op, {2, 3}), (Cost{Kernel::kMove, 0, 6, 0, 24, 24, 0, 0, 2})) << op_name(op);
  }
  EXPECT_EQ(only_node(Transpose{{1, 0}}, {2, 3}), (Cost{Kernel::kMove, 0, 6, 0, 24, 24, 0, 6, 3}));
  EXPECT_EQ(only_node(Transpose{{1, 0, 2}}, {4, 3, 5}), (Cost{Kernel::kMove, 0, 60, 0, 240, 240, 0, 0, 12}));
  EXPECT_EQ(only_node(Quantize{}, {2, 3}), (Cost{Kernel::kTable, 0, 6, 0, 24, 24}));
}

TEST(Cost, WeightsAndActivationsAreToldApart) {
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::kI8, {6, 6, 4}, Quantization{{1}, {0}, -1}});
  const ValueId w = graph.add_constant("w", {DType::kI8, {8, 3, 3, 1}, Quantization{{1}, {0}, -1}},
                                       Constant(std::vector<std::byte>(72)));
  const ValueId b =
      graph.add_constant("b", {DType::kI32, {8}, Quantization{{1}, {0}, -1}}, Constant(std::vector<std::byte>(32)));
  const ValueId y = graph.add_node("c", Conv2d{{1, 1}, {1, 1}, {0, 0, 0, 0}, 4, {}}, {x, w, b});
  EXPECT_EQ(cost(graph, graph.nodes[0]), (Cost{Kernel::kDepthwise, 4 * 4 * 8 * 9, 128, 104, 144, 128, 0, 1152, 384, 16}));
  graph.add_node("s", Add{}, {y, y});
  EXPECT_EQ(cost(graph, graph.nodes[1]), (Cost{Kernel::kElementwise, 0, 128, 0, 256, 128, 0, 0, 4}));
  EXPECT_EQ(parameter_count(graph), 80);
  EXPECT_EQ(parameter_bytes(graph), 104);
  graph.add_node("again", Conv2d{{1, 1}, {1, 1}, {0, 0, 0, 0}, 4, {}}, {x, w, b});
  EXPECT_EQ(parameter_count(graph), 80) << "shared weights are stored once";
}

TEST(Cost, HugeCountsStayAtTheLargest) {
  // A window almost as large as its padding over one pixel: more elements than 63 bits can count.
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::kF32, {1, 1, 2}, {}});
  const std::int64_t kernel = 2147483647, pad = 1073741823;
  graph.add_node("p", MaxPool{{kernel, kernel}, {1, 1}, {pad, pad, pad, pad}, {}}, {x});
  EXPECT_EQ(cost(graph, graph.nodes[0]).macs, 2 * kernel * kernel) << "still fits";
  graph.add_node("q", MaxPool{{kernel, kernel}, {1, 1}, {pad + 1, pad + 1, pad + 1, pad + 1}, {}}, {x});
  EXPECT_EQ(cost(graph, graph.nodes[1]).macs, std::numeric_limits<std::int64_t>::max());
}

TEST(Cost, KernelNames) {
  std::set<std::string> names;
  for (int i = 0; i < kKernelCount; ++i) names.insert(kernel_name(static_cast<Kernel>(i)));
  EXPECT_EQ(names,
            (std::set<std::string>{"conv", "depthwise", "linear", "conv_encoded", "linear_encoded", "pool", "max_pool", "mean", "elementwise", "product",
                                   "table", "move", "softmax", "none",
                                   "conv_dense_int4", "conv_bitmap_int8", "conv_bitmap_int4", "conv_relative_int8", "conv_relative_int4",
                                   "conv_block4_int8", "conv_block4_int4", "linear_dense_int4", "linear_bitmap_int8", "linear_bitmap_int4",
                                   "linear_relative_int8", "linear_relative_int4", "linear_block4_int8", "linear_block4_int4"}));
  for (const Encoding encoding : all_encodings()) {
    SCOPED_TRACE(encoding_name(encoding));
    const std::string suffix = encoding.plain() ? "" : "_" + std::string(encoding_name(encoding));
    EXPECT_EQ(kernel_name(conv_kernel(encoding)), "conv" + suffix);
    EXPECT_EQ(kernel_name(linear_kernel(encoding)), "linear" + suffix);
    EXPECT_EQ(general_kernel(conv_kernel(encoding)), encoding.plain() ? Kernel::kConv : Kernel::kConvEncoded);
    EXPECT_EQ(general_kernel(linear_kernel(encoding)), encoding.plain() ? Kernel::kLinear : Kernel::kLinearEncoded);
    EXPECT_TRUE(copies_windows(conv_kernel(encoding)));
    EXPECT_FALSE(copies_windows(linear_kernel(encoding)));
  }
  EXPECT_FALSE(copies_windows(Kernel::kDepthwise));
}

TEST(Cost, CountsWhatWindowsReadAsALoopDoes) {
  RandomStream random(8);
  for (int i = 0; i < 300; ++i) {
    SCOPED_TRACE(testing::Message() << "case " << i);
    const auto draw = [&](std::int64_t least, std::int64_t most) { return least + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(most - least + 1))); };
    const std::int64_t height = draw(1, 9), width = draw(1, 9), channels = draw(1, 3);
    const Pair kernel{draw(1, 5), draw(1, 5)}, stride{draw(1, 3), draw(1, 3)}, dilation{draw(1, 2), draw(1, 2)};
    const Padding pad{draw(0, 3), draw(0, 3), draw(0, 3), draw(0, 3)};
    if (height + pad[0] + pad[2] < dilation[0] * (kernel[0] - 1) + 1 || width + pad[1] + pad[3] < dilation[1] * (kernel[1] - 1) + 1) continue;
    Graph graph;
    const ValueId x = graph.add_input("x", {DType::kF32, {height, width, channels}, {}});
    const std::vector<float> weights(static_cast<std::size_t>(channels * kernel[0] * kernel[1]), 1.0f);
    const ValueId w = graph.add_constant("w", {channels, kernel[0], kernel[1], 1}, weights);
    if (channels == 1) continue;  // a single group sums over all channels
    const ValueId y = graph.add_node("c", Conv2d{stride, dilation, pad, channels, {}}, {x, w});
    const Shape out = graph.type(y).shape;
    std::int64_t read = 0, runs = 0;
    for (std::int64_t r = 0; r < out[0]; ++r) {
      for (std::int64_t c = 0; c < out[1]; ++c) {
        for (std::int64_t kr = 0; kr < kernel[0]; ++kr) {
          const std::int64_t row = r * stride[0] - pad[0] + kr * dilation[0];
          if (row < 0 || row >= height) continue;
          runs += channels;
          for (std::int64_t kc = 0; kc < kernel[1]; ++kc) {
            const std::int64_t column = c * stride[1] - pad[1] + kc * dilation[1];
            read += column >= 0 && column < width ? channels : 0;
          }
        }
      }
    }
    EXPECT_EQ(cost(graph, graph.nodes[0]).gathered, read);
    EXPECT_EQ(cost(graph, graph.nodes[0]).runs, runs);
  }
}

TEST(Cost, RandomGraphsHaveSums) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const Graph graph = random_graph(seed);
    std::int64_t macs = 0;
    for (const Node& node : graph.nodes) {
      const bool weighted = std::holds_alternative<Conv2d>(node.op) || std::holds_alternative<Linear>(node.op);
      if (weighted) macs += cost(graph, node).macs;
    }
    ASSERT_EQ(total_macs(graph), macs);
    ASSERT_GE(parameter_bytes(graph), parameter_count(graph));
  }
}

/// int8: 5x5x4 -> conv 3x3 (2 groups), 6 channels, no padding; a third of the weights is not zero.
Graph sparse_conv(Encoding encoding) {
  Graph graph;
  const Quantization one{{1.0f}, {0}, -1};
  const ValueId x = graph.add_input("x", {DType::kI8, {5, 5, 4}, one});
  std::vector<std::int8_t> elements(6 * 3 * 3 * 2, 0);
  for (std::size_t i = 0; i < elements.size(); i += 3) elements[i] = 5;
  const ValueId w = graph.add_constant("w", {DType::kI8, {6, 3, 3, 2}, one}, Constant::of<std::int8_t>(elements));
  graph.outputs = {graph.add_node("c", Conv2d{.groups = 2}, {x, w})};
  graph.value(graph.outputs[0]).type.quant = one;
  graph.value(w).encoding = encoding;
  return graph;
}

TEST(Cost, EncodedWeightsCountWhatIsStored) {
  // 9 places; 108 elements, 36 of them not zero: 6 in each of the 6 rows of 18.
  const auto counts = [](Encoding encoding) {
    const Graph graph = sparse_conv(encoding);
    return cost(graph, graph.nodes[0]);
  };
  const Cost plain = counts({});
  EXPECT_EQ(plain, (Cost{.kernel = Kernel::kConv, .macs = 972, .outputs = 54, .weight_bytes = 108, .activation_in_bytes = 100,
                         .activation_out_bytes = 54, .gathered = 9 * 2 * 18, .runs = 9 * 2 * 3, .windows = 9 * 2}));
  const Cost relative = counts({Layout::kRelative, 8});
  EXPECT_EQ(relative, (Cost{.kernel = Kernel::kConvRelativeInt8, .macs = 324, .outputs = 54, .weight_bytes = 6 * 13,
                            .activation_in_bytes = 100, .activation_out_bytes = 54, .symbols = 324, .gathered = 9 * 2 * 18, .runs = 9 * 2 * 3, .windows = 9 * 2}));
  const Cost bitmap = counts({Layout::kBitmap, 4});
  EXPECT_EQ(bitmap.weight_bytes, 6 * (3 + 3));
  EXPECT_EQ(bitmap.macs, 324);
  EXPECT_EQ(bitmap.symbols, 9 * 6 * (3 * 3 + 7 + 8)) << "bytes of 01001001, 10010010 and 00, the lowest bit first";
  const Graph graph = sparse_conv({Layout::kRelative, 8});
  EXPECT_EQ(total_macs(graph), 324);
  EXPECT_EQ(parameter_count(graph), 108);
  EXPECT_EQ(parameter_bytes(graph), 78);
}

TEST(Cost, TilesOfEncodedWeightsAddUp) {
  for (const Encoding encoding : all_encodings()) {
    if (encoding.layout == Layout::kBlock4) continue;
    Graph graph = sparse_conv(encoding);
    graph.plan.emplace();
    const Cost whole = cost(graph, graph.nodes[0]);
    const Tiling tiling{.rows = 1, .columns = 2, .channels = 2};
    const Extent extent = extents(graph, 0)[0];
    Cost sum;
    for (std::int64_t k = 0; k < tile_count(tiling, extent); ++k) {
      const Cost tile = tile_cost(graph, 0, 0, tile_of(tiling, extent, k));
      EXPECT_EQ(tile.kernel, whole.kernel);
      sum.macs += tile.macs, sum.outputs += tile.outputs, sum.symbols += tile.symbols;
    }
    EXPECT_EQ(sum.macs, whole.macs) << encoding_name(encoding);
    EXPECT_EQ(sum.outputs, whole.outputs);
    EXPECT_EQ(sum.symbols, whole.symbols);
  }
}

}  // namespace
}  // namespace mj
