// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/boxes.h"

#include <algorithm>
#include <variant>

#include "mj/base/error.h"

namespace mj {
namespace {

using Steps = std::vector<std::int64_t>;

class Cutter {
 public:
  Cutter(const Graph& graph, const Node& node) : graph_(graph), node_(node) {}

  template <class Op>
  void operator()(const Op&) {}

  void operator()(const Concat& op) {
    const auto axis = static_cast<std::size_t>(op.axis);
    const Steps to = row_major_steps(output());
    std::int64_t position = 0;
    for (std::size_t i = 0; i < node_.inputs.size(); ++i) {
      add({input(i), i, 0, row_major_steps(input(i)), position * to[axis], to});
      position += input(i)[axis];
    }
  }

  void operator()(const Reshape&) { add({Shape{element_count(output())}, 0, 0, {1}, 0, {1}}); }

  void operator()(const Transpose& op) {
    const Steps own = row_major_steps(input(0));
    Steps from;
    for (const std::int64_t dimension : op.perm) from.push_back(own[static_cast<std::size_t>(dimension)]);
    add({output(), 0, 0, from, 0, row_major_steps(output())});
  }

  void operator()(const Slice& op) {
    Steps from = row_major_steps(input(0));
    std::int64_t offset = 0;
    for (std::size_t d = 0; d < from.size(); ++d) {
      offset += op.begin[d] * from[d];
      from[d] *= op.stride[d];
    }
    add({output(), 0, offset, from, 0, row_major_steps(output())});
  }

  // The border is cut into boxes that do not overlap, two per dimension: every byte of the output is written once.
  void operator()(const Pad& op) {
    const Shape& in = input(0);
    const Steps to = row_major_steps(output());
    const Steps still(in.size(), 0);
    Shape box = output();  // dimensions before d are cut to the inside already
    std::int64_t origin = 0;
    for (std::size_t d = 0; d < in.size(); ++d) {
      box[d] = op.before[d];
      add({box, std::nullopt, 0, still, origin, to});
      box[d] = op.after[d];
      add({box, std::nullopt, 0, still, origin + (op.before[d] + in[d]) * to[d], to});
      box[d] = in[d];
      origin += op.before[d] * to[d];
    }
    add({in, 0, 0, row_major_steps(in), origin, to});
  }

  std::vector<Box> boxes;

 private:
  const Shape& input(std::size_t i) const { return graph_.type(node_.inputs[i]).shape; }
  const Shape& output() const { return graph_.type(node_.output).shape; }
  void add(Box box) {
    if (std::ranges::find(box.shape, 0) == box.shape.end()) boxes.push_back(std::move(box));
  }

  const Graph& graph_;
  const Node& node_;
};

}  // namespace

std::int64_t Box::rows() const {
  const auto several = [](std::int64_t dimension) { return dimension > 1; };
  const bool one_line = std::ranges::count_if(shape, several) <= 1;
  return one_line ? 1 : *std::ranges::find_if(shape, several);
}

std::vector<Box> boxes(const Graph& graph, const Node& node) {
  Cutter cutter(graph, node);
  std::visit(cutter, node.op);
  return std::move(cutter.boxes);
}

namespace {

constexpr std::int64_t kMaxRows = 32767;  ///< kernels count rows in 16 bits

/// The dimensions of a box from `d` on as the inner three loops.
void merge_inner(const Box& box, std::size_t d, RowBox& out) {
  struct Loop {
    std::int64_t size, from, to;
  };
  std::vector<Loop> loops;
  for (; d < box.shape.size(); ++d) {
    const Loop inner{box.shape[d], box.from_steps[d], box.to_steps[d]};
    if (inner.size == 1) continue;
    if (!loops.empty() && loops.back().from == inner.from * inner.size && loops.back().to == inner.to * inner.size) {
      loops.back() = {loops.back().size * inner.size, inner.from, inner.to};
    } else {
      loops.push_back(inner);
    }
  }
  if (loops.size() > 3) {
    fail("needs {} nested loops within rows over {}; the kernels have 3", loops.size(), shape_text(box.shape));
  }
  for (std::size_t i = 4; !loops.empty(); loops.pop_back()) {
    --i;
    out.size[i] = loops.back().size, out.from_steps[i] = loops.back().from, out.to_steps[i] = loops.back().to;
  }
}

}  // namespace

RowBoxes row_boxes(const Graph& graph, const Node& node) {
  const std::vector<Box> all = boxes(graph, node);
  const Shape& output = graph.type(node.output).shape;
  RowBoxes out;
  // Rows are the leading dimensions that every box has all of.
  std::size_t rest = 0;
  const auto whole = [&](std::size_t d) { return std::ranges::all_of(all, [&](const Box& box) { return box.shape[d] == output[d]; }); };
  while (rest < output.size() && whole(rest) && out.rows * output[rest] <= kMaxRows) out.rows *= output[rest++];
  // Or else the first that some have not; but not single elements of one line.
  const bool cut = out.rows == 1 && rest + 1 < output.size() && row_major_steps(output)[rest] > 1;
  if (cut) out.rows = output[rest++];
  const std::int64_t row = element_count(output) / out.rows;
  for (const Box& box : all) {
    RowBox& part = out.boxes.emplace_back(RowBox{.input = box.input, .from = box.from});
    part.first = cut ? box.to / row : 0;
    part.to = box.to % row;
    part.size[0] = cut ? box.shape[rest - 1] : out.rows;
    if (out.rows > 1) part.from_steps[0] = box.from_steps[rest - 1], part.to_steps[0] = row;
    merge_inner(box, rest, part);
  }
  std::ranges::stable_sort(out.boxes, {}, &RowBox::to);
  return out;
}

std::vector<std::int64_t> row_major_steps(const Shape& shape) {
  Steps steps(shape.size());
  std::int64_t step = 1;
  for (std::size_t d = shape.size(); d-- > 0;) {
    steps[d] = step;
    step *= shape[d];
  }
  return steps;
}

}  // namespace mj
