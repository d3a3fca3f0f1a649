// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/boxes.h"

#include <algorithm>
#include <variant>

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
