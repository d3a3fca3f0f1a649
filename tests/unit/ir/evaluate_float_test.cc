// SPDX-License-Identifier: Apache-2.0

// Every operator in float against its definition, written element by element in double.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>

#include "tests/unit/error_of.h"
#include "tests/unit/ir/single_node.h"

namespace mj {
namespace {

using testing::ElementsAre;
using testing::FloatNear;
using testing::Pointwise;
using Index = std::vector<std::int64_t>;

// Every index of a shape, in row-major order.
std::vector<Index> indices(const Shape& shape) {
  std::vector<Index> all{{}};
  for (const std::int64_t size : shape) {
    std::vector<Index> longer;
    for (const Index& index : all) {
      for (std::int64_t i = 0; i < size; ++i) {
        longer.push_back(index);
        longer.back().push_back(i);
      }
    }
    all = std::move(longer);
  }
  return all;
}

double at(const Tensor& tensor, const Index& index) {
  std::int64_t offset = 0;
  for (std::size_t d = 0; d < index.size(); ++d) offset = offset * tensor.type.shape[d] + index[d];
  return tensor.as<float>()[static_cast<std::size_t>(offset)];
}

// NumPy broadcasting: the element of `tensor` that stands at `index` of a larger shape.
double broadcast_at(const Tensor& tensor, const Index& index) {
  Index own(index.end() - static_cast<std::ptrdiff_t>(tensor.type.shape.size()), index.end());
  for (std::size_t d = 0; d < own.size(); ++d) own[d] = tensor.type.shape[d] == 1 ? 0 : own[d];
  return at(tensor, own);
}

double limited(double value, const Range& range) {
  return std::min<double>(std::max<double>(value, range.low), range.high);
}

// `actual` against `expected(index)`.
void expect_elements(const Tensor& actual, const std::function<double(const Index&)>& expected, const std::string& what,
                     double tolerance = 1e-5) {
  for (const Index& index : indices(actual.type.shape)) {
    const double value = expected(index);
    ASSERT_NEAR(at(actual, index), value, tolerance * (1 + std::abs(value)))
        << what << " at " << testing::PrintToString(index);
  }
}

double naive_conv(const Conv2d& op, const Tensor& x, const Tensor& w, const Tensor* bias, const Index& index) {
  const std::int64_t per_group = w.type.shape[3];
  const std::int64_t group = index[2] / (w.type.shape[0] / op.groups);
  double sum = bias != nullptr ? at(*bias, {index[2]}) : 0;
  for (std::int64_t ky = 0; ky < w.type.shape[1]; ++ky) {
    for (std::int64_t kx = 0; kx < w.type.shape[2]; ++kx) {
      const std::int64_t r = index[0] * op.stride[0] - op.pad[0] + ky * op.dilation[0];
      const std::int64_t c = index[1] * op.stride[1] - op.pad[1] + kx * op.dilation[1];
      if (r < 0 || c < 0 || r >= x.type.shape[0] || c >= x.type.shape[1]) continue;
      for (std::int64_t i = 0; i < per_group; ++i) {
        sum += at(x, {r, c, group * per_group + i}) * at(w, {index[2], ky, kx, i});
      }
    }
  }
  return limited(sum, op.clamp);
}

TEST(EvaluateFloat, Conv2dOfAnyGeometry) {
  constexpr std::uint64_t kSeed = 11;
  for (std::uint64_t trial = 0; trial < 300; ++trial) {
    RandomStream random(kSeed, trial);
    const auto pick = [&](std::int64_t low, std::int64_t high) { return random_between(low, high, random); };
    Conv2d op;
    op.stride = {pick(1, 3), pick(1, 3)};
    op.dilation = {pick(1, 3), pick(1, 3)};
    op.groups = pick(0, 2) == 0 ? pick(2, 4) : 1;
    const std::int64_t per_group = pick(1, 5);
    const std::int64_t outputs = op.groups * pick(1, 4);
    const Pair kernel{pick(1, 4), pick(1, 4)};
    const Pair size{pick(1, 9), pick(1, 9)};
    for (std::size_t side = 0; side < 4; ++side) {
      // Up to whole windows of padding, and enough for one window to fit.
      const std::int64_t extent = op.dilation[side % 2] * (kernel[side % 2] - 1) + 1;
      op.pad[side] = pick(0, extent);
      if (side >= 2) {
        op.pad[side] = std::max(op.pad[side], extent - size[side % 2] - op.pad[side - 2]);
      }
    }
    op.clamp = pick(0, 1) == 0 ? Range{} : Range{0, 6};
    const Tensor x = random_floats({size[0], size[1], op.groups * per_group}, random);
    const Tensor w = random_floats({outputs, kernel[0], kernel[1], per_group}, random);
    const Tensor bias = random_floats({outputs}, random);
    const bool biased = pick(0, 1) == 0;
    const Tensor y = biased ? run_op(op, {x, w, bias}) : run_op(op, {x, w});
    expect_elements(
        y, [&](const Index& i) { return naive_conv(op, x, w, biased ? &bias : nullptr, i); },
        "seed 11 trial " + std::to_string(trial));
    if (HasFatalFailure()) return;
  }
}

TEST(EvaluateFloat, Conv2dInSeveralTiles) {
  // 40 rows of 40 x 144 patches are 900 KiB: more than one tile.
  RandomStream random(12);
  Conv2d op;
  op.pad = {1, 1, 1, 1};
  const Tensor x = random_floats({40, 40, 16}, random);
  const Tensor w = random_floats({5, 3, 3, 16}, random);
  expect_elements(
      run_op(op, {x, w}), [&](const Index& i) { return naive_conv(op, x, w, nullptr, i); }, "tiles");
}

TEST(EvaluateFloat, HybridWeightsAreDequantised) {
  RandomStream random(13);
  const Tensor x = random_floats({4, 4, 3}, random);
  Type type{DType::kI8, {2, 3, 3, 3}, Quantization{{0.5f, 0.25f}, {0, 0}, 0}};
  const Tensor w = random_int8(type, random);
  const Tensor real = floats(type.shape, dequantize(w));
  EXPECT_EQ(run_op(Conv2d{}, {x, w}), run_op(Conv2d{}, {x, real}));
}

TEST(EvaluateFloat, Linear) {
  for (const std::int64_t rows : {1, 3}) {
    RandomStream random(14, static_cast<std::uint64_t>(rows));
    const Tensor x = random_floats({rows, 37}, random);
    const Tensor w = random_floats({5, 37}, random);
    const Tensor bias = random_floats({5}, random);
    const Linear op{Range{-1, 2}};
    expect_elements(
        run_op(op, {x, w, bias}),
        [&](const Index& index) {
          double sum = at(bias, {index[1]});
          for (std::int64_t i = 0; i < 37; ++i) sum += at(x, {index[0], i}) * at(w, {index[1], i});
          return limited(sum, op.clamp);
        },
        "linear");
  }
}

TEST(EvaluateFloat, UnaryFunctions) {
  const std::vector<float> values{-1000, -7, -3, -2.5f, -1, -0.5f, 0, 0.25f, 1, 3, 4, 6, 6.5f, 1000};
  const Tensor x = floats({14}, values);
  const auto expect = [&](const Op& op, const std::function<double(double)>& function) {
    expect_elements(
        run_op(op, {x}), [&](const Index& i) { return function(at(x, i)); }, op_name(op), 1e-6);
  };
  expect(Clamp{{-1, 4}}, [](double v) { return limited(v, {-1, 4}); });
  expect(Clamp{}, [](double v) { return std::max(v, 0.0); });
  expect(LeakyRelu{0.125f}, [](double v) { return v < 0 ? v / 8 : v; });
  expect(HardSigmoid{0.25f, 0.5f}, [](double v) { return limited(v / 4 + 0.5, {0, 1}); });
  expect(HardSwish{}, [](double v) { return v * limited(v + 3, {0, 6}) / 6; });
  expect(Sigmoid{}, [](double v) { return 1 / (1 + std::exp(-v)); });
  expect(Tanh{}, [](double v) { return std::tanh(v); });
}

TEST(EvaluateFloat, SumsProductsAndSlopesBroadcast) {
  const std::vector<std::pair<Shape, Shape>> shapes{
      {{2, 3, 4}, {2, 3, 4}}, {{2, 3, 4}, {4}},       {{2, 3, 4}, {1}}, {{2, 3, 4}, {}},        {{2, 3, 4}, {3, 1}},
      {{2, 3, 4}, {2, 1, 1}}, {{2, 3, 4}, {2, 1, 4}}, {{4}, {2, 3, 4}}, {{2, 1, 4}, {1, 3, 1}}, {{}, {}},
      {{1, 3}, {5, 1, 3}}};
  for (std::size_t trial = 0; trial < shapes.size(); ++trial) {
    RandomStream random(15, trial);
    const Tensor a = random_floats(shapes[trial].first, random);
    const Tensor b = random_floats(shapes[trial].second, random);
    const std::string what = "shapes " + shape_text(a.type.shape) + " and " + shape_text(b.type.shape);
    const Range clamp{-0.5f, 0.75f};
    const auto element = [&](const Index& i, const Tensor& t) { return broadcast_at(t, i); };
    expect_elements(
        run_op(Add{}, {a, b}), [&](const Index& i) { return element(i, a) + element(i, b); }, what);
    expect_elements(
        run_op(Sub{clamp}, {a, b}), [&](const Index& i) { return limited(element(i, a) - element(i, b), clamp); },
        what);
    expect_elements(
        run_op(Mul{clamp}, {a, b}), [&](const Index& i) { return limited(element(i, a) * element(i, b), clamp); },
        what);
    if (b.type.shape.size() <= a.type.shape.size() && trial != 8) {
      expect_elements(
          run_op(PRelu{}, {a, b}),
          [&](const Index& i) { return element(i, a) < 0 ? element(i, a) * element(i, b) : element(i, a); }, what);
    }
  }
}

TEST(EvaluateFloat, BatchNorm) {
  RandomStream random(16);
  const Tensor x = random_floats({3, 2, 4}, random);
  const Tensor gamma = random_floats({4}, random);
  const Tensor beta = random_floats({4}, random);
  const Tensor mean = random_floats({4}, random);
  const Tensor variance = floats({4}, {0.5f, 1, 2, 0});
  expect_elements(
      run_op(BatchNorm{0.01f}, {x, gamma, beta, mean, variance}),
      [&](const Index& i) {
        const Index c{i[2]};
        return (at(x, i) - at(mean, c)) / std::sqrt(at(variance, c) + 0.01f) * at(gamma, c) + at(beta, c);
      },
      "batch_norm");
}

TEST(EvaluateFloat, SoftmaxOfRows) {
  const Tensor x = floats({2, 3}, {1, 2, 3, 1000, 1001, -1000});
  const Tensor y = run_op(Softmax{2}, {x});
  const double sum = std::exp(-4.0) + std::exp(-2.0) + 1;
  EXPECT_THAT(y.as<float>(),
              Pointwise(FloatNear(1e-6f),
                        std::vector<float>{static_cast<float>(std::exp(-4.0) / sum),
                                           static_cast<float>(std::exp(-2.0) / sum), static_cast<float>(1 / sum),
                                           static_cast<float>(std::exp(-2.0) / (1 + std::exp(-2.0))),
                                           static_cast<float>(1 / (1 + std::exp(-2.0))), 0}));
}

TEST(EvaluateFloat, PoolsOfAnyGeometry) {
  constexpr std::uint64_t kSeed = 17;
  for (std::uint64_t trial = 0; trial < 200; ++trial) {
    RandomStream random(kSeed, trial);
    const auto pick = [&](std::int64_t low, std::int64_t high) { return random_between(low, high, random); };
    MaxPool max;
    max.kernel = {pick(1, 4), pick(1, 4)};
    max.stride = {pick(1, 3), pick(1, 3)};
    const Tensor x = random_floats({pick(4, 8), pick(4, 8), pick(1, 5)}, random);
    for (std::size_t side = 0; side < 4; ++side) max.pad[side] = pick(0, max.kernel[side % 2] - 1);
    max.clamp = pick(0, 1) == 0 ? Range{} : Range{0, 1};
    AvgPool avg{max.kernel, max.stride, max.pad, pick(0, 1) == 0, max.clamp};
    const auto window = [&](const Index& i, auto&& visit) {
      for (std::int64_t ky = 0; ky < max.kernel[0]; ++ky) {
        for (std::int64_t kx = 0; kx < max.kernel[1]; ++kx) {
          const std::int64_t r = i[0] * max.stride[0] - max.pad[0] + ky;
          const std::int64_t c = i[1] * max.stride[1] - max.pad[1] + kx;
          if (r >= 0 && c >= 0 && r < x.type.shape[0] && c < x.type.shape[1]) visit(at(x, {r, c, i[2]}));
        }
      }
    };
    const std::string what = "seed 17 trial " + std::to_string(trial);
    expect_elements(
        run_op(max, {x}),
        [&](const Index& i) {
          double largest = -1e30;
          window(i, [&](double v) { largest = std::max(largest, v); });
          return limited(largest, max.clamp);
        },
        what);
    expect_elements(
        run_op(avg, {x}),
        [&](const Index& i) {
          double sum = 0;
          double count = 0;
          window(i, [&](double v) { sum += v, ++count; });
          if (avg.count_include_pad) count = static_cast<double>(avg.kernel[0] * avg.kernel[1]);
          return limited(sum / count, avg.clamp);
        },
        what);
    if (HasFatalFailure()) return;
  }
}

TEST(EvaluateFloat, MeanOverAnyAxes) {
  RandomStream random(18);
  const Tensor x = random_floats({3, 4, 5, 2}, random);
  for (unsigned mask = 1; mask < 16; ++mask) {
    for (const bool keep : {false, true}) {
      Mean op{{}, keep};
      Shape kept;
      for (int d = 3; d >= 0; --d) {  // in falling order: the order of axes means nothing
        if ((mask >> d & 1) != 0) op.axes.push_back(d);
      }
      const Tensor y = run_op(op, {x});
      expect_elements(
          y,
          [&](const Index& index) {
            double sum = 0;
            double count = 0;
            for (const Index& from : indices(x.type.shape)) {
              bool counts = true;
              std::size_t d_out = 0;
              for (std::size_t d = 0; d < 4; ++d) {
                const bool reduced = (mask >> d & 1) != 0;
                if (!reduced) counts = counts && index[d_out] == from[d];
                if (!reduced || keep) ++d_out;
              }
              if (counts) sum += at(x, from), ++count;
            }
            return sum / count;
          },
          "mask " + std::to_string(mask));
    }
  }
}

TEST(EvaluateFloat, Moves) {
  std::vector<float> numbers(24);
  std::iota(numbers.begin(), numbers.end(), 0.0f);
  const Tensor x = floats({2, 3, 4}, numbers);

  const std::vector<std::vector<std::int64_t>> orders{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  for (const auto& perm : orders) {
    const Tensor y = run_op(Transpose{perm}, {x});
    expect_elements(
        y,
        [&](const Index& i) {
          Index from(3);
          for (std::size_t d = 0; d < 3; ++d) from[static_cast<std::size_t>(perm[d])] = i[d];
          return at(x, from);
        },
        "transpose");
  }

  EXPECT_EQ(run_op(Reshape{{4, 6}}, {x}), floats({4, 6}, numbers));

  const Slice slice{{0, 1, 0}, {2, 3, 4}, {1, 1, 3}};
  expect_elements(
      run_op(slice, {x}),
      [&](const Index& i) {
        return at(x, {i[0], i[1] + 1, i[2] * 3});
      },
      "slice");

  const Pad pad{{1, 0, 2}, {0, 1, 1}, -7.5f};
  expect_elements(
      run_op(pad, {x}),
      [&](const Index& i) {
        const Index from{i[0] - 1, i[1], i[2] - 2};
        for (std::size_t d = 0; d < 3; ++d) {
          if (from[d] < 0 || from[d] >= x.type.shape[d]) return -7.5;
        }
        return at(x, from);
      },
      "pad");

  for (const std::int64_t axis : {0, 1, 2}) {
    Shape other = x.type.shape;
    other[static_cast<std::size_t>(axis)] = 5;
    RandomStream random(19);
    const Tensor b = random_floats(other, random);
    expect_elements(
        run_op(Concat{axis}, {x, b, x}),
        [&](const Index& i) {
          Index from = i;
          std::int64_t& along = from[static_cast<std::size_t>(axis)];
          const std::int64_t size = x.type.shape[static_cast<std::size_t>(axis)];
          if (along < size) return at(x, from);
          along -= size;
          if (along < 5) return at(b, from);
          along -= 5;
          return at(x, from);
        },
        "concat");
  }
}

TEST(EvaluateFloat, QuantizeBothWays) {
  const Type q = int8_type({3}, 0.5f, 1);
  const Tensor x = floats({3}, {0.25f, -3, 100});
  const Tensor y = run_op(Quantize{}, {x}, q);
  EXPECT_THAT(y.as<std::int8_t>(), ElementsAre(2, -5, 127));
  EXPECT_THAT(run_op(Quantize{}, {y}).as<float>(), ElementsAre(0.5f, -3, 63));
}

}  // namespace
}  // namespace mj
