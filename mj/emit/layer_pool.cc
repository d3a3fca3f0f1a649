// SPDX-License-Identifier: Apache-2.0

// Pools, means and softmax.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "mj/base/error.h"
#include "mj/emit/layer.h"

namespace mj {
namespace {

template <class Pool>
void print_pool(const Pool& op, Layer& layer, std::int64_t whole, const char* function) {
  const Shape& in = layer.input(0).shape;
  const Shape& out = layer.output().shape;
  const Affine x = int8_affine(layer.input(0), "input");
  const Affine y = int8_affine(layer.output(), "output");
  if (!same_affine(x, y)) {
    fail("output is quantised differently from the input; expected the same");
  }
  int16_text(in[0] + op.pad[0] + op.pad[2], "height with padding");
  int16_text(in[1] + op.pad[1] + op.pad[3], "width with padding");
  int16_text(op.kernel[0] * op.kernel[1], "number of elements in a window");
  const Int8Limits limits = int8_limits(op.clamp, y);
  const std::string pool = layer.define("mj_pool", {{"in_h", int16_text(in[0], "height")},
                                                    {"in_w", int16_text(in[1], "width")},
                                                    {"channels", int16_text(in[2], "number of channels")},
                                                    {"out_w", int16_text(out[1], "output width")},
                                                    {"kernel_h", std::to_string(op.kernel[0])},
                                                    {"kernel_w", std::to_string(op.kernel[1])},
                                                    {"stride_h", int16_text(op.stride[0], "stride")},
                                                    {"stride_w", int16_text(op.stride[1], "stride")},
                                                    {"pad_top", std::to_string(op.pad[0])},
                                                    {"pad_left", std::to_string(op.pad[1])},
                                                    {"low", std::to_string(limits.low)},
                                                    {"high", std::to_string(limits.high)},
                                                    {"whole", std::to_string(whole)},
                                                    {"in_zero", std::to_string(y.zero_point)}});
  layer.call(function, fmt::format("{}.c", function), {out[0], out[1], out[2], 0},
             {"&" + pool, kTile, layer.operand(0), layer.result()});
}

/// An avg_pool whose output has a quantisation of its own: means over windows.
void print_requantizing_pool(const AvgPool& op, Layer& layer) {
  const Shape &in = layer.input(0).shape, &out = layer.output().shape;
  const Affine x = int8_affine(layer.input(0), "input"), y = int8_affine(layer.output(), "output");
  if (op.pad != Padding{}) fail("output is quantised differently from the input; expected the same where windows are padded");
  const std::int64_t count = op.kernel[0] * op.kernel[1];
  int16_text(count, "number of elements in a window");
  const FixedPoint factor = mean_factor(x, y, count);
  const Int8Limits limits = int8_limits(op.clamp, y);
  const auto pair = [](std::int64_t a, std::int64_t b) { return fmt::format("{{{}, {}}}", a, b); };
  const std::vector<std::int64_t> steps{op.stride[0] * in[1] * in[2], op.stride[1] * in[2], 1};
  const std::string mean = layer.define("mj_mean", {{"size", braces(out)},
                                                    {"step", braces(steps)},
                                                    {"reduced_size", pair(op.kernel[0], op.kernel[1])},
                                                    {"reduced_step", pair(in[1] * in[2], in[2])},
                                                    {"in_sum_zero", std::to_string(x.zero_point * count)},
                                                    {"multiplier", std::to_string(factor.multiplier)},
                                                    {"shift", std::to_string(factor.shift)},
                                                    {"out", output_text(y, limits)}});
  layer.call("mj_mean_over", "mj_mean.c", {out[0]}, {"&" + mean, kTile, layer.operand(0), layer.result()});
}

/// Dimensions of size > 1 that are kept, and those that are averaged, each with its step; neighbours merged.
struct Reduction {
  std::vector<std::int64_t> kept_size, kept_step, reduced_size, reduced_step;
};

Reduction split_dimensions(const Shape& shape, const std::vector<std::int64_t>& axes) {
  const std::vector<std::int64_t> steps = row_major_steps(shape);
  Reduction split;
  bool first = true, last_reduced = false;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] == 1) {
      continue;
    }
    const bool reduced = std::ranges::count(axes, static_cast<std::int64_t>(d)) != 0;
    auto& size = reduced ? split.reduced_size : split.kept_size;
    auto& step = reduced ? split.reduced_step : split.kept_step;
    if (!first && reduced == last_reduced) {
      size.back() *= shape[d];
      step.back() = steps[d];
    } else {
      size.push_back(shape[d]);
      step.push_back(steps[d]);
    }
    first = false;
    last_reduced = reduced;
  }
  return split;
}

