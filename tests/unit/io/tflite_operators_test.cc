// SPDX-License-Identifier: Apache-2.0
// Every operator of TFLite files but those with windows, on numbers that are easy to follow.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "mj/base/error.h"
#include "mj/ir/verify.h"
#include "tflite_file.h"

namespace mj {
namespace {

using Type = TfliteFile::Type;
using Code = TfliteFile::Code;
using Floats = std::vector<float>;
using mj_tflite::ActivationFunctionType;

Floats counted(int n) {
  Floats result(static_cast<std::size_t>(n));
  std::iota(result.begin(), result.end(), 1.0f);
  return result;
}

/// A file with one operator from x to y; constants are added by `more` before.
struct OneOperator : TfliteFile {
  int x, y;
  OneOperator(const std::vector<std::int32_t>& in, const std::vector<std::int32_t>& out)
      : x(tensor("x", Type::FLOAT32, in)), y(tensor("y", Type::FLOAT32, out)) {
    outputs({y});
  }
  Floats run(const Floats& input) { return run_reals(graph_of(*this), input); }
};

TEST(TfliteElementwise, Activations) {
  const Floats x{-4, -1, -0.5f, 0, 0.5f, 2, 7};
  const auto run = [&](Code code) {
    OneOperator file({1, 7}, {1, 7});
    file.op(code, {file.x}, {file.y});
    return file.run(x);
  };
  EXPECT_EQ(run(Code::RELU), (Floats{0, 0, 0, 0, 0.5f, 2, 7}));
  EXPECT_EQ(run(Code::RELU6), (Floats{0, 0, 0, 0, 0.5f, 2, 6}));
  EXPECT_EQ(run(Code::RELU_N1_TO_1), (Floats{-1, -1, -0.5f, 0, 0.5f, 1, 1}));
  EXPECT_EQ(run(Code::RELU_0_TO_1), (Floats{0, 0, 0, 0, 0.5f, 1, 1}));
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(run(Code::LOGISTIC)[i], 1 / (1 + std::exp(-x[i])), 1e-6);
    EXPECT_NEAR(run(Code::TANH)[i], std::tanh(x[i]), 1e-6);
    EXPECT_NEAR(run(Code::HARD_SWISH)[i], x[i] * std::clamp(x[i] + 3, 0.0f, 6.0f) / 6, 1e-6);
  }
}

TEST(TfliteElementwise, LeakyReluAndPrelu) {
  OneOperator leaky({1, 3}, {1, 3});
  mj_tflite::LeakyReluOptionsT options;
  options.alpha = 0.25f;
  leaky.op(Code::LEAKY_RELU, {leaky.x}, {leaky.y}, options);
  EXPECT_EQ(leaky.run({-4, 0, 4}), (Floats{-1, 0, 4}));

  OneOperator prelu({1, 1, 2, 2}, {1, 1, 2, 2});
  prelu.op(Code::PRELU, {prelu.x, prelu.floats("slope", {1, 1, 2}, {0.5f, 2})}, {prelu.y});
  EXPECT_EQ(prelu.run({-1, -1, 1, -3}), (Floats{-0.5f, -2, 1, -6}));
}

TEST(TfliteElementwise, SoftmaxScalesByBeta) {
  OneOperator file({1, 2}, {1, 2});
  mj_tflite::SoftmaxOptionsT options;
  options.beta = 2;
  file.op(Code::SOFTMAX, {file.x}, {file.y}, options);
  const Floats y = file.run({0, 1});
  EXPECT_NEAR(y[1], 1 / (1 + std::exp(-2.0)), 1e-6);
  EXPECT_NEAR(y[0] + y[1], 1, 1e-6);
}

TEST(TfliteElementwise, SumsAndProductsBroadcastAndClamp) {
  OneOperator add({1, 2, 2, 2}, {1, 2, 2, 2});
  mj_tflite::AddOptionsT add_options;
  add_options.fused_activation_function = ActivationFunctionType::RELU6;
  add.op(Code::ADD, {add.x, add.floats("c", {2}, {-3, 10})}, {add.y}, add_options);
  EXPECT_EQ(add.run(counted(8)), (Floats{0, 6, 0, 6, 2, 6, 4, 6}));

  // The constant first, one dimension more than a sample has.
  OneOperator sub({1, 3}, {1, 3});
  sub.op(Code::SUB, {sub.floats("c", {1, 1}, {10}), sub.x}, {sub.y}, mj_tflite::SubOptionsT{});
  EXPECT_EQ(sub.run({1, 2, 3}), (Floats{9, 8, 7}));

  OneOperator mul({1, 2, 1, 2}, {1, 2, 3, 2});
  mul.op(Code::MUL, {mul.x, mul.floats("c", {1, 1, 3, 1}, {1, 10, 100})}, {mul.y}, mj_tflite::MulOptionsT{});
  EXPECT_EQ(mul.run({1, 2, 3, 4}), (Floats{1, 2, 10, 20, 100, 200, 3, 4, 30, 40, 300, 400}));

  // Two computed inputs, and no options at all.
  OneOperator square({1, 3}, {1, 3});
  square.op(Code::MUL, {square.x, square.x}, {square.y});
  EXPECT_EQ(square.run({1, 2, 3}), (Floats{1, 4, 9}));
}

TEST(TfliteElementwise, MeanDropsOrKeepsAxes) {
  mj_tflite::ReducerOptionsT keep;
  keep.keep_dims = true;
  OneOperator kept({1, 2, 2, 2}, {1, 1, 1, 2});
  kept.op(Code::MEAN, {kept.x, kept.ints("axes", {1, 2})}, {kept.y}, keep);
  EXPECT_EQ(kept.run(counted(8)), (Floats{4, 5}));
  EXPECT_EQ(graph_of(kept).type(graph_of(kept).outputs[0]).shape, (Shape{1, 1, 2}));

  OneOperator dropped({1, 2, 2, 2}, {1, 2});
  dropped.op(Code::MEAN, {dropped.x, dropped.ints("axes", {-2, 1, 1})}, {dropped.y}, mj_tflite::ReducerOptionsT{});
  EXPECT_EQ(dropped.run(counted(8)), (Floats{4, 5}));
  EXPECT_EQ(graph_of(dropped).type(graph_of(dropped).outputs[0]).shape, (Shape{2}));

  // The batch among the axes: what is left is all features.
  OneOperator all({1, 2, 2}, {2});
  all.op(Code::MEAN, {all.x, all.ints("axes", {0, 1})}, {all.y}, mj_tflite::ReducerOptionsT{});
  EXPECT_EQ(all.run(counted(4)), (Floats{2, 3}));
}

TEST(TfliteFullyConnected, FlattensWhatItGets) {
  OneOperator file({1, 2, 1, 2}, {1, 2});
  mj_tflite::FullyConnectedOptionsT options;
  options.fused_activation_function = ActivationFunctionType::RELU;
  file.op(Code::FULLY_CONNECTED,
          {file.x, file.floats("w", {2, 4}, {1, 10, 100, 1000, -1, -1, -1, -1}), file.floats("b", {2}, {0.5f, 3})},
          {file.y}, options);
  EXPECT_EQ(file.run({1, 2, 3, 4}), (Floats{4321.5f, 0}));
}

TEST(TfliteFullyConnected, WorksOnRows) {
  // Four features in weights of two: two rows.
  OneOperator rows({1, 4}, {2, 1});
  rows.op(Code::FULLY_CONNECTED, {rows.x, rows.floats("w", {1, 2}, {1, 10})}, {rows.y},
          mj_tflite::FullyConnectedOptionsT{});
  EXPECT_EQ(rows.run({1, 2, 3, 4}), (Floats{21, 43}));

  mj_tflite::FullyConnectedOptionsT keep;
  keep.keep_num_dims = true;
  OneOperator kept({1, 2, 2}, {1, 2, 1});
  kept.op(Code::FULLY_CONNECTED, {kept.x, kept.floats("w", {1, 2}, {1, 10}), -1}, {kept.y}, keep);
  EXPECT_EQ(kept.run({1, 2, 3, 4}), (Floats{21, 43}));
  EXPECT_EQ(graph_of(kept).type(graph_of(kept).outputs[0]).shape, (Shape{2, 1}));
}

TEST(TfliteShapes, ReshapeTakesItsDimensionsFromInputOrOptions) {
  OneOperator input({1, 2, 3}, {1, 6});
  input.op(Code::RESHAPE, {input.x, input.ints("dims", {1, -1})}, {input.y});
  EXPECT_EQ(graph_of(input).type(graph_of(input).outputs[0]).shape, (Shape{6}));

  OneOperator options({1, 2, 3}, {1, 3, 2, 1});
  mj_tflite::ReshapeOptionsT shape;
  shape.new_shape = {1, 3, 2, 1};
  options.op(Code::RESHAPE, {options.x}, {options.y}, shape);
  EXPECT_EQ(graph_of(options).type(graph_of(options).outputs[0]).shape, (Shape{3, 2, 1}));
}

TEST(TfliteShapes, FlattenBehindAFreeBatch) {
  // What Keras writes for Flatten: the batch is taken from the input's shape.
  TfliteFile file;
  const int x = file.tensor("x", Type::FLOAT32, {1, 2, 3});
  file.at(x).shape_signature = {-1, 2, 3};
  const int shape = file.tensor("shape", Type::INT32, {3});
  const int batch = file.tensor("batch", Type::INT32, {});
  const int dims = file.tensor("dims", Type::INT32, {2});
  const int y = file.tensor("y", Type::FLOAT32, {1, 1});
  file.at(y).shape_signature = {-1, -1};
  file.op(Code::SHAPE, {x}, {shape});
  mj_tflite::StridedSliceOptionsT first;
  first.shrink_axis_mask = 1;
  file.op(Code::STRIDED_SLICE, {shape, file.ints("begin", {0}), file.ints("end", {1}), file.ints("stride", {1})},
          {batch}, first);
  file.op(Code::PACK, {batch, file.constant<std::int32_t>("rest", Type::INT32, {}, {-1})}, {dims});
  file.op(Code::RESHAPE, {x, dims}, {y});
  file.outputs({y});
  const Graph graph = graph_of(file);
  EXPECT_EQ(graph.type(graph.outputs[0]).shape, (Shape{6}));
  EXPECT_EQ(graph.nodes.size(), 1u);
}

TEST(TfliteShapes, SqueezeAndExpandDims) {
  OneOperator squeeze({1, 1, 3, 1}, {1, 3});
  mj_tflite::SqueezeOptionsT options;
  options.squeeze_dims = {1, -1};
  squeeze.op(Code::SQUEEZE, {squeeze.x}, {squeeze.y}, options);
  EXPECT_EQ(graph_of(squeeze).type(graph_of(squeeze).outputs[0]).shape, (Shape{3}));

  OneOperator all({1, 1, 3, 1}, {3});
  all.op(Code::SQUEEZE, {all.x}, {all.y});
  EXPECT_EQ(all.run({1, 2, 3}), (Floats{1, 2, 3}));

  OneOperator expand({1, 5, 2}, {1, 1, 5, 2});
  expand.op(Code::EXPAND_DIMS, {expand.x, expand.ints("axis", {1})}, {expand.y});
  EXPECT_EQ(graph_of(expand).type(graph_of(expand).outputs[0]).shape, (Shape{1, 5, 2}));
}

TEST(TfliteShapes, TransposeWithAndWithoutTheBatch) {
  OneOperator kept({1, 2, 3}, {1, 3, 2});
  kept.op(Code::TRANSPOSE, {kept.x, kept.ints("perm", {0, 2, 1})}, {kept.y});
  EXPECT_EQ(kept.run(counted(6)), (Floats{1, 4, 2, 5, 3, 6}));

  OneOperator moved({1, 2, 3}, {3, 1, 2});
  moved.op(Code::TRANSPOSE, {moved.x, moved.ints("perm", {2, 0, 1})}, {moved.y});
  EXPECT_EQ(moved.run(counted(6)), (Floats{1, 4, 2, 5, 3, 6}));
}

TEST(TfliteShapes, PadSurrounds) {
  OneOperator zeros({1, 1, 2, 1}, {1, 2, 4, 1});
  zeros.op(Code::PAD, {zeros.x, zeros.constant<std::int32_t>("p", Type::INT32, {4, 2}, {0, 0, 1, 0, 0, 2, 0, 0})},
           {zeros.y});
  EXPECT_EQ(zeros.run({1, 2}), (Floats{0, 0, 0, 0, 1, 2, 0, 0}));

  OneOperator fives({1, 2}, {1, 4});
  fives.op(Code::PADV2,
           {fives.x, fives.constant<std::int64_t>("p", Type::INT64, {2, 2}, {0, 0, 1, 1}), fives.floats("v", {}, {5})},
           {fives.y});
  EXPECT_EQ(fives.run({1, 2}), (Floats{5, 1, 2, 5}));
}

TEST(TfliteShapes, ConcatenationAlongAnyAxis) {
  mj_tflite::ConcatenationOptionsT last;
  last.axis = -1;
  OneOperator channels({1, 2, 1}, {1, 2, 3});
  channels.op(Code::CONCATENATION, {channels.x, channels.floats("c", {1, 2, 1}, {8, 9}), channels.x}, {channels.y},
              last);
  EXPECT_EQ(channels.run({1, 2}), (Floats{1, 8, 1, 2, 9, 2}));

  mj_tflite::ConcatenationOptionsT batch;
  OneOperator rows({1, 2}, {2, 2});
  rows.op(Code::CONCATENATION, {rows.x, rows.x}, {rows.y}, batch);
  EXPECT_EQ(rows.run({1, 2}), (Floats{1, 2, 1, 2}));
}

TEST(TfliteSelection, SliceTakesAPart) {
  OneOperator file({1, 3, 2}, {1, 2, 1});
  file.op(Code::SLICE, {file.x, file.ints("begin", {0, 1, 1}), file.ints("size", {1, -1, 1})}, {file.y});
  EXPECT_EQ(file.run(counted(6)), (Floats{4, 6}));
}

TEST(TfliteSelection, StridedSliceFollowsItsMasks) {
  mj_tflite::StridedSliceOptionsT options;
  options.begin_mask = 1 | 2;
  options.end_mask = 1;
  options.shrink_axis_mask = 4;
  OneOperator file({1, 4, 3}, {1, 2});
  file.op(Code::STRIDED_SLICE,
          {file.x, file.ints("begin", {7, 7, -1}), file.ints("end", {0, -1, 0}), file.ints("stride", {1, 2, 1})},
          {file.y}, options);
  EXPECT_EQ(file.run(counted(12)), (Floats{3, 9}));

  mj_tflite::StridedSliceOptionsT offset;
  offset.offset = true;
  OneOperator lengths({1, 6}, {1, 3});
  lengths.op(Code::STRIDED_SLICE,
             {lengths.x, lengths.ints("begin", {0, 2}), lengths.ints("size", {1, 3}), lengths.ints("stride", {1, 1})},
             {lengths.y}, offset);
  EXPECT_EQ(lengths.run(counted(6)), (Floats{3, 4, 5}));
}

TEST(TfliteSelection, SplitGivesEveryPart) {
  TfliteFile file;
  const int x = file.tensor("x", Type::FLOAT32, {1, 2, 4});
  const int a = file.tensor("a", Type::FLOAT32, {1, 2, 2}), b = file.tensor("b", Type::FLOAT32, {1, 2, 2});
  mj_tflite::SplitOptionsT options;
  options.num_splits = 2;
  file.op(Code::SPLIT, {file.constant<std::int32_t>("axis", Type::INT32, {}, {2}), x}, {a, b}, options);
  file.outputs({b, a});
  EXPECT_EQ(run_reals(graph_of(file), counted(8)), (Floats{3, 4, 7, 8, 1, 2, 5, 6}));
  // A part that nobody reads costs nothing.
  file.outputs({b});
  EXPECT_EQ(graph_of(file).nodes.size(), 1u);

  TfliteFile sizes;
  const int u = sizes.tensor("u", Type::FLOAT32, {1, 4});
  const int v = sizes.tensor("v", Type::FLOAT32, {1, 1}), w = sizes.tensor("w", Type::FLOAT32, {1, 3});
  sizes.op(Code::SPLIT_V, {u, sizes.ints("sizes", {1, -1}), sizes.ints("axis", {1})}, {v, w});
  sizes.outputs({w, v});
  EXPECT_EQ(run_reals(graph_of(sizes), counted(4)), (Floats{2, 3, 4, 1}));
}

TEST(TfliteNetworks, OperatorsThatNobodyNeedsAreLeftOut) {
  OneOperator file({1, 3}, {1, 3});
  const int unused = file.tensor("unused", Type::FLOAT32, {1, 3});
  file.op(Code::RELU, {file.x}, {file.y});
  file.op(Code::RESIZE_BILINEAR, {file.x}, {unused});
  EXPECT_EQ(graph_of(file).nodes.size(), 1u);
}

TEST(TfliteNetworks, NamesAreKeptAndTellApart) {
  OneOperator file({1, 3}, {1, 3});
  const int same = file.tensor("y", Type::FLOAT32, {1, 3});
  file.op(Code::RELU, {file.x}, {same});
  file.op(Code::TANH, {same}, {file.y});
  const Graph graph = graph_of(file);
  EXPECT_EQ(graph.nodes[0].name, "y");
  EXPECT_EQ(graph.nodes[1].name, "y_2");
  EXPECT_EQ(graph.value(graph.inputs[0]).name, "x");

  OneOperator odd({1, 3}, {1, 3});
  odd.at(odd.y).name = std::string("tab\there \xff") + std::string(300, 'n');
  odd.op(Code::RELU, {odd.x}, {odd.y});
  EXPECT_EQ(graph_of(odd).nodes[0].name, "tab?here ?" + std::string(190, 'n') + "...");
}

TEST(TfliteNetworks, OldFilesHaveNarrowOperatorCodesAlone) {
  OneOperator file({1, 3}, {1, 3});
  file.op(Code::TANH, {file.x}, {file.y});
  file.model.operator_codes[0]->builtin_code = Code::ADD;  // the value of a field that is not there
  EXPECT_EQ(op_name(graph_of(file).nodes.at(0).op), std::string("tanh"));
}

}  // namespace
}  // namespace mj
