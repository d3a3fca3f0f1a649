// SPDX-License-Identifier: Apache-2.0

// Operators that only move elements: all are copies of boxes.
#include <fmt/format.h>

#include "mj/base/error.h"
#include "mj/emit/layer.h"
#include "mj/ir/tensor.h"

namespace mj {
namespace {

void check_same_quantization(const Layer& layer) {
  const Affine y = int8_affine(layer.output(), "output");
  for (std::size_t i = 0; i < layer.input_count(); ++i) {
    if (int8_affine(layer.input(i), "input") != y) {
      fail("input {} is quantised differently from the output; expected the same, for elements are only moved", i);
    }
  }
}

std::string displaced(const std::string& place, std::int64_t offset) {
  return offset == 0 ? place : fmt::format("{} + {}", place, offset);
}

/// All boxes in one call.
void print_rows(Layer& layer) {
  const RowBoxes all = layer.row_boxes();
  std::string boxes, sources;
  for (const RowBox& box : all.boxes) {
    const char* separator = boxes.empty() ? "" : ", ";
    boxes += fmt::format("{}{{{}, {}, {{{}, {}, {}}}}}", separator, int16_text(box.first, "number of rows"), box.to, braces(box.size),
                         braces(box.from_steps), braces(box.to_steps));
    sources += separator + displaced(box.input ? layer.operand(*box.input) : layer.border(), box.from);
  }
  const std::string name = layer.define_list("mj_row_box", all.boxes.size(), boxes);
  layer.call("mj_copy_rows", "mj_copy_rows.c", {all.rows},
             {name, int16_text(static_cast<std::int64_t>(all.boxes.size()), "number of boxes"), kTile,
              fmt::format("(const int8_t* const[]){{{}}}", sources), layer.result()});
  layer.code.runtime.insert("mj_copy.c");
}

/// Every box is one call.
void print_boxes(Layer& layer) {
  check_same_quantization(layer);
  if (layer.copies_by_rows()) return print_rows(layer);
  const std::vector<Box> all = layer.boxes();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Box& box = all[i];
    const std::string source = box.input ? layer.operand(*box.input) : layer.border();
    const Loops loops = merge_loops(box.shape, {box.from_steps, box.to_steps});
    const std::string name = layer.define(
        "mj_box", {{"size", braces(loops.size)}, {"from", braces(loops.steps[0])}, {"to", braces(loops.steps[1])}},
        all.size() == 1 ? "" : std::to_string(i));
    layer.call("mj_copy", "mj_copy.c", {loops.size[0]},
               {"&" + name, kTile, displaced(source, box.from), displaced(layer.result(), box.to)});
  }
}

}  // namespace

void print_op(const Concat&, Layer& layer) { print_boxes(layer); }
void print_op(const Transpose&, Layer& layer) { print_boxes(layer); }
void print_op(const Slice&, Layer& layer) { print_boxes(layer); }

void print_op(const Reshape&, Layer& layer) {
  check_same_quantization(layer);
  if (!layer.in_place()) print_boxes(layer);
}

void print_op(const Pad& op, Layer& layer) {
  const Tensor border = quantize(std::span(&op.value, 1), Type{DType::kI8, {1}, layer.output().quant});
  layer.set_border(layer.define_array<std::int8_t>("int8_t", "value", border.as<std::int8_t>()));
  print_boxes(layer);
}

}  // namespace mj
