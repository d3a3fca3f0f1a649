// SPDX-License-Identifier: Apache-2.0

// Operators that compute each element from those at the same place: unary functions, sums, products, batch norm, prelu.
#include <algorithm>
#include <array>
#include <cmath>

#include "mj/base/error.h"
#include "mj/ir/evaluate_step.h"
#include "mj/ir/int8.h"
#include "mj/ir/strided.h"

namespace mj::detail {
namespace {

template <class Function>
Step float_unary(Function function) {
  return [function](std::span<const View> inputs, Tensor& output) {
    std::ranges::transform(inputs[0].as<float>(), output.as<float>().begin(), function);
  };
}

Step table_lookup(const Int8Table& table) {
  return [table](std::span<const View> inputs, Tensor& output) {
    std::ranges::transform(inputs[0].as<std::int8_t>(), output.as<std::int8_t>().begin(),
                           [&](std::int8_t q) { return table[static_cast<std::size_t>(q + 128)]; });
  };
}

template <class OpType, class Function>
Step unary(const OpType& op, const NodeContext& context, Function function) {
  if (arithmetic(context) == Arithmetic::kFloat) {
    return float_unary(function);
  }
  return table_lookup(int8_table(op, int8_affine(context.input(0), "input"), int8_affine(context.output(), "output"),
                                 context.rounding));
}

/// `function(a, b)` for every element of the output, `a` and `b` broadcast to it.
template <class T, class Function>
Step binary(const NodeContext& context, Function function) {
  const Shape& shape = context.output().shape;
  RowWalk<3> walk(
      shape, {broadcast(context.input(0).shape, shape), broadcast(context.input(1).shape, shape), row_major(shape)});
  return [walk = std::move(walk), function](std::span<const View> inputs, Tensor& output) {
    const T* a = inputs[0].as<T>().data();
    const T* b = inputs[1].as<T>().data();
    T* y = output.as<T>().data();
    const auto [stride_a, stride_b, stride_y] = walk.row_strides();
    const std::int64_t length = walk.row_length();
    walk([&, stride_a = stride_a, stride_b = stride_b](const Offsets<3>& offsets) {
      const T* row_a = a + offsets[0];
      const T* row_b = b + offsets[1];
      T* row_y = y + offsets[2];
      if (stride_a == 1 && stride_b == 1) {
        for (std::int64_t i = 0; i < length; ++i) {
          row_y[i] = function(row_a[i], row_b[i]);
        }
        return;
      }
      for (std::int64_t i = 0; i < length; ++i) {
        row_y[i] = function(row_a[i * stride_a], row_b[i * stride_b]);
      }
    });
  };
}

struct BinaryAffines {
  Affine a, b, y;

