// SPDX-License-Identifier: Apache-2.0
// Convolutions and pools of TFLite files against loops over the definition: the centre of every window is found as
// TFLite's documentation says, from the sizes of input and output.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "mj/base/random.h"
#include "tflite_file.h"

namespace mj {
namespace {

using Type = TfliteFile::Type;
using Code = TfliteFile::Code;
using mj_tflite::ActivationFunctionType;
using mj_tflite::Padding;

struct Window {
  int rows, columns, channels;  // of the input
  int kernel_rows, kernel_columns;
  int stride_rows, stride_columns;
  int dilation_rows, dilation_columns;
  Padding padding;

  // Output size and first row, from the definition of SAME: output = ceil(input / stride), padding split evenly with
  // the odd element at the end; VALID: only whole windows.
  static std::pair<int, int> axis(int size, int kernel, int stride, int dilation, Padding padding) {
    const int extent = (kernel - 1) * dilation + 1;
    if (padding == Padding::VALID) return {size >= extent ? (size - extent) / stride + 1 : 0, 0};
    const int outputs = static_cast<int>(std::ceil(static_cast<double>(size) / stride));
    const int needed = (outputs - 1) * stride + extent - size;
    return {outputs, needed > 0 ? -(needed / 2) : 0};
  }
  std::pair<int, int> vertical() const { return axis(rows, kernel_rows, stride_rows, dilation_rows, padding); }
  std::pair<int, int> horizontal() const {
    return axis(columns, kernel_columns, stride_columns, dilation_columns, padding);
  }

  /// Calls `visit(output place, kernel place, input place)` for every tap inside the input.
  template <class Visit>
  void taps(Visit&& visit) const {
    const auto [out_rows, top] = vertical();
    const auto [out_columns, left] = horizontal();
    for (int i = 0; i < out_rows * out_columns; ++i) {
      for (int k = 0; k < kernel_rows * kernel_columns; ++k) {
        const int r = i / out_columns * stride_rows + top + k / kernel_columns * dilation_rows;
        const int c = i % out_columns * stride_columns + left + k % kernel_columns * dilation_columns;
        if (r >= 0 && r < rows && c >= 0 && c < columns) visit(i, k, r * columns + c);
      }
    }
  }
};

std::vector<float> normals(RandomStream& random, int count) {
  std::vector<float> result(static_cast<std::size_t>(count));
  for (float& value : result) value = static_cast<float>(random.normal());
  return result;
}

Window random_window(RandomStream& random, bool dilated) {
  const auto pick = [&](int low, int high) {
    return low + static_cast<int>(random.below(static_cast<std::uint64_t>(high - low + 1)));
  };
  for (;;) {
    Window w{pick(1, 9),
             pick(1, 9),
             pick(1, 4),
             pick(1, 4),
             pick(1, 4),
             pick(1, 3),
             pick(1, 3),
             dilated ? pick(1, 2) : 1,
             dilated ? pick(1, 2) : 1,
             random.below(2) == 0 ? Padding::SAME : Padding::VALID};
    if (w.vertical().first > 0 && w.horizontal().first > 0) return w;
  }
}

void expect_near(const std::vector<float>& got, const std::vector<float>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], expected[i], 1e-4 * (1 + std::abs(expected[i]))) << i;
}

class TfliteWindows : public testing::TestWithParam<std::uint64_t> {};

TEST_P(TfliteWindows, Conv2dIsTheSumOverItsTaps) {
  RandomStream random(GetParam(), 1);
  SCOPED_TRACE(GetParam());
  const Window w = random_window(random, true);
  const bool grouped = w.channels % 2 == 0 && random.below(2) == 0;
  const int group_inputs = grouped ? w.channels / 2 : w.channels;
  const int outputs = 2 * (1 + static_cast<int>(random.below(3)));
  const int taps = w.kernel_rows * w.kernel_columns;
  const auto x = normals(random, w.rows * w.columns * w.channels);
  const auto weight = normals(random, outputs * taps * group_inputs);
  const auto bias = normals(random, outputs);

  TfliteFile file;
  const int in = file.tensor("x", Type::FLOAT32, {1, w.rows, w.columns, w.channels});
  const int out = file.tensor("y", Type::FLOAT32, {1, w.vertical().first, w.horizontal().first, outputs});
  mj_tflite::Conv2DOptionsT options;
  options.padding = w.padding;
  options.stride_h = w.stride_rows, options.stride_w = w.stride_columns;
  options.dilation_h_factor = w.dilation_rows, options.dilation_w_factor = w.dilation_columns;
  options.fused_activation_function = ActivationFunctionType::RELU6;
  file.op(Code::CONV_2D,
          {in, file.floats("w", {outputs, w.kernel_rows, w.kernel_columns, group_inputs}, weight),
           file.floats("b", {outputs}, bias)},
          {out}, options);
  file.outputs({out});

  std::vector<float> expected(static_cast<std::size_t>(w.vertical().first * w.horizontal().first * outputs));
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = bias[i % static_cast<std::size_t>(outputs)];
  w.taps([&](int place, int tap, int from) {
    for (int o = 0; o < outputs; ++o) {
      const int first = grouped && o >= outputs / 2 ? group_inputs : 0;
      for (int c = 0; c < group_inputs; ++c) {
        expected[static_cast<std::size_t>(place * outputs + o)] +=
            x[static_cast<std::size_t>(from * w.channels + first + c)] *
            weight[static_cast<std::size_t>((o * taps + tap) * group_inputs + c)];
      }
    }
  });
  for (float& value : expected) value = std::clamp(value, 0.0f, 6.0f);
  expect_near(run_reals(graph_of(file), x), expected);
}

