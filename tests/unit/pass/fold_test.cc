// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "mj/base/error.h"
#include "mj/ir/verify.h"
#include "mj/pass/lower.h"
#include "mj/pass/passes.h"
#include "random_graph.h"

namespace mj {
namespace {

using test::add_batch_norm;
using test::count;
using ::testing::ElementsAre;
using test::expect_same_outputs;
using test::normal_constant;
using test::real;

std::vector<std::string> ops(const Graph& graph) {
  std::vector<std::string> result;
  for (const Node& node : graph.nodes) result.push_back(op_name(node.op));
  return result;
}

/// A graph under construction: its input, and one output at the end.
struct Net {
  Graph g;
  ValueId x;

  explicit Net(Shape shape) : x(g.add_input("x", real(std::move(shape)))) {}
  ValueId add(Op op, std::vector<ValueId> inputs) {
    return g.add_node("n" + std::to_string(g.nodes.size()), std::move(op), std::move(inputs));
  }
  ValueId conv(ValueId in, std::int64_t outputs, Conv2d op = {}, Pair kernel = {3, 3}) {
    return add(op,
               {in, normal_constant(g, "w", {outputs, kernel[0], kernel[1], g.type(in).shape[2] / op.groups}, 5, 0.4)});
  }
  ValueId linear(ValueId in, std::int64_t outputs) {
    return add(Linear{}, {in, normal_constant(g, "w", {outputs, g.type(in).shape.back()}, 6),
                          normal_constant(g, "b", {outputs}, 7)});
  }
  ValueId bn(ValueId in, bool positive = false) { return add_batch_norm(g, "bn", in, 8, positive); }
  Graph done(ValueId output) {
    g.value(output).name = "logits";
    g.outputs = {output};
    return g;
  }
};

TEST(FoldBatchNorm, PutsTheFactorsIntoWeightAndBiasByHand) {
  Net net({1, 1, 1});
  const ValueId w = net.g.add_constant("w", {2, 1, 1, 1}, std::vector<float>{3, -1});
  const ValueId y = net.add(Conv2d{}, {net.x, w});
  const auto vector = [&](std::vector<float> v) { return net.g.add_constant("p", {2}, v); };
  const ValueId bn = net.add(BatchNorm{0}, {y, vector({2, 6}), vector({0.5f, 1}), vector({10, -2}), vector({4, 9})});
  const Graph after = fold_batch_norm(net.done(bn));
  ASSERT_THAT(ops(after), ElementsAre("conv2d"));
  EXPECT_THAT(after.value(after.nodes[0].inputs[1]).data.as<float>(), ElementsAre(3, -2));  // gamma / sqrt(var) = 1, 2
  EXPECT_THAT(after.value(after.nodes[0].inputs[2]).data.as<float>(), ElementsAre(-9.5f, 5));  // beta - mean * factor
  EXPECT_EQ(after.value(after.outputs[0]).name, "logits");
}

TEST(FoldBatchNorm, LeavesOneWhoseInputHasOtherReadersOrAnActivation) {
  {
    Net net({6, 6, 2});
    const ValueId y = net.conv(net.x, 3);
    const Graph before = net.done(net.add(Add{}, {y, net.bn(y)}));
    EXPECT_THAT(ops(fold_batch_norm(before)), ElementsAre("conv2d", "batch_norm", "add"));
  }
  {
    Net net({6, 6, 2});
    const Graph before = net.done(net.bn(net.conv(net.x, 3, {.clamp = {0, kInfinity}})));
    EXPECT_THAT(ops(fold_batch_norm(before)), ElementsAre("conv2d", "batch_norm"));
  }
  {
    Net net({6, 6, 2});
    const ValueId y = net.conv(net.x, 3);
    Graph before = net.done(net.bn(y));
    before.outputs.insert(before.outputs.begin(), y);
    EXPECT_THAT(ops(fold_batch_norm(before)), ElementsAre("conv2d", "batch_norm"));
  }
}

TEST(FoldBatchNorm, FoldsSeveralInARowIntoLinear) {
  Net net({5});
  const Graph before = net.done(net.bn(net.bn(net.linear(net.x, 3))));
  const Graph after = fold_batch_norm(before);
  EXPECT_THAT(ops(after), ElementsAre("linear"));
  expect_same_outputs(before, after, 1);
}

TEST(FoldBatchNorm, RefusesVariancesThatHaveNoRoot) {
  Net net({1});
  const auto one = [&](float v) { return net.g.add_constant("p", {1}, std::vector<float>{v}); };
  const ValueId y = net.linear(net.x, 1);
  const Graph before = net.done(net.g.add_node("bn", BatchNorm{0.5f}, {y, one(1), one(0), one(0), one(-1)}));
  try {
    fold_batch_norm(before);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "node 'bn' (batch_norm): variance -1 of channel 0 plus epsilon 0.5 is not positive");
  }
}

TEST(LowerBatchNorm, BehindAnActivationAndBeforePaddingBecomesOneDepthwiseConvolution) {
  Net net({8, 8, 2});
  const ValueId relu = net.add(Clamp{}, {net.conv(net.x, 3)});
  const ValueId pooled = net.add(MaxPool{}, {net.bn(relu)});
  const Graph before = net.done(net.conv(pooled, 2, {.pad = {1, 1, 1, 1}}));
  const Graph after = lower_batch_norm(before);
  EXPECT_THAT(ops(after), ElementsAre("conv2d", "clamp", "conv2d", "max_pool", "conv2d"));
  EXPECT_EQ(std::get<Conv2d>(after.nodes[2].op).groups, 3);
  EXPECT_EQ(after.type(after.nodes[2].inputs[1]).shape, (Shape{3, 1, 1, 1}));
  expect_same_outputs(before, after, 1);
}

TEST(LowerBatchNorm, FoldsForwardThroughPoolsIntoAnUnpaddedConvolution) {
  for (const std::int64_t groups : {1, 2, 4}) {
    Net net({8, 8, 4});
    const ValueId pooled =
        net.add(AvgPool{.pad = {1, 0, 1, 0}}, {net.add(MaxPool{.pad = {1, 1, 0, 0}}, {net.bn(net.x, true)})});
    const Graph before = net.done(net.conv(pooled, 8, {.groups = groups}, {2, 2}));
    const Graph after = lower_batch_norm(before);
    EXPECT_THAT(ops(after), ElementsAre("max_pool", "avg_pool", "conv2d"));
    expect_same_outputs(before, after, 1);
  }
}

TEST(LowerBatchNorm, FoldsForwardThroughFlatteningAndMeansIntoLinear) {
  {
    Net net({4, 5, 3});
    const Graph before = net.done(net.linear(net.add(Reshape{{60}}, {net.bn(net.x)}), 4));
    const Graph after = lower_batch_norm(before);
    EXPECT_THAT(ops(after), ElementsAre("reshape", "linear"));
    expect_same_outputs(before, after, 1);
  }
  {
    Net net({4, 5, 3});
    const Graph before = net.done(net.linear(net.bn(net.add(Mean{}, {net.bn(net.x)})), 4));
    const Graph after = lower_batch_norm(before);
    EXPECT_THAT(ops(after), ElementsAre("mean", "linear"));
    expect_same_outputs(before, after, 1);
  }
}

TEST(LowerBatchNorm, DoesNotPassWhatDoesNotCommute) {
  const auto depthwise_left = [](Graph before) {
    const Graph after = lower_batch_norm(before);
    expect_same_outputs(before, after, 1);
    return std::holds_alternative<Conv2d>(after.nodes[0].op) && std::get<Conv2d>(after.nodes[0].op).groups == 4;
  };
  {  // negative factors turn maxima into minima
    Net net({8, 8, 4});
    EXPECT_TRUE(depthwise_left(net.done(net.conv(net.add(MaxPool{}, {net.bn(net.x)}), 2))));
  }
  {  // padding counted as zeros
    Net net({8, 8, 4});
    const ValueId pool = net.add(AvgPool{.pad = {1, 1, 1, 1}, .count_include_pad = true}, {net.bn(net.x)});
    EXPECT_TRUE(depthwise_left(net.done(net.conv(pool, 2))));
  }
  {  // a limit between
    Net net({8, 8, 4});
    EXPECT_TRUE(depthwise_left(net.done(net.conv(net.add(MaxPool{.clamp = {0, 1}}, {net.bn(net.x, true)}), 2))));
  }
  {  // channels averaged
    Net net({8, 8, 4});
    const ValueId mean = net.add(Mean{{2}, true}, {net.bn(net.x)});
    EXPECT_TRUE(depthwise_left(net.done(net.conv(mean, 2))));
  }
  {  // rows of a length that channels do not divide
    Net net({2, 3, 4});
    EXPECT_TRUE(depthwise_left(net.done(net.linear(net.add(Reshape{{4, 6}}, {net.bn(net.x)}), 2))));
  }
  {  // an exit that shows it
    Net net({8, 8, 4});
    const ValueId y = net.bn(net.x);
    Graph g = net.done(net.conv(y, 2));
    g.outputs.insert(g.outputs.begin(), y);
    EXPECT_TRUE(depthwise_left(g));
  }
}

TEST(LowerBatchNorm, ReshapesVectorsAround) {
  Net net({6});
  const Graph before = net.done(net.bn(net.add(Clamp{}, {net.x})));
  const Graph after = lower_batch_norm(before);
  EXPECT_THAT(ops(after), ElementsAre("clamp", "reshape", "conv2d", "reshape"));
  EXPECT_EQ(after.value(after.outputs[0]).name, "logits");
  expect_same_outputs(before, after, 1);
}

TEST(LowerBatchNorm, OfAPreActivationBlockTakesTheReluAlong) {
  Net net({8, 8, 4});
  const ValueId sum = net.add(Add{}, {net.x, net.add(Tanh{}, {net.x})});
  const Graph before = net.done(net.conv(net.add(Clamp{}, {net.bn(sum)}), 2, {.pad = {1, 1, 1, 1}}));
  const Graph after = simplify(before);
  EXPECT_THAT(ops(after), ElementsAre("tanh", "add", "conv2d", "conv2d"));
  EXPECT_EQ(std::get<Conv2d>(after.nodes[2].op).clamp, (Range{0, kInfinity}));
  expect_same_outputs(before, after, 1);
}

TEST(FuseActivation, MovesIntoEveryOperatorThatHasOne) {
  for (const Op& op : std::vector<Op>{Op{MaxPool{}}, Op{AvgPool{}}}) {
    Net net({4, 4, 2});
    const Graph after = fuse_activation(net.done(net.add(Clamp{{0, 6}}, {net.add(op, {net.x})})));
    ASSERT_EQ(after.nodes.size(), 1u);
    EXPECT_EQ(*fused_clamp(after.nodes[0].op), (Range{0, 6}));
    EXPECT_EQ(after.value(after.outputs[0]).name, "logits");
  }
  for (const Op& op : std::vector<Op>{Op{Add{}}, Op{Sub{}}, Op{Mul{}}}) {
    Net net({4, 4, 2});
    const Graph after = fuse_activation(net.done(net.add(Clamp{{0, 6}}, {net.add(op, {net.x, net.x})})));
    ASSERT_EQ(after.nodes.size(), 1u);
    EXPECT_EQ(*fused_clamp(after.nodes[0].op), (Range{0, 6}));
  }
}

TEST(FuseActivation, MergesLimitsInTheirOrder) {
  Net net({4, 4, 2});
  ValueId y = net.conv(net.x, 3, {.clamp = {-1, 1}});
  y = net.add(Clamp{{0, 6}}, {y});
  y = net.add(Clamp{{2, 3}}, {y});  // everything is 2 now
  const Graph before = net.done(y), after = fuse_activation(before);
  EXPECT_THAT(ops(after), ElementsAre("conv2d"));
  EXPECT_EQ(*fused_clamp(after.nodes[0].op), (Range{2, 2}));
  expect_same_outputs(before, after, 1);
}

TEST(FuseActivation, ReachesAcrossReshapesAndTransposes) {
  Net net({4, 4, 2});
  const ValueId moved = net.add(Reshape{{12}}, {net.add(Transpose{{2, 0, 1}}, {net.conv(net.x, 3)})});
  const Graph before = net.done(net.add(Clamp{}, {moved})), after = fuse_activation(before);
  EXPECT_THAT(ops(after), ElementsAre("conv2d", "transpose", "reshape"));
  EXPECT_EQ(after.value(after.outputs[0]).name, "logits");
  expect_same_outputs(before, after, 1);
}

TEST(FuseActivation, LeavesWhatOthersRead) {
  Net net({4, 4, 2});
  const ValueId y = net.conv(net.x, 2);
  const Graph after = fuse_activation(net.done(net.add(Add{}, {y, net.add(Clamp{}, {y})})));
  EXPECT_THAT(ops(after), ElementsAre("conv2d", "clamp", "add"));
}

TEST(FusePad, IntoConvolutionsAndPools) {
  const Pad frame{{1, 0, 0}, {0, 2, 0}, 0};
  {
    Net net({5, 5, 2});
    const Graph before = net.done(net.conv(net.add(frame, {net.x}), 3, {.pad = {0, 1, 0, 0}}));
    const Graph after = fuse_pad(before);
    EXPECT_THAT(ops(after), ElementsAre("conv2d"));
    EXPECT_EQ(std::get<Conv2d>(after.nodes[0].op).pad, (Padding{1, 1, 0, 2}));
    expect_same_outputs(before, after, 1);
  }
  {
    Net net({5, 5, 2});
    const Graph before = net.done(net.add(MaxPool{.kernel = {3, 3}}, {net.add(frame, {net.add(Clamp{}, {net.x})})}));
    const Graph after = fuse_pad(before);
    EXPECT_THAT(ops(after), ElementsAre("clamp", "max_pool"));
    expect_same_outputs(before, after, 1);
  }
  {
    Net net({5, 5, 2});
    const Graph before = net.done(net.add(AvgPool{.kernel = {3, 3}}, {net.add(frame, {net.x})}));
    const Graph after = fuse_pad(before);
    EXPECT_THAT(ops(after), ElementsAre("avg_pool"));
    EXPECT_TRUE(std::get<AvgPool>(after.nodes[0].op).count_include_pad);
    expect_same_outputs(before, after, 1);
  }
}

TEST(FusePad, LeavesPadsThatWouldShow) {
  const auto pads_left = [](const Graph& before) {
    const Graph after = fuse_pad(before);
    expect_same_outputs(before, after, 1);
    return count<Pad>(after);
  };
  const Pad zeros{{1, 1, 0}, {1, 1, 0}, 0}, ones{{1, 1, 0}, {1, 1, 0}, 1}, channels{{0, 0, 1}, {0, 0, 0}, 0};
  Net a({5, 5, 2}), b({5, 5, 2}), c({5, 5, 2}), d({5, 5, 2}), e({5, 5, 2}), f({5, 5, 2});
  EXPECT_EQ(pads_left(a.done(a.conv(a.add(ones, {a.x}), 3))), 1);
  EXPECT_EQ(pads_left(b.done(b.conv(b.add(channels, {b.x}), 3))), 1);
  EXPECT_EQ(pads_left(c.done(c.add(MaxPool{}, {c.add(zeros, {c.x})}))), 1);  // negative values lose against zeros
  EXPECT_EQ(pads_left(d.done(d.add(AvgPool{.kernel = {2, 2}, .pad = {1, 1, 1, 1}}, {d.add(zeros, {d.x})}))), 1);
  EXPECT_EQ(pads_left(e.done(e.add(MaxPool{.kernel = {1, 1}}, {e.add(zeros, {e.add(Clamp{}, {e.x})})}))), 1);
  // Read by a convolution, which takes it, and shown as well: it stays for the other reader.
  const ValueId padded = f.add(zeros, {f.x});
  const ValueId y = f.conv(padded, 2, {}, {1, 1});
  EXPECT_EQ(pads_left(f.done(f.add(Add{}, {padded, y}))), 1);
}

TEST(FoldTranspose, PermutesColumnsByHand) {
  // {2 rows, 1 column, 3 channels} flattened channels first: element (h, c) goes to c * 2 + h.
  Net net({2, 1, 3});
  const ValueId flat = net.add(Reshape{{6}}, {net.add(Transpose{{2, 0, 1}}, {net.x})});
  const ValueId w = net.g.add_constant("w", {1, 6}, std::vector<float>{0, 1, 2, 3, 4, 5});
  const Graph before = net.done(net.add(Linear{}, {flat, w}));
  const Graph after = fold_transpose(before);
  EXPECT_THAT(ops(after), ElementsAre("reshape", "linear"));
  EXPECT_THAT(after.value(after.nodes[1].inputs[1]).data.as<float>(), ElementsAre(0, 2, 4, 1, 3, 5));
  expect_same_outputs(before, after, 1);
}

TEST(FoldTranspose, TwoInARowCancel) {
  Net net({2, 3, 4});
  const ValueId back = net.add(Transpose{{1, 2, 0}}, {net.add(Transpose{{2, 0, 1}}, {net.x})});
  const Graph before = net.done(net.conv(back, 2, {}, {1, 1})), after = simplify(before);
  EXPECT_THAT(ops(after), ElementsAre("conv2d"));
  expect_same_outputs(before, after, 1);
}

TEST(RemoveIdentities, RemovesEachOfThem) {
  Net net({4, 1, 3});
  ValueId y = net.add(Reshape{{4, 1, 3}}, {net.x});
  y = net.add(Clamp{{-kInfinity, kInfinity}}, {y});
  y = net.add(Pad{{0, 0, 0}, {0, 0, 0}, 3}, {y});
  y = net.add(Slice{{0, 0, 0}, {4, 1, 3}, {1, 1, 1}}, {y});
  y = net.add(MaxPool{{1, 1}, {1, 1}, {}, {}}, {y});
  y = net.add(AvgPool{{1, 1}, {1, 1}, {}, false, {}}, {y});
  y = net.add(Mean{{1}, true}, {y});
  y = net.add(Concat{1}, {y});
  y = net.add(Transpose{{0, 1, 2}}, {y});
  y = net.add(Quantize{}, {y});
  y = net.add(Transpose{{1, 0, 2}}, {y});  // moves a dimension of size 1: a reshape
  y = net.add(Reshape{{2, 2, 3}}, {y});
  const Graph before = net.done(net.add(Tanh{}, {y})), after = remove_identities(before);
  EXPECT_THAT(ops(after), ElementsAre("reshape", "tanh"));
  expect_same_outputs(before, after, 1);
}

TEST(RemoveIdentities, KeepsNamesOfOutputsAndOutputsApart) {
  Graph g;
  const ValueId x = g.add_input("x", real({4}));
  const ValueId a = g.add_node("a", Tanh{}, {x});
  const ValueId same = g.add_node("same", Reshape{{4}}, {a});
  const ValueId again = g.add_node("again", Reshape{{4}}, {same});
  const ValueId input = g.add_node("input", Reshape{{4}}, {x});
  const ValueId sum = g.add_node("sum", Add{}, {a, again});
  g.outputs = {same, again, input, sum};
  const Graph after = remove_identities(g);
  verify(after);
  std::vector<std::string> names;
  for (const ValueId output : after.outputs) names.push_back(after.value(output).name);
  EXPECT_THAT(names, ElementsAre("same", "again", "input", "sum"));
  EXPECT_THAT(ops(after), ElementsAre("tanh", "reshape", "reshape", "add"));
  expect_same_outputs(g, after, 1);
}

TEST(RemoveIdentities, ComputesWhatIsConstant) {
  Net net({2});
  const ValueId c = net.g.add_constant("c", {2}, std::vector<float>{1, 2});
  const ValueId sum = net.add(Add{}, {c, net.add(Clamp{{0, 1.5f}}, {c})});
  const Graph after = remove_identities(net.done(net.add(Add{}, {net.x, sum})));
  ASSERT_THAT(ops(after), ElementsAre("add"));
  EXPECT_THAT(after.value(after.nodes[0].inputs[1]).data.as<float>(), ElementsAre(2, 3.5f));
}

TEST(StripQuantizedBorders, MakesInputAndOutputIntegers) {
  const Type integer{DType::kI8, {4}, Quantization{{0.05f}, {3}, -1}};
  Graph g;
  const ValueId x = g.add_input("x", real({4}));
  const ValueId q = g.add_node("q", Quantize{}, {x});
  g.value(q).type = integer;
  const ValueId relu = g.add_node("relu", Clamp{}, {q});
  g.value(relu).type = integer;
  g.outputs = {g.add_node("logits", Quantize{}, {relu})};
  const Graph after = strip_quantized_borders(g);
  verify(after);
  EXPECT_THAT(ops(after), ElementsAre("clamp"));
  EXPECT_EQ(after.value(after.inputs[0]).name, "x");
  EXPECT_EQ(after.type(after.inputs[0]), integer);
  EXPECT_EQ(after.value(after.outputs[0]).name, "logits");
  // The caller's rounding is the same: both give the same real numbers.
  const std::vector<float> reals{-1.024f, 0.026f, 3, 100};
  EXPECT_EQ(dequantize(Evaluator(after).run(quantize(reals, integer))[0]),
            dequantize(Evaluator(g).run(quantize(reals, real({4})))[0]));
}

}  // namespace
}  // namespace mj
