// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "mj/base/error.h"
#include "mj/base/parallel.h"
#include "mj/pass/histogram.h"
#include "mj/pass/lower.h"
#include "mj/pass/quantize.h"
#include "mj/pass/scales.h"
#include "tests/unit/error_of.h"
#include "random_graph.h"

namespace mj {
namespace {

std::string calibrate_error(const Graph& graph, const std::vector<Tensor>& inputs, double clip) {
  return error_of([&] { calibrate(graph, inputs, clip); });
}

Graph one_clamp(Shape shape) {
  Graph g;
  g.outputs = {g.add_node("relu", Clamp{}, {g.add_input("x", {DType::kF32, std::move(shape), {}})})};
  return g;
}

Tensor tensor_of(std::vector<float> elements) {
  return quantize(elements, {DType::kF32, {static_cast<std::int64_t>(elements.size())}, {}});
}

TEST(Calibrate, KeepsMinimumAndMaximumOfEveryActivation) {
  const Graph g = one_clamp({3});
  const Ranges ranges = calibrate(g, std::vector<Tensor>{tensor_of({-3, 1, 2}), tensor_of({4, 0.5f, -1})});
  EXPECT_EQ(ranges, (Ranges{{-3, 0}, {4, 4}}));
}

TEST(Calibrate, DoesNotDependOnThreadsOrOrder) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    const Graph g = simplify(test::random_graph(seed));
    std::vector<Tensor> inputs = test::random_inputs(g, seed, 30);
    set_threads(1);
    const Ranges plain = calibrate(g, inputs), clipped = calibrate(g, inputs, 1e-2);
    set_threads(5);
    std::reverse(inputs.begin(), inputs.end());
    EXPECT_EQ(calibrate(g, inputs), plain);
    EXPECT_EQ(calibrate(g, inputs, 1e-2), clipped);
    set_threads(0);
  }
}

TEST(Calibrate, ClippingStaysInsideTheExtremesAndItsShare) {
  const Graph g = one_clamp({1000});
  Tensor input = test::random_input(g, 1);
  input.as<float>()[17] = 300;  // one outlier would cost all but two bits of the rest
  const Ranges plain = calibrate(g, std::vector<Tensor>{input});
  const Ranges clipped = calibrate(g, std::vector<Tensor>{input}, 0.002);
  EXPECT_EQ(plain.high[0], 300);
  EXPECT_EQ(clipped.high[0], 300);  // its squared error outweighs that of a thousand others
  input.as<float>()[17] = 20;
  const Ranges mild = calibrate(g, std::vector<Tensor>{input}, 0.002);
  EXPECT_GE(mild.low[0], calibrate(g, std::vector<Tensor>{input}).low[0]);
  EXPECT_LE(mild.high[0], 20);
}

/// Squared error of quantising to 8 bits with these limits, element by element.
double squared_error(const std::vector<float>& elements, Range range) {
  const Quantization q = activation_quantization(range.low, range.high);
  double error = 0;
  for (const float x : elements) {
    const double code = std::clamp<double>(std::round(x / q.scale[0]) + q.zero_point[0], -128, 127);
    const double back = (code - q.zero_point[0]) * q.scale[0];
    error += (x - back) * (x - back);
  }
  return error;
}

TEST(Histogram, FindsLimitsNearlyAsGoodAsTryingAllOfThem) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    // Normal, one-sided (as behind a ReLU) and heavy-tailed samples.
    RandomStream random(seed);
    std::vector<float> elements(4000);
    for (float& x : elements) {
      const double normal = random.normal();
      if (seed % 3 == 0) x = static_cast<float>(normal);
      if (seed % 3 == 1) x = static_cast<float>(std::max(0.0, normal));
      if (seed % 3 == 2) x = static_cast<float>(normal * std::exp(std::abs(random.normal())));
    }
    const auto [low, high] = std::minmax_element(elements.begin(), elements.end());
    Histogram histogram(*low, *high);
    histogram.add(elements);
    const double share = 0.02;
    const Range found = histogram.clipped_range(share);

    // Independent of the histogram: quantise and measure, over a grid of limits that keep the share.
    std::vector<float> sorted = elements;
    std::sort(sorted.begin(), sorted.end());
    const float inner_low = std::min(0.0f, sorted[static_cast<std::size_t>(share * 4000)]);
    const float inner_high = sorted[static_cast<std::size_t>((1 - share) * 4000)];
    double least = squared_error(elements, {*low, *high});
    for (int i = 0; i <= 24; ++i) {
      for (int k = 0; k <= 24; ++k) {
        const float a = *low + (inner_low - *low) * static_cast<float>(i) / 24;
        const float b = *high + (inner_high - *high) * static_cast<float>(k) / 24;
        least = std::min(least, squared_error(elements, {a, b}));
      }
    }
    const double ours = squared_error(elements, found);
    // The model takes rounding errors as uniform; a sum of 4000 real ones scatters by 1.5 %.
    EXPECT_LE(ours, least * 1.05);
    const auto clipped_low = std::count_if(elements.begin(), elements.end(), [&](float x) { return x < found.low; });
    const auto clipped_high = std::count_if(elements.begin(), elements.end(), [&](float x) { return x > found.high; });
    EXPECT_LE(clipped_low, 4000 * share);
    EXPECT_LE(clipped_high, 4000 * share);
  }
}