TEST_P(TfliteWindows, DepthwiseKeepsChannelsApart) {
  RandomStream random(GetParam(), 2);
  SCOPED_TRACE(GetParam());
  const Window w = random_window(random, true);
  const int multiplier = 1 + static_cast<int>(random.below(3));
  const int outputs = w.channels * multiplier;
  const auto x = normals(random, w.rows * w.columns * w.channels);
  const auto weight = normals(random, w.kernel_rows * w.kernel_columns * outputs);

  TfliteFile file;
  const int in = file.tensor("x", Type::FLOAT32, {1, w.rows, w.columns, w.channels});
  const int out = file.tensor("y", Type::FLOAT32, {1, w.vertical().first, w.horizontal().first, outputs});
  mj_tflite::DepthwiseConv2DOptionsT options;
  options.padding = w.padding;
  options.stride_h = w.stride_rows, options.stride_w = w.stride_columns;
  options.dilation_h_factor = w.dilation_rows, options.dilation_w_factor = w.dilation_columns;
  options.fused_activation_function = ActivationFunctionType::RELU_N1_TO_1;
  file.op(Code::DEPTHWISE_CONV_2D, {in, file.floats("w", {1, w.kernel_rows, w.kernel_columns, outputs}, weight), -1},
          {out}, options);
  file.outputs({out});

  std::vector<float> expected(static_cast<std::size_t>(w.vertical().first * w.horizontal().first * outputs));
  w.taps([&](int place, int tap, int from) {
    for (int o = 0; o < outputs; ++o) {
      expected[static_cast<std::size_t>(place * outputs + o)] +=
          x[static_cast<std::size_t>(from * w.channels + o / multiplier)] *
          weight[static_cast<std::size_t>(tap * outputs + o)];
    }
  });
  for (float& value : expected) value = std::clamp(value, -1.0f, 1.0f);
  expect_near(run_reals(graph_of(file), x), expected);
}

TEST_P(TfliteWindows, PoolsSeeOnlyTheInput) {
  RandomStream random(GetParam(), 3);
  SCOPED_TRACE(GetParam());
  const Window w = random_window(random, false);
  const auto x = normals(random, w.rows * w.columns * w.channels);
  const int places = w.vertical().first * w.horizontal().first;
  std::vector<float> largest(static_cast<std::size_t>(places * w.channels), -1e30f), sum(largest.size(), 0),
      count(largest.size(), 0);
  w.taps([&](int place, int, int from) {
    for (int c = 0; c < w.channels; ++c) {
      const auto y = static_cast<std::size_t>(place * w.channels + c);
      const float value = x[static_cast<std::size_t>(from * w.channels + c)];
      largest[y] = std::max(largest[y], value);
      sum[y] += value;
      ++count[y];
    }
  });
  for (std::size_t i = 0; i < sum.size(); ++i) {
    sum[i] = std::max(sum[i] / count[i], 0.0f);
    largest[i] = std::max(largest[i], 0.0f);
  }
  for (const Code code : {Code::MAX_POOL_2D, Code::AVERAGE_POOL_2D}) {
    TfliteFile file;
    const int in = file.tensor("x", Type::FLOAT32, {1, w.rows, w.columns, w.channels});
    const int out = file.tensor("y", Type::FLOAT32, {1, w.vertical().first, w.horizontal().first, w.channels});
    mj_tflite::Pool2DOptionsT options;
    options.padding = w.padding;
    options.stride_h = w.stride_rows, options.stride_w = w.stride_columns;
    options.filter_height = w.kernel_rows, options.filter_width = w.kernel_columns;
    options.fused_activation_function = ActivationFunctionType::RELU;
    file.op(code, {in}, {out}, options);
    file.outputs({out});
    expect_near(run_reals(graph_of(file), x), code == Code::MAX_POOL_2D ? largest : sum);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, TfliteWindows, testing::Range<std::uint64_t>(1, 41));

}  // namespace
}  // namespace mj