  explicit BinaryAffines(const NodeContext& context)
      : a(int8_affine(context.input(0), "first input")),
        b(int8_affine(context.input(1), "second input")),
        y(int8_affine(context.output(), "output")) {}
};

// In 64 bits, for a zero point may be added to any 32-bit value.
std::int8_t clamped(std::int64_t value, const Int8Limits& limits) {
  return static_cast<std::int8_t>(std::min<std::int64_t>(std::max<std::int64_t>(value, limits.low), limits.high));
}

// An input of a sum on the common scale, for each of its 256 values.
std::array<std::int32_t, 256> scaled_inputs(const Affine& x, FixedPoint factor, Rounding rounding) {
  std::array<std::int32_t, 256> scaled;
  for (std::int32_t q = -128; q <= 127; ++q) {
    scaled[static_cast<std::size_t>(q + 128)] =
        multiply((q - x.zero_point) * (1 << SumFactors::kLeftShift), factor, rounding);
  }
  return scaled;
}

// a + sign * b.
Step int8_sum(const NodeContext& context, const SumFactors& factors, const Range& clamp, std::int32_t sign) {
  const BinaryAffines affines(context);
  return binary<std::int8_t>(
      context, [a = scaled_inputs(affines.a, factors.a, context.rounding),
                b = scaled_inputs(affines.b, factors.b, context.rounding), sign, factor = factors.output,
                zero_point = affines.y.zero_point, limits = int8_limits(clamp, affines.y),
                rounding = context.rounding](std::int8_t qa, std::int8_t qb) {
        const std::int32_t sum = a[static_cast<std::size_t>(qa + 128)] + sign * b[static_cast<std::size_t>(qb + 128)];
        return clamped(std::int64_t{multiply(sum, factor, rounding)} + zero_point, limits);
      });
}

float limited(float value, const Range& range) { return std::min(std::max(value, range.low), range.high); }

}  // namespace

Step prepare(const Clamp& op, const NodeContext& context) {
  return unary(op, context, [range = op.range](float x) { return limited(x, range); });
}

Step prepare(const LeakyRelu& op, const NodeContext& context) {
  return unary(op, context, [alpha = op.alpha](float x) { return x < 0 ? alpha * x : x; });
}

Step prepare(const HardSigmoid& op, const NodeContext& context) {
  return unary(op, context, [op](float x) { return std::min(std::max(op.alpha * x + op.beta, 0.0f), 1.0f); });
}

Step prepare(const HardSwish& op, const NodeContext& context) {
  return unary(op, context, [](float x) { return x * std::min(std::max(x + 3, 0.0f), 6.0f) / 6; });
}

Step prepare(const Sigmoid& op, const NodeContext& context) {
  return unary(op, context, [](float x) { return 1 / (1 + std::exp(-x)); });
}

Step prepare(const Tanh& op, const NodeContext& context) {
  return unary(op, context, [](float x) { return std::tanh(x); });
}

Step prepare(const Quantize& op, const NodeContext& context) {
  const Type& x = context.input(0);
  const Type& y = context.output();
  if (x.dtype == DType::kI8 && y.dtype == DType::kI8) {
    return table_lookup(int8_table(op, int8_affine(x, "input"), int8_affine(y, "output"), context.rounding));
  }
  if (x.dtype == DType::kF32) {
    return [type = y](std::span<const View> inputs, Tensor& output) { output = quantize(inputs[0].as<float>(), type); };
  }
  if (y.dtype == DType::kF32) {
    return [](std::span<const View> inputs, Tensor& output) {
      std::ranges::copy(dequantize(*inputs[0].type, inputs[0].data), output.as<float>().begin());
    };
  }
  fail("converts {} to {}; the evaluator converts f32 to i8 or i16 and back, and i8 to i8", dtype_name(x.dtype),
       dtype_name(y.dtype));
}

Step prepare(const Add& op, const NodeContext& context) {
  if (arithmetic(context, 2) == Arithmetic::kFloat) {
    return binary<float>(context, [range = op.clamp](float a, float b) { return limited(a + b, range); });
  }
  const BinaryAffines affines(context);
  return int8_sum(context, add_factors(affines.a, affines.b, affines.y), op.clamp, 1);
}

Step prepare(const Sub& op, const NodeContext& context) {
  if (arithmetic(context, 2) == Arithmetic::kFloat) {
    return binary<float>(context, [range = op.clamp](float a, float b) { return limited(a - b, range); });
  }
  const BinaryAffines affines(context);
  return int8_sum(context, sub_factors(affines.a, affines.b, affines.y), op.clamp, -1);
}

Step prepare(const Mul& op, const NodeContext& context) {
  if (arithmetic(context, 2) == Arithmetic::kFloat) {
    return binary<float>(context, [range = op.clamp](float a, float b) { return limited(a * b, range); });
  }
  const BinaryAffines affines(context);
  return binary<std::int8_t>(
      context, [affines, factor = mul_factor(affines.a, affines.b, affines.y),
                limits = int8_limits(op.clamp, affines.y), rounding = context.rounding](std::int8_t a, std::int8_t b) {
        const std::int32_t product = (a - affines.a.zero_point) * (b - affines.b.zero_point);
        return clamped(std::int64_t{multiply(product, factor, rounding)} + affines.y.zero_point, limits);
      });
}

Step prepare(const PRelu&, const NodeContext& context) {
  if (arithmetic(context, 2) == Arithmetic::kFloat) {
    return binary<float>(context, [](float x, float slope) { return x < 0 ? slope * x : x; });
  }
  const BinaryAffines affines(context);
  return binary<std::int8_t>(context, [affines, factors = prelu_factors(affines.a, affines.b, affines.y),
                                       rounding = context.rounding](std::int8_t x, std::int8_t slope) {
    const std::int32_t value = x - affines.a.zero_point;
    const std::int32_t scaled = value >= 0
                                    ? multiply(value, factors.positive, rounding)
                                    : multiply(value * (slope - affines.b.zero_point), factors.negative, rounding);
    return clamped(std::int64_t{scaled} + affines.y.zero_point, {});
  });
}

Step prepare(const BatchNorm& op, const NodeContext& context) {
  MJ_CHECK(arithmetic(context) == Arithmetic::kFloat);
  const std::vector<float> gamma = context.reals(1);
  const std::vector<float> beta = context.reals(2);
  const std::vector<float> mean = context.reals(3);
  const std::vector<float> variance = context.reals(4);
  std::vector<float> factor(gamma.size());
  std::vector<float> offset(gamma.size());
  for (std::size_t c = 0; c < gamma.size(); ++c) {
    const double scale = gamma[c] / std::sqrt(static_cast<double>(variance[c]) + op.epsilon);
    factor[c] = static_cast<float>(scale);
    offset[c] = static_cast<float>(beta[c] - mean[c] * scale);
  }
  return [factor = std::move(factor), offset = std::move(offset)](std::span<const View> inputs, Tensor& output) {
    const std::span<const float> x = inputs[0].as<float>();
    const std::span<float> y = output.as<float>();
    for (std::size_t row = 0; row < x.size(); row += factor.size()) {
      for (std::size_t c = 0; c < factor.size(); ++c) {
        y[row + c] = x[row + c] * factor[c] + offset[c];
      }
    }
  };
}

}  // namespace mj::detail
