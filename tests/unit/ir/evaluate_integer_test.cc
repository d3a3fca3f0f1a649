// SPDX-License-Identifier: Apache-2.0

// int8 operators against their definitions in 64 and 128 bits, written for each element, and against TensorFlow Lite
// Micro itself (hashes of what its kernels gave for the same cases).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>

#include "mj/base/hash.h"
#include "mj/ir/fixed_functions.h"
#include "mj/ir/int8.h"
#include "tests/unit/error_of.h"
#include "tests/unit/ir/int8_cases.h"
#include "tests/unit/ir/single_node.h"

namespace mj {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using Index = std::vector<std::int64_t>;

std::int64_t offset_of(const Shape& shape, const Index& index) {
  std::int64_t offset = 0;
  for (std::size_t d = 0; d < shape.size(); ++d) offset = offset * shape[d] + index[d];
  return offset;
}

template <class T>
std::int64_t at(const Tensor& tensor, const Index& index) {
  return tensor.as<T>()[static_cast<std::size_t>(offset_of(tensor.type.shape, index))];
}

/// q less the zero point, and the broadcast of a smaller tensor.
std::int64_t centred(const Tensor& tensor, Index index) {
  for (std::size_t d = 0; d < index.size(); ++d) index[d] = tensor.type.shape[d] == 1 ? 0 : index[d];
  return at<std::int8_t>(tensor, index) - tensor.type.quant->zero_point[0];
}

double scale_of(const Type& type, std::int64_t channel = 0) {
  return type.quant->scale[type.quant->scale.size() == 1 ? 0 : static_cast<std::size_t>(channel)];
}

/// x * factor by the rule of the rounding, from its definition: no function of the library takes part.
std::int64_t requantized(std::int64_t x, double factor, Rounding rounding) {
  if (factor == 0) return 0;
  int exponent = 0;
  std::int64_t multiplier = std::llround(std::ldexp(std::frexp(factor, &exponent), 31));
  if (multiplier == std::int64_t{1} << 31) multiplier /= 2, ++exponent;
  const auto floor_half_up = [](__int128 numerator, int bits) {  // numerator / 2^bits
    const __int128 divisor = static_cast<__int128>(1) << bits;
    const __int128 sum = numerator + divisor / 2;
    return static_cast<std::int64_t>(sum >= 0 ? sum / divisor : -((-sum + divisor - 1) / divisor));
  };
  const __int128 product = static_cast<__int128>(x) * multiplier;
  if (rounding == Rounding::kSingle) return floor_half_up(product, 31 - exponent);
  const std::int64_t high = floor_half_up(exponent > 0 ? product << exponent : product, 31);
  return exponent < 0 ? std::llround(std::ldexp(static_cast<double>(high), exponent)) : high;
}

std::int64_t limited(std::int64_t q, const Range& range, const Type& type) {
  std::int64_t low = -128;
  std::int64_t high = 127;
  const float scale = type.quant->scale[0];
  if (range.low != -kInfinity)
    low = std::max<std::int64_t>(low, std::lround(range.low / scale) + type.quant->zero_point[0]);
  if (range.high != kInfinity)
    high = std::min<std::int64_t>(high, std::lround(range.high / scale) + type.quant->zero_point[0]);
  return std::min(std::max(q, low), high);
}

/// Every element of the output against `expected(index)`.
void expect_int8_elements(const Tensor& actual, const std::function<std::int64_t(const Index&)>& expected,
                          const std::string& what) {
  Index index(actual.type.shape.size(), 0);
  for (std::size_t i = 0; i < actual.data.size(); ++i) {
    std::size_t rest = i;
    for (std::size_t d = index.size(); d-- > 0;) {
      const auto size = static_cast<std::size_t>(actual.type.shape[d]);
      index[d] = static_cast<std::int64_t>(rest % size);
      rest /= size;
    }
    ASSERT_EQ(actual.as<std::int8_t>()[i], expected(index)) << what << " at " << testing::PrintToString(index);
  }
}

const Rounding kRoundings[] = {Rounding::kDouble, Rounding::kSingle};

/// Runs cases of one kind with both roundings; `expected(case, index, rounding)`.
void expect_cases(const std::string& kind, std::uint64_t trials,
                  const std::function<std::int64_t(const Int8Case&, const Index&, Rounding)>& expected) {
  for (std::uint64_t trial = 0; trial < trials; ++trial) {
    const Int8Case one = int8_case(kind, trial);
    for (const Rounding rounding : kRoundings) {
      const Tensor y = run_op(one.op, one.inputs, one.output, rounding);
      expect_int8_elements(
          y, [&](const Index& index) { return expected(one, index, rounding); },
          kind + " trial " + std::to_string(trial));
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

std::int64_t naive_int8_conv(const Int8Case& one, const Index& index, Rounding rounding) {
  const auto& op = std::get<Conv2d>(one.op);
  const Tensor& x = one.inputs[0];
  const Tensor& w = one.inputs[1];
  const std::int64_t channel = index[2];
  const std::int64_t depth = w.type.shape[3];
  const std::int64_t group = channel / (w.type.shape[0] / op.groups);
  std::int64_t sum = one.inputs.size() > 2 ? at<std::int32_t>(one.inputs[2], {channel}) : 0;
  for (std::int64_t ky = 0; ky < w.type.shape[1]; ++ky) {
    for (std::int64_t kx = 0; kx < w.type.shape[2]; ++kx) {
      const std::int64_t r = index[0] * op.stride[0] - op.pad[0] + ky * op.dilation[0];
      const std::int64_t c = index[1] * op.stride[1] - op.pad[1] + kx * op.dilation[1];
      if (r < 0 || c < 0 || r >= x.type.shape[0] || c >= x.type.shape[1]) continue;
      for (std::int64_t i = 0; i < depth; ++i) {
        sum += (at<std::int8_t>(x, {r, c, group * depth + i}) - x.type.quant->zero_point[0]) *
               at<std::int8_t>(w, {channel, ky, kx, i});
      }
    }
  }
  const double factor = scale_of(x.type) * scale_of(w.type, channel) / scale_of(one.output);
  return limited(requantized(sum, factor, rounding) + one.output.quant->zero_point[0], op.clamp, one.output);
}

TEST(EvaluateInt8, Conv2d) { expect_cases("conv2d", 200, naive_int8_conv); }
TEST(EvaluateInt8, Depthwise) { expect_cases("depthwise", 200, naive_int8_conv); }

TEST(EvaluateInt8, Conv2dWithAnyPadding) {
  for (std::uint64_t trial = 0; trial < 100; ++trial) {
    Int8Case one = int8_case(trial % 2 == 0 ? "conv2d" : "depthwise", trial);
    RandomStream random(21, trial);
    auto& op = std::get<Conv2d>(one.op);
    for (std::size_t side = 0; side < 4; ++side) {
      const std::int64_t more = random_between(0, 5, random);
      op.pad[side] += more;
      op.stride[side % 2] = random_between(1, 3, random);
    }
    if (trial % 3 == 0) one.inputs.pop_back();
    for (std::size_t d = 0; d < 2; ++d) {
      const std::int64_t extent = op.dilation[d] * (one.inputs[1].type.shape[d + 1] - 1) + 1;
      one.output.shape[d] = (one.inputs[0].type.shape[d] + op.pad[d] + op.pad[d + 2] - extent) / op.stride[d] + 1;
    }
    expect_int8_elements(
        run_op(one.op, one.inputs, one.output),
        [&](const Index& index) { return naive_int8_conv(one, index, Rounding::kDouble); },
        "seed 21 trial " + std::to_string(trial));
    if (HasFatalFailure()) return;
  }
}

TEST(EvaluateInt8, Linear) {
  expect_cases("linear", 200, [](const Int8Case& one, const Index& index, Rounding rounding) {
    const Tensor& x = one.inputs[0];
    const Tensor& w = one.inputs[1];
    std::int64_t sum = at<std::int32_t>(one.inputs[2], {index[1]});
    for (std::int64_t i = 0; i < w.type.shape[1]; ++i) {
      sum += (at<std::int8_t>(x, {index[0], i}) - x.type.quant->zero_point[0]) * at<std::int8_t>(w, {index[1], i});
    }
    // One scale: TFLite multiplies it with the input's in float. A scale per output: in double.
    const bool one_scale = w.type.quant->scale.size() == 1;
    const double product = one_scale ? static_cast<double>(x.type.quant->scale[0] * w.type.quant->scale[0])
                                     : scale_of(x.type) * scale_of(w.type, index[1]);
    return limited(requantized(sum, product / scale_of(one.output), rounding) + one.output.quant->zero_point[0],
                   std::get<Linear>(one.op).clamp, one.output);
  });
}

TEST(EvaluateInt8, LinearMultipliesOneScaleInFloat) {
  // A pair of scales whose product differs between float and double, so that a wrong rule is seen.
  const Affine x{0.1f, 0};
  const Quantization weight{{0.3f}, {0}, -1};
  const Affine y{1.0f, 0};
  ASSERT_NE(static_cast<double>(0.1f * 0.3f), static_cast<double>(0.1f) * static_cast<double>(0.3f));
  EXPECT_EQ(linear_factors(x, weight, 1, y)[0], fixed_point(static_cast<double>(0.1f * 0.3f)));
  EXPECT_EQ(conv_factors(x, weight, 1, y)[0], fixed_point(static_cast<double>(0.1f) * static_cast<double>(0.3f)));
  EXPECT_NE(linear_factors(x, weight, 1, y), conv_factors(x, weight, 1, y));
}

std::int64_t naive_sum(const Int8Case& one, const Index& index, Rounding rounding, bool difference) {
  const std::int64_t a = centred(one.inputs[0], index) << 20;
  const std::int64_t b = centred(one.inputs[1], index) * (1 << 20);
  const float sa = one.inputs[0].type.quant->scale[0];
  const float sb = one.inputs[1].type.quant->scale[0];
  const float sy = one.output.quant->scale[0];
  double fa = 0;
  double fb = 0;
  double fy = 0;
  if (difference) {  // all in float
    const float twice = 2 * std::max(sa, sb);
    fa = sa / twice;
    fb = sb / twice;
    fy = twice / (1048576 * sy);
  } else {
    const double twice = 2 * static_cast<double>(std::max(sa, sb));
    fa = sa / twice;
    fb = sb / twice;
    fy = twice / (1048576 * static_cast<double>(sy));
  }
  const std::int64_t sum = requantized(a, fa, rounding) + (difference ? -1 : 1) * requantized(b, fb, rounding);
  const Range clamp = difference ? std::get<Sub>(one.op).clamp : std::get<Add>(one.op).clamp;
  return limited(requantized(sum, fy, rounding) + one.output.quant->zero_point[0], clamp, one.output);
}

TEST(EvaluateInt8, Add) {
  expect_cases("add", 200, [](const auto& one, const Index& index, Rounding rounding) {
    return naive_sum(one, index, rounding, false);
  });
}

TEST(EvaluateInt8, Sub) {
  expect_cases("sub", 200, [](const auto& one, const Index& index, Rounding rounding) {
    return naive_sum(one, index, rounding, true);
  });
}

TEST(EvaluateInt8, Mul) {
  expect_cases("mul", 200, [](const Int8Case& one, const Index& index, Rounding rounding) {
    const double factor = scale_of(one.inputs[0].type) * scale_of(one.inputs[1].type) / scale_of(one.output);
    const std::int64_t product = centred(one.inputs[0], index) * centred(one.inputs[1], index);
    return limited(requantized(product, factor, rounding) + one.output.quant->zero_point[0],
                   std::get<Mul>(one.op).clamp, one.output);
  });
}

TEST(EvaluateInt8, PRelu) {
  expect_cases("prelu", 200, [](const Int8Case& one, const Index& index, Rounding rounding) {
    const std::int64_t x = centred(one.inputs[0], index);
    const double same = scale_of(one.inputs[0].type) / scale_of(one.output);
    const double sloped = scale_of(one.inputs[0].type) * scale_of(one.inputs[1].type) / scale_of(one.output);
    const std::int64_t scaled =
        x >= 0 ? requantized(x, same, rounding) : requantized(x * centred(one.inputs[1], index), sloped, rounding);
    return limited(scaled + one.output.quant->zero_point[0], {}, one.output);
  });
}

/// The elements of a pool's window, through `visit(q)`.
template <class Pool>
void window(const Pool& op, const Tensor& x, const Index& index, const std::function<void(std::int64_t)>& visit) {
  for (std::int64_t ky = 0; ky < op.kernel[0]; ++ky) {
    for (std::int64_t kx = 0; kx < op.kernel[1]; ++kx) {
      const std::int64_t r = index[0] * op.stride[0] - op.pad[0] + ky;
      const std::int64_t c = index[1] * op.stride[1] - op.pad[1] + kx;
      if (r >= 0 && c >= 0 && r < x.type.shape[0] && c < x.type.shape[1]) visit(at<std::int8_t>(x, {r, c, index[2]}));
    }
  }
}

TEST(EvaluateInt8, MaxPool) {
  expect_cases("max_pool", 200, [](const Int8Case& one, const Index& index, Rounding) {
    const auto& op = std::get<MaxPool>(one.op);
    std::int64_t largest = -128;
    window(op, one.inputs[0], index, [&](std::int64_t q) { largest = std::max(largest, q); });
    return limited(largest, op.clamp, one.output);
  });
}

TEST(EvaluateInt8, AvgPoolRoundsTheCodesAwayFromZero) {
  expect_cases("avg_pool", 200, [](const Int8Case& one, const Index& index, Rounding) {
    const auto& op = std::get<AvgPool>(one.op);
    std::int64_t sum = 0;
    std::int64_t count = 0;
    window(op, one.inputs[0], index, [&](std::int64_t q) { sum += q, ++count; });
    return limited(std::llround(static_cast<double>(sum) / static_cast<double>(count)), op.clamp, one.output);
  });
  const Type type = int8_type({1, 2, 1}, 0.5f, 3);
  const AvgPool op{{1, 2}, {1, 1}};
  EXPECT_THAT(run_op(op, {tensor_of<std::int8_t>(type, {2, 3})}, int8_type({1, 1, 1}, 0.5f, 3)).as<std::int8_t>(),
              ElementsAre(3));
  EXPECT_THAT(run_op(op, {tensor_of<std::int8_t>(type, {-2, -3})}, int8_type({1, 1, 1}, 0.5f, 3)).as<std::int8_t>(),
              ElementsAre(-3));
}

TEST(EvaluateInt8, AvgPoolWithAScaleOfItsOwnIsAMean) {
  // Codes 1 and 2 of scale 0.5 and zero point 3 are -1 and -0.5; their mean -0.75 in steps of 0.125 from zero point -10.
  const AvgPool op{{1, 2}, {1, 1}};
  const Tensor x = tensor_of<std::int8_t>(int8_type({1, 3, 1}, 0.5f, 3), {1, 2, 127});
  EXPECT_THAT(run_op(op, {x}, int8_type({1, 2, 1}, 0.125f, -10)).as<std::int8_t>(), ElementsAre(-16, 127));
  // The same numbers by the operator that has always requantised.
  for (std::uint64_t trial = 0; trial < 100; ++trial) {
    RandomStream random(trial, 0x9001);
    Tensor image = make_tensor(int8_type({4, 6, 3}, 0.02f + 0.1f * static_cast<float>(random.uniform()), static_cast<int>(random.below(255)) - 127));
    for (std::int8_t& code : image.as<std::int8_t>()) code = static_cast<std::int8_t>(random.next() >> 56);
    const float scale = 0.01f + 0.1f * static_cast<float>(random.uniform());
    const int zero = static_cast<int>(random.below(255)) - 127;
    const Tensor pooled = run_op(AvgPool{{4, 6}, {1, 1}}, {image}, int8_type({1, 1, 3}, scale, zero));
    const Tensor mean = run_op(Mean{}, {image}, int8_type({3}, scale, zero));
    EXPECT_TRUE(std::ranges::equal(pooled.as<std::int8_t>(), mean.as<std::int8_t>())) << "trial " << trial;
  }
}

TEST(EvaluateInt8, AvgPoolCountsPaddingAsRealZero) {
  // Windows of two: {pad, 5}, {5, 9}, {9, pad} with zero point 3: (3+5)/2, (5+9)/2, (9+3)/2.
  const Tensor x = tensor_of<std::int8_t>(int8_type({1, 2, 1}, 0.5f, 3), {5, 9});
  const AvgPool op{{1, 2}, {1, 1}, {0, 1, 0, 1}, true};
  EXPECT_THAT(run_op(op, {x}, int8_type({1, 3, 1}, 0.5f, 3)).as<std::int8_t>(), ElementsAre(4, 7, 6));
}

TEST(EvaluateInt8, Mean) {
  // The division is folded into the multiplier (truncated), so the rule is checked with that multiplier; how close it
  // is to the real mean is checked beside it.
  for (std::uint64_t trial = 0; trial < 300; ++trial) {
    const Int8Case one = int8_case("mean", trial);
    const auto& op = std::get<Mean>(one.op);
    const Tensor& x = one.inputs[0];
    const std::int64_t count = x.type.count() / one.output.count();
    const double real_factor = scale_of(x.type) / scale_of(one.output) / static_cast<double>(count);
    const Tensor y = run_op(one.op, one.inputs, one.output);
    expect_int8_elements(
        y,
        [&](const Index& index) {
          std::int64_t sum = 0;
          for (std::int64_t r = 0; r < x.type.shape[0]; ++r) {
            for (std::int64_t c = 0; c < x.type.shape[1]; ++c) {
              for (std::int64_t i = 0; i < x.type.shape[2]; ++i) {
                const bool counts = op.axes.size() == 2 ? index[0] == i : index[0] == r && index[1] == c;
                sum += counts ? centred(x, {r, c, i}) : 0;
              }
            }
          }
          int exponent = 0;
          const std::int64_t multiplier =
              std::llround(std::ldexp(std::frexp(scale_of(x.type) / scale_of(one.output), &exponent), 31));
          const auto shift = static_cast<int>(std::floor(std::log2(static_cast<double>(count))));
          const std::int64_t divided = (multiplier << shift) / count;
          const __int128 product = static_cast<__int128>(sum) * divided;
          const int right = shift - exponent;
          const __int128 shifted = right < 0 ? product << -right : product;
          const __int128 half_up = shifted + (__int128{1} << 30);
          const auto high =
              static_cast<std::int64_t>(half_up >= 0 ? half_up >> 31 : -((-half_up + (__int128{1} << 31) - 1) >> 31));
          const std::int64_t q = (right > 0 ? std::llround(std::ldexp(static_cast<double>(high), -right)) : high) +
                                 one.output.quant->zero_point[0];
          const double real = static_cast<double>(sum) * real_factor + one.output.quant->zero_point[0];
          EXPECT_NEAR(static_cast<double>(q), real, 1.01) << "mean trial " << trial;
          return limited(q, {}, one.output);
        },
        "mean trial " + std::to_string(trial));
    if (HasFatalFailure()) return;
  }
}

/// `function` of every real input, rounded to the output's step: what a unary operator is meant to give.
void expect_near_real(const std::string& kind, const std::function<double(const Op&, double)>& function,
                      double tolerance) {
  for (std::uint64_t trial = 0; trial < 100; ++trial) {
    const Int8Case one = int8_case(kind, trial);
    const Tensor y = run_op(one.op, one.inputs, one.output);
    for (std::int64_t i = 0; i < 256; ++i) {
      const double real =
          function(one.op, scale_of(one.inputs[0].type) * static_cast<double>(centred(one.inputs[0], {i})));
      const double ideal = std::clamp(real / scale_of(one.output) + one.output.quant->zero_point[0], -128.0, 127.0);
      ASSERT_NEAR(y.as<std::int8_t>()[static_cast<std::size_t>(i)], ideal, tolerance) << kind << " trial " << trial;
    }
  }
}

TEST(EvaluateInt8, UnaryFunctionsAreNearTheRealOnes) {
  // Half a step is the least that rounding costs; double rounding adds up to half a step of the first.
  expect_near_real(
      "relu", [](const Op&, double x) { return std::max(x, 0.0); }, 1.01);
  expect_near_real(
      "relu6", [](const Op&, double x) { return std::clamp(x, 0.0, 6.0); }, 0.51);
  expect_near_real(
      "leaky_relu", [](const Op& op, double x) { return x < 0 ? std::get<LeakyRelu>(op).alpha * x : x; }, 1.01);
  expect_near_real(
      "sigmoid", [](const Op&, double x) { return 1 / (1 + std::exp(-x)); }, 0.51);
  expect_near_real(
      "tanh", [](const Op&, double x) { return std::tanh(x); }, 0.51);
  expect_near_real(
      "requantize", [](const Op&, double x) { return x; }, 1.01);
}

TEST(EvaluateInt8, HardSwishIsNearTheRealOne) {
  // The kernel computes in 16 bits: its error grows with the output's magnitude in steps, 2^-15 times a few roundings.
  for (std::uint64_t trial = 0; trial < 100; ++trial) {
    const Int8Case one = int8_case("hard_swish", trial);
    const Tensor y = run_op(one.op, one.inputs, one.output);
    for (std::int64_t i = 0; i < 256; ++i) {
      const double x = scale_of(one.inputs[0].type) * static_cast<double>(centred(one.inputs[0], {i}));
      const double real = x * std::clamp(x + 3, 0.0, 6.0) / 6;
      const double ideal = std::clamp(real / scale_of(one.output) + one.output.quant->zero_point[0], -128.0, 127.0);
      ASSERT_NEAR(y.as<std::int8_t>()[static_cast<std::size_t>(i)], ideal, 1.1) << "hard_swish trial " << trial;
    }
  }
}

TEST(EvaluateInt8, NegativeSlopesOfLeakyRelu) {
  const Tensor x = tensor_of<std::int8_t>(int8_type({4}, 1, 0), {-100, -3, 0, 5});
  EXPECT_THAT(run_op(LeakyRelu{-0.5f}, {x}, int8_type({4}, 1, 1)).as<std::int8_t>(), ElementsAre(51, 2, 1, 6));
}

TEST(EvaluateInt8, HardSigmoidByTable) {
  const Tensor x = tensor_of<std::int8_t>(int8_type({5}, 0.1f, 0), {-128, -10, 0, 10, 127});
  EXPECT_THAT(run_op(HardSigmoid{0.2f, 0.5f}, {x}, int8_type({5}, 1.0f / 256, -128)).as<std::int8_t>(),
              ElementsAre(-128, -51, 0, 51, 127));
}

TEST(EvaluateInt8, SoftmaxIsNearTheRealOne) {
  for (std::uint64_t trial = 0; trial < 200; ++trial) {
    const Int8Case one = int8_case("softmax", trial);
    const Tensor y = run_op(one.op, one.inputs, one.output);
    const double steepness = std::get<Softmax>(one.op).beta * scale_of(one.inputs[0].type);
    const std::int64_t depth = one.output.shape[1];
    for (std::int64_t row = 0; row < one.output.shape[0]; ++row) {
      double sum = 0;
      std::int64_t largest = -128;
      for (std::int64_t i = 0; i < depth; ++i) largest = std::max(largest, at<std::int8_t>(one.inputs[0], {row, i}));
      const auto exponential = [&](std::int64_t i) {
        return std::exp(steepness * static_cast<double>(at<std::int8_t>(one.inputs[0], {row, i}) - largest));
      };
      for (std::int64_t i = 0; i < depth; ++i) sum += exponential(i);
      for (std::int64_t i = 0; i < depth; ++i) {
        const double ideal = std::min(exponential(i) / sum * 256 - 128, 127.0);
        ASSERT_NEAR(static_cast<double>(at<std::int8_t>(y, {row, i})), ideal, 0.52) << "softmax trial " << trial;
      }
    }
  }
}

TEST(EvaluateInt8, MovesKeepBytes) {
  const Type type = int8_type({2, 2}, 0.5f, 7);
  const Tensor x = tensor_of<std::int8_t>(type, {1, 2, 3, 4});
  EXPECT_THAT(run_op(Transpose{{1, 0}}, {x}).as<std::int8_t>(), ElementsAre(1, 3, 2, 4));
  EXPECT_THAT(run_op(Reshape{{4}}, {x}).as<std::int8_t>(), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(run_op(Slice{{0, 1}, {2, 2}, {1, 1}}, {x}).as<std::int8_t>(), ElementsAre(2, 4));
  EXPECT_THAT(run_op(Concat{1}, {x, x}).as<std::int8_t>(), ElementsAre(1, 2, 1, 2, 3, 4, 3, 4));
  // Real zero is the zero point; real 1.1 is 2.2 steps above it.
  EXPECT_THAT(run_op(Pad{{0, 1}, {0, 0}}, {x}).as<std::int8_t>(), ElementsAre(7, 1, 2, 7, 3, 4));
  EXPECT_THAT(run_op(Pad{{0, 1}, {0, 0}, 1.1f}, {x}).as<std::int8_t>(), ElementsAre(9, 1, 2, 9, 3, 4));
}

TEST(EvaluateInt8, AgreesWithTensorFlowLiteMicro) {
  // FNV-1a over the outputs of cases 0..199, computed by the int8 reference kernels of TensorFlow Lite Micro, commit
  // 90b983c2b3f1480642e040bbd2ddb37b998f3424 (built with gcc, double rounding), run by its own KernelRunner.
  const std::map<std::string, std::uint64_t> reference{
      {"add", 0x10e5cb67bd8f5050u},        {"avg_pool", 0x8e9308623a1d5671u},   {"conv2d", 0x5318ff2127d2497fu},
      {"depthwise", 0x7675997fae9d7a20u},  {"dequantize", 0x445f573ab66d86bcu}, {"hard_swish", 0x8f8e5567d299e6cau},
      {"leaky_relu", 0x5fe8ebb555608e81u}, {"linear", 0x0be5e43f8baacd26u},     {"max_pool", 0x03586223da4950b6u},
      {"mean", 0x1148dc9287ce2600u},       {"mul", 0xfade782be0e01bdau},        {"pad", 0x187b878604e65531u},
      {"prelu", 0xcbddb02651ea7ffau},      {"quantize", 0x4e6806c24e9da75au},   {"relu", 0x9e806bcc35cbbc2fu},
      {"relu6", 0x92986d17d42a628cu},      {"requantize", 0x1f5eee8b142c63d1u}, {"sigmoid", 0xe3826b5f391f8bcbu},
      {"softmax", 0x9aa58c67f2648f99u},    {"sub", 0xb9e988591e183498u},        {"tanh", 0xb27dc64a3c57d5feu},
  };
  for (const std::string& kind : int8_case_kinds()) {
    std::uint64_t hash = content_hash({});
    for (std::uint64_t trial = 0; trial < 200; ++trial) {
      const Int8Case one = int8_case(kind, trial);
      hash = content_hash(run_op(one.op, one.inputs, one.output).data, hash);
    }
    EXPECT_EQ(hash_text(hash), hash_text(reference.at(kind))) << kind;
  }
}

std::string error_of_op(const Op& op, const std::vector<Tensor>& inputs, const std::optional<Type>& output = {}) {
  return error_of([&] { run_op(op, inputs, output); });
}

TEST(EvaluateInt8, RefusesWhatTheKernelsCannotCompute) {
  const Tensor x = make_tensor(int8_type({4}, 0.5f, 0));
  EXPECT_EQ(error_of_op(Softmax{}, {x}, int8_type({4}, 0.5f, 0)),
            "node 'n' (softmax): output has scale 0.5 and zero point 0; expected 0.00390625 and -128");
  EXPECT_EQ(error_of_op(Sigmoid{}, {x}, int8_type({4}, 1.0f / 256, 0)),
            "node 'n' (sigmoid): output has scale 0.00390625 and zero point 0; expected 0.00390625 and -128");
  EXPECT_EQ(error_of_op(Tanh{}, {x}, int8_type({4}, 1.0f / 256, 0)),
            "node 'n' (tanh): output has scale 0.00390625 and zero point 0; expected 0.0078125 and 0");
  EXPECT_EQ(error_of_op(Softmax{}, {make_tensor(int8_type({4}, 1e-9f, 0))}, int8_type({4}, 1.0f / 256, -128)),
            "node 'n' (softmax): beta times the input scale is 9.99999972e-10; expected more than 2^-26");
  EXPECT_EQ(error_of_op(Softmax{}, {make_tensor(int8_type({4096}, 0.5f, 0))}, int8_type({4096}, 1.0f / 256, -128)),
            "node 'n' (softmax): has 4096 classes; the int8 kernel adds up at most 4095");
  EXPECT_EQ(error_of_op(HardSwish{}, {x}, int8_type({4}, 0.001f, 0)),
            "node 'n' (hard_swish): output scale 0.00100000005 does not suit input scale 0.5; expected a ratio between "
            "2^-7 and 2^8");
  EXPECT_EQ(error_of_op(Add{}, {x, x}, int8_type({4}, 1e-7f, 0)),
            "node 'n' (add): output scale is too small for its inputs: the sum would be multiplied by 9.53674305; "
            "expected less than 1");
  EXPECT_EQ(error_of_op(Quantize{}, {x}, int8_type({4}, 1e-30f, 0)),
            "node 'n' (quantize): requantisation factor 4.99999998e+29 is too large; expected less than 2^30");
  const AvgPool padded{.pad = {1, 1, 1, 1}};
  EXPECT_EQ(error_of_op(padded, {make_tensor(int8_type({2, 2, 1}, 0.5f, 0))}, int8_type({2, 2, 1}, 0.25f, 0)),
            "node 'n' (avg_pool): output is quantised differently from the input; expected the same where windows are padded");
}

TEST(EvaluateInt8, RefusesAccumulatorsThatCouldOverflow) {
  const Tensor x = make_tensor(int8_type({70000}, 1, -128));
  Tensor w = make_tensor({DType::kI8, {1, 70000}, Quantization{{1}, {0}, -1}});
  std::ranges::fill(w.as<std::int8_t>(), std::int8_t{127});
  EXPECT_EQ(error_of_op(Linear{}, {x, w}, int8_type({1}, 1, 0)),
            "node 'n' (linear): weights and bias of output 0 can reach 2266950000; expected to fit the 32-bit "
            "accumulator");
}

TEST(EvaluateInt8, RefusesInt16Activations) {
  const Tensor x = make_tensor({DType::kI16, {4}, Quantization{{1}, {0}, -1}});
  EXPECT_EQ(error_of_op(Add{}, {x, x}, x.type),
            "node 'n' (add): computes i16 from i16; the evaluator computes f32 from f32 and i8 from i8");
}

}  // namespace
}  // namespace mj
