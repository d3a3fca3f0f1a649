// SPDX-License-Identifier: Apache-2.0

// Operators that only move elements: all are copies of boxes.
#include <fmt/format.h>

#include "mj/base/error.h"
#include "mj/emit/layer.h"
#include "mj/ir/tensor.h"

namespace mj {
namespace {

using Steps = std::vector<std::int64_t>;

void check_same_quantization(const Layer& layer) {
  const Affine y = int8_affine(layer.output(), "output");
  for (std::size_t i = 0; i < layer.input_count(); ++i) {
    if (int8_affine(layer.input(i), "input") != y) {
      fail("input {} is quantised differently from the output; expected the same, for elements are only moved", i);
    }
  }
}

/// A box of `shape` from one place to another; an offset is added to the places.
struct Box {
  Shape shape;
  std::string from;
  std::int64_t from_offset = 0;
  Steps from_steps;
  std::int64_t to_offset = 0;
  Steps to_steps;
};

std::string displaced(const std::string& place, std::int64_t offset) {
  return offset == 0 ? place : fmt::format("{} + {}", place, offset);
}

void print_box(Layer& layer, const Box& box, std::string_view what) {
  if (element_count(box.shape) == 0) {
    return;
  }
  const Loops loops = merge_loops(box.shape, {box.from_steps, box.to_steps});
  const std::string name = layer.define(
      "mj_box", {{"size", braces(loops.size)}, {"from", braces(loops.steps[0])}, {"to", braces(loops.steps[1])}}, what);
  layer.call("mj_copy", "mj_copy.c", {"&" + name, whole_tile(loops.size[0], 0), displaced(box.from, box.from_offset),
                                      displaced(layer.result(), box.to_offset)});
}

}  // namespace

void print_op(const Concat& op, Layer& layer) {
  check_same_quantization(layer);
  const auto axis = static_cast<std::size_t>(op.axis);
  const Steps to = row_major_steps(layer.output().shape);
  std::int64_t position = 0;
  for (std::size_t i = 0; i < layer.input_count(); ++i) {
    const Shape& shape = layer.input(i).shape;
    print_box(layer, {shape, layer.operand(i), 0, row_major_steps(shape), position * to[axis], to}, std::to_string(i));
    position += shape[axis];
  }
}

void print_op(const Reshape&, Layer& layer) {
  check_same_quantization(layer);
  if (layer.in_place()) {
    return;
  }
  const Shape all{layer.output().count()};
  print_box(layer, {all, layer.operand(0), 0, {1}, 0, {1}}, "");
}

void print_op(const Transpose& op, Layer& layer) {
  check_same_quantization(layer);
  const Steps own = row_major_steps(layer.input(0).shape);
  Steps from;
  for (const std::int64_t dimension : op.perm) {
    from.push_back(own[static_cast<std::size_t>(dimension)]);
  }
  const Shape& shape = layer.output().shape;
  print_box(layer, {shape, layer.operand(0), 0, from, 0, row_major_steps(shape)}, "");
}

void print_op(const Slice& op, Layer& layer) {
  check_same_quantization(layer);
  Steps from = row_major_steps(layer.input(0).shape);
  std::int64_t offset = 0;
  for (std::size_t d = 0; d < from.size(); ++d) {
    offset += op.begin[d] * from[d];
    from[d] *= op.stride[d];
  }
  const Shape& shape = layer.output().shape;
  print_box(layer, {shape, layer.operand(0), offset, from, 0, row_major_steps(shape)}, "");
}

// The border is cut into boxes that do not overlap, two per dimension: every byte of the output is written once.
void print_op(const Pad& op, Layer& layer) {
  check_same_quantization(layer);
  const Shape& in = layer.input(0).shape;
  const Steps to = row_major_steps(layer.output().shape);
  const Tensor border = quantize(std::span(&op.value, 1), Type{DType::kI8, {1}, layer.output().quant});
  const std::string value = layer.define_array<std::int8_t>("int8_t", "value", border.as<std::int8_t>());
  const Steps still(in.size(), 0);

  Shape box = layer.output().shape;  // dimensions before d are cut to the inside already
  std::int64_t origin = 0;
  for (std::size_t d = 0; d < in.size(); ++d) {
    box[d] = op.before[d];
    print_box(layer, {box, value, 0, still, origin, to}, fmt::format("before{}", d));
    box[d] = op.after[d];
    print_box(layer, {box, value, 0, still, origin + (op.before[d] + in[d]) * to[d], to}, fmt::format("after{}", d));
    box[d] = in[d];
    origin += op.before[d] * to[d];
  }
  print_box(layer, {in, layer.operand(0), 0, row_major_steps(in), origin, to}, "inside");
}

}  // namespace mj