TEST(Histogram, WithNothingToClipKeepsTheExtremes) {
  Histogram histogram(-1, 3);
  histogram.add(std::vector<float>{-1, 0, 3});
  EXPECT_EQ(histogram.clipped_range(0.1), (Range{-1, 3}));
  Histogram zeros(0, 0);
  zeros.add(std::vector<float>{0, 0});
  EXPECT_EQ(zeros.clipped_range(0.1), (Range{0, 0}));
}

TEST(WithPixelRange, MakesEveryPixelItsOwnCode) {
  struct Case {
    float mean, deviation;
    std::size_t codes;
  };
  // 0 between two pixels: every pixel lies half-way between two codes, and neighbours may share one. 0 outside of the
  // pixels (mean -3) costs the codes between.
  for (const Case& c : {Case{0, 1, 256}, {0.2860f, 0.3530f, 256}, {0.4f, -0.5f, 256}, {0.5f, 0.5f, 254}, {-3, 1, 65}}) {
    Graph g = one_clamp({16, 16, 1});
    g.preprocess = {1.0f / 255, {c.mean}, {c.deviation}};
    const Graph q = quantize_int8(g, with_pixel_range(Ranges{{0, 0}, {0, 0}}, g));
    std::vector<float> pixels(256);
    std::iota(pixels.begin(), pixels.end(), 0.0f);
    const Tensor input = input_tensor(q, pixels);
    const auto codes = input.as<std::int8_t>();
    EXPECT_EQ(std::set<int>(codes.begin(), codes.end()).size(), c.codes) << c.mean;
    const auto expected = preprocess(g.preprocess, pixels, 1), actual = dequantize(input);
    for (std::size_t p = 0; p < 256; ++p) {
      EXPECT_LE(std::abs(actual[p] - expected[p]), 0.5001f * input.type.quant->scale[0]) << c.mean << " pixel " << p;
    }
  }
}

TEST(WithPixelRange, SpansAllChannels) {
  Graph g = one_clamp({2, 2, 3});
  g.preprocess = {1.0f / 255, {0.5f, 0.4f, 0.25f}, {0.25f, 0.2f, 0.5f}};
  const Ranges ranges = with_pixel_range(Ranges{{0, 0}, {0, 0}}, g);
  EXPECT_FLOAT_EQ(ranges.low[0], -2);
  EXPECT_FLOAT_EQ(ranges.high[0], 3);
}

TEST(Calibrate, SaysWhatIsWrong) {
  const Graph g = one_clamp({2});
  EXPECT_EQ(calibrate_error(g, {}, 0), "no calibration inputs; expected at least one");
  EXPECT_EQ(calibrate_error(g, {tensor_of({1, 2}), tensor_of({1, 2, 3})}, 0),
            "calibration input 1 is f32[3]; the graph's input is f32[2]");
  EXPECT_EQ(calibrate_error(g, {tensor_of({1, 2})}, 0.5), "calibration clips a share of 0.5; expected 0 to less than 0.5");
  EXPECT_EQ(calibrate_error(g, {tensor_of({1, 2}), tensor_of({1, std::nanf("")})}, 0),
            "activation 'x' of calibration input 1 is not finite; the network cannot be quantised");
  const Graph q = quantize_int8(g, Ranges{{0, 0}, {1, 1}});
  EXPECT_EQ(calibrate_error(q, {tensor_of({1, 2})}, 0), "the graph is quantised already; calibration expects a float graph");
}

TEST(ActivationQuantization, IncludesZeroExactly) {
  const auto check = [](float low, float high, float scale, int zero_point) {
    const Quantization q = activation_quantization(low, high);
    EXPECT_FLOAT_EQ(q.scale[0], scale);
    EXPECT_EQ(q.zero_point[0], zero_point);
  };
  check(0, 2.55f, 0.01f, -128);
  check(1, 2.55f, 0.01f, -128);
  check(-2.55f, -1, 0.01f, 127);
  check(-1.28f, 1.27f, 0.01f, 0);
  check(0, 0, 1, -128);
  check(0, 1e-30f, 1e-15f, -128);
  EXPECT_FLOAT_EQ(activation_quantization(0, 1, 0.5).scale[0], 0.5f);
}

}  // namespace
}  // namespace mj