/// Exactly so many loops, the missing ones innermost: rows are what tiles are cut from.
void make_loops(std::size_t count, std::vector<std::int64_t>& size, std::vector<std::int64_t>& step, const Shape& shape) {
  if (size.size() > count) {
    fail("averages {} in more than two separate groups of axes; the kernel has two loops", shape_text(shape));
  }
  size.resize(count, 1);
  step.resize(count, 0);
}

}  // namespace

void print_op(const MaxPool& op, Layer& layer) { print_pool(op, layer, 0, "mj_max_pool"); }

void print_op(const AvgPool& op, Layer& layer) {
  if (pool_requantizes(layer.input(0), layer.output())) return print_requantizing_pool(op, layer);
  const std::int64_t whole = op.count_include_pad ? op.kernel[0] * op.kernel[1] : 0;
  const bool can_be_empty = op.pad[0] >= op.kernel[0] || op.pad[1] >= op.kernel[1] || op.pad[2] >= op.kernel[0] ||
                            op.pad[3] >= op.kernel[1];
  if (whole == 0 && can_be_empty) {
    fail("a window can lie in the padding alone, where there is nothing to average; expected padding below {}x{}",
         op.kernel[0], op.kernel[1]);
  }
  print_pool(op, layer, whole, "mj_avg_pool");
}

void print_op(const Mean& op, Layer& layer) {
  const Shape& shape = layer.input(0).shape;
  const Affine x = int8_affine(layer.input(0), "input");
  const Affine y = int8_affine(layer.output(), "output");
  const std::int64_t count = layer.input(0).count() / layer.output().count();
  constexpr std::int64_t kMaxCount = 1 << 22;
  if (count > kMaxCount) {
    fail("is a mean of {} elements; expected at most {} so that their sum fits 32 bits", count, kMaxCount);
  }
  const FixedPoint factor = mean_factor(x, y, count);
  Reduction loops = split_dimensions(shape, op.axes);
  make_loops(3, loops.kept_size, loops.kept_step, shape);
  make_loops(2, loops.reduced_size, loops.reduced_step, shape);
  const std::string mean = layer.define("mj_mean", {{"size", braces(loops.kept_size)},
                                                    {"step", braces(loops.kept_step)},
                                                    {"reduced_size", braces(loops.reduced_size)},
                                                    {"reduced_step", braces(loops.reduced_step)},
                                                    {"in_sum_zero", std::to_string(x.zero_point * count)},
                                                    {"multiplier", std::to_string(factor.multiplier)},
                                                    {"shift", std::to_string(factor.shift)},
                                                    {"out", output_text(y, {})}});
  layer.call("mj_mean_over", "mj_mean.c", {loops.kept_size[0]},
             {"&" + mean, kTile, layer.operand(0), layer.result()});
}

void print_op(const Softmax& op, Layer& layer) {
  const std::int64_t depth = layer.input(0).shape.back();
  const std::int64_t rows = layer.input(0).count() / depth;
  if (depth > SoftmaxTable::kMaxDepth) {
    fail("has {} classes; the int8 kernel adds up at most {}", depth, SoftmaxTable::kMaxDepth);
  }
  const SoftmaxTable table = softmax_table(op, int8_affine(layer.input(0), "input"),
                                           int8_affine(layer.output(), "output"), Rounding::kDouble);
  std::size_t distances = table.exp.size();
  while (table.exp[distances - 1] == 0) {
    --distances;
  }
  const std::string exp = layer.define_array<std::int32_t>("int32_t", "exp", std::span(table.exp).first(distances));
  const std::string softmax = layer.define(
      "mj_softmax", {{"depth", std::to_string(depth)}, {"distances", std::to_string(distances)}, {"exp", exp}});
  layer.call("mj_softmax_rows", "mj_softmax.c", {rows}, {"&" + softmax, kTile, layer.operand(0), layer.result()});
}

}  // namespace mj
