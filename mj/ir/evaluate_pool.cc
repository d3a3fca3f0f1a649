// SPDX-License-Identifier: Apache-2.0

// Operators that summarise many elements in one: pools, means, softmax.
#include <algorithm>
#include <cmath>
#include <limits>

#include "mj/base/error.h"
#include "mj/ir/evaluate_step.h"
#include "mj/ir/int8.h"
#include "mj/ir/strided.h"

namespace mj::detail {
namespace {

struct Window {
  std::int64_t rows, columns, channels;
  std::int64_t out_rows, out_columns;
  Pair kernel, stride;
  std::int64_t top, left;

  template <class Pool>
  Window(const Pool& op, const NodeContext& context)
      : rows(context.input(0).shape[0]),
        columns(context.input(0).shape[1]),
        channels(context.input(0).shape[2]),
        out_rows(context.output().shape[0]),
        out_columns(context.output().shape[1]),
        kernel(op.kernel),
        stride(op.stride),
        top(op.pad[0]),
        left(op.pad[1]) {}

  /// Calls `begin(y)`, `element(x, y)` for every place of x inside the window, and `end(y, places)` for every output
  /// place; x and y point at `channels` elements.
  template <class T, class Y, class Begin, class Element, class End>
  void slide(const T* x, Y* y, Begin&& begin, Element&& element, End&& end) const {
    for (std::int64_t row = 0; row < out_rows; ++row) {
      const std::int64_t first_row = std::max<std::int64_t>(row * stride[0] - top, 0);
      const std::int64_t end_row = std::min(row * stride[0] - top + kernel[0], rows);
      for (std::int64_t column = 0; column < out_columns; ++column, y += channels) {
        const std::int64_t first_column = std::max<std::int64_t>(column * stride[1] - left, 0);
        const std::int64_t end_column = std::min(column * stride[1] - left + kernel[1], columns);
        begin(y);
        for (std::int64_t r = first_row; r < end_row; ++r) {
          for (std::int64_t c = first_column; c < end_column; ++c) {
            element(x + (r * columns + c) * channels, y);
          }
        }
        end(y, (end_row - first_row) * (end_column - first_column));
      }
    }
  }
};

Affine same_quantization(const NodeContext& context) {
  const Affine x = int8_affine(context.input(0), "input");
  const Affine y = int8_affine(context.output(), "output");
  if (!same_affine(x, y)) {
    fail("output is quantised differently from the input; expected the same");
  }
  return y;
}

template <class T>
Step max_pool(const Window& window, T lowest, T low, T high) {
  return [=](std::span<const View> inputs, Tensor& output) {
    const std::int64_t channels = window.channels;
    window.slide(
        inputs[0].as<T>().data(), output.as<T>().data(), [=](T* y) { std::fill_n(y, channels, lowest); },
        [=](const T* x, T* y) {
          for (std::int64_t c = 0; c < channels; ++c) {
            y[c] = std::max(y[c], x[c]);
          }
        },
        [=](T* y, std::int64_t) {
          for (std::int64_t c = 0; c < channels; ++c) {
            y[c] = std::min(std::max(y[c], low), high);
          }
        });
  };
}

/// Sums windows in `Sum`, then stores `finish(sum, places)`.
template <class T, class Sum, class Finish>
Step avg_pool(const Window& window, Finish finish) {
  return [=](std::span<const View> inputs, Tensor& output) {
    const std::int64_t channels = window.channels;
    std::vector<Sum> sums(static_cast<std::size_t>(channels));
    window.slide(
        inputs[0].as<T>().data(), output.as<T>().data(), [&](T*) { std::ranges::fill(sums, Sum{}); },
        [&](const T* x, T*) {
          for (std::int64_t c = 0; c < channels; ++c) {
            sums[static_cast<std::size_t>(c)] += x[c];
          }
        },
        [&](T* y, std::int64_t places) {
          for (std::int64_t c = 0; c < channels; ++c) {
            y[c] = finish(sums[static_cast<std::size_t>(c)], places);
          }
        });
  };
}

/// Adds up over the reduced axes into `Sum`, then stores `finish(sum)`.
template <class T, class Sum, class Finish>
Step mean(const Mean& op, const NodeContext& context, Finish finish) {
  const Shape& shape = context.input(0).shape;
  Shape kept = shape;
  for (const std::int64_t axis : op.axes) {
    kept[static_cast<std::size_t>(axis)] = 1;
  }
  RowWalk<2> walk(shape, {row_major(shape), broadcast(kept, shape)});
  return [walk = std::move(walk), finish](std::span<const View> inputs, Tensor& output) {
    const T* x = inputs[0].as<T>().data();
    std::vector<Sum> sums(output.as<T>().size());
    const std::int64_t stride = walk.row_strides()[1];
    walk([&](const Offsets<2>& offsets) {
      const T* row = x + offsets[0];
      Sum* target = sums.data() + offsets[1];
      if (stride == 0) {
        Sum sum{};
        for (std::int64_t i = 0; i < walk.row_length(); ++i) {
          sum += row[i];
        }
        *target += sum;
        return;
      }
      for (std::int64_t i = 0; i < walk.row_length(); ++i) {
        target[i] += row[i];
      }
    });
    std::ranges::transform(sums, output.as<T>().begin(), finish);
  };
}

}  // namespace

Step prepare(const MaxPool& op, const NodeContext& context) {
  const Window window(op, context);
  if (arithmetic(context) == Arithmetic::kFloat) {
    return max_pool<float>(window, -kInfinity, op.clamp.low, op.clamp.high);
  }
  const Int8Limits limits = int8_limits(op.clamp, same_quantization(context));
  return max_pool<std::int8_t>(window, std::numeric_limits<std::int8_t>::min(), static_cast<std::int8_t>(limits.low),
                               static_cast<std::int8_t>(limits.high));
}

Step prepare(const AvgPool& op, const NodeContext& context) {
  const Window window(op, context);
  const std::int64_t whole = op.kernel[0] * op.kernel[1];
  const bool whole_window = op.count_include_pad;
  if (arithmetic(context) == Arithmetic::kFloat) {
    return avg_pool<float, float>(window, [=, clamp = op.clamp](float sum, std::int64_t places) {
      const float mean = sum / static_cast<float>(whole_window ? whole : places);
      return std::min(std::max(mean, clamp.low), clamp.high);
    });
  }
  const Affine x = int8_affine(context.input(0), "input"), y = int8_affine(context.output(), "output");
  const Int8Limits limits = int8_limits(op.clamp, y);
  if (!same_affine(x, y)) {
    if (op.pad != Padding{}) fail("output is quantised differently from the input; expected the same where windows are padded");
    constexpr std::int64_t kMaxWhole = 1 << 22;
    if (whole > kMaxWhole) fail("is a mean of {} elements; expected at most {} so that their sum fits 32 bits", whole, kMaxWhole);
    const auto zero = static_cast<std::int32_t>(x.zero_point * whole);
    return avg_pool<std::int8_t, std::int32_t>(
        window, [=, factor = mean_factor(x, y, whole), rounding = context.rounding](std::int32_t sum, std::int64_t) {
          const std::int64_t value = std::int64_t{multiply(sum - zero, factor, rounding)} + y.zero_point;
          return static_cast<std::int8_t>(std::clamp<std::int64_t>(value, limits.low, limits.high));
        });
  }
  return avg_pool<std::int8_t, std::int64_t>(window, [=](std::int64_t sum, std::int64_t places) {
    if (whole_window) {
      sum += y.zero_point * (whole - places);  // padding is real zero
      places = whole;
    }
    const std::int64_t mean = (sum > 0 ? sum + places / 2 : sum - places / 2) / places;
    return static_cast<std::int8_t>(std::min<std::int64_t>(std::max<std::int64_t>(mean, limits.low), limits.high));
  });
}

Step prepare(const Mean& op, const NodeContext& context) {
  const std::int64_t count = context.input(0).count() / context.output().count();
  if (arithmetic(context) == Arithmetic::kFloat) {
    return mean<float, float>(op, context, [count](float sum) { return sum / static_cast<float>(count); });
  }
  constexpr std::int64_t kMaxCount = 1 << 22;
  if (count > kMaxCount) {
    fail("is a mean of {} elements; expected at most {} so that their sum fits 32 bits", count, kMaxCount);
  }
  const Affine x = int8_affine(context.input(0), "input");
  const Affine y = int8_affine(context.output(), "output");
  const auto zero = static_cast<std::int32_t>(x.zero_point * count);
  return mean<std::int8_t, std::int32_t>(
      op, context, [=, factor = mean_factor(x, y, count), rounding = context.rounding](std::int32_t sum) {
        const std::int64_t value = std::int64_t{multiply(sum - zero, factor, rounding)} + y.zero_point;
        return static_cast<std::int8_t>(std::clamp<std::int64_t>(value, -128, 127));
      });
}

Step prepare(const Softmax& op, const NodeContext& context) {
  const auto depth = static_cast<std::size_t>(context.input(0).shape.back());
  if (arithmetic(context) == Arithmetic::kFloat) {
    return [depth, beta = op.beta](std::span<const View> inputs, Tensor& output) {
      const std::span<const float> x = inputs[0].as<float>();
      const std::span<float> y = output.as<float>();
      for (std::size_t row = 0; row < x.size(); row += depth) {
        float largest = -kInfinity;
        for (std::size_t i = row; i < row + depth; ++i) {
          largest = std::max(largest, beta * x[i]);
        }
        float sum = 0;
        for (std::size_t i = row; i < row + depth; ++i) {
          y[i] = std::exp(beta * x[i] - largest);
          sum += y[i];
        }
        for (std::size_t i = row; i < row + depth; ++i) {
          y[i] /= sum;
        }
      }
    };
  }
  if (static_cast<std::int64_t>(depth) > SoftmaxTable::kMaxDepth) {
    fail("has {} classes; the int8 kernel adds up at most {}", depth, SoftmaxTable::kMaxDepth);
  }
  const SoftmaxTable table = softmax_table(op, int8_affine(context.input(0), "input"),
                                           int8_affine(context.output(), "output"), context.rounding);
  return [depth, table](std::span<const View> inputs, Tensor& output) {
    const std::span<const std::int8_t> x = inputs[0].as<std::int8_t>();
    const std::span<std::int8_t> y = output.as<std::int8_t>();
    for (std::size_t row = 0; row < x.size(); row += depth) {
      int8_softmax(table, x.subspan(row, depth), y.subspan(row, depth));
    }
  };
}

}  // namespace mj::detail
