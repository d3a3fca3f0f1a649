// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/boxes.h"

#include <gtest/gtest.h>

#include <numeric>

namespace mj {
namespace {

constexpr std::int64_t kBorder = -1;

/// One element that a node copies: where from (input and element, or the border) and where to.
struct Copied {
  std::int64_t to = 0;
  std::int64_t input = kBorder;
  std::int64_t from = 0;

  auto operator<=>(const Copied&) const = default;
};

std::vector<Copied> by_boxes(const Graph& graph) {
  std::vector<Copied> out;
  for (const Box& box : boxes(graph, graph.nodes[0])) {
    for (std::int64_t i = 0; i < element_count(box.shape); ++i) {
      std::int64_t rest = i, from = box.from, to = box.to;
      for (std::size_t d = box.shape.size(); d-- > 0; rest /= box.shape[d]) {
        from += rest % box.shape[d] * box.from_steps[d];
        to += rest % box.shape[d] * box.to_steps[d];
      }
      out.push_back(box.input ? Copied{to, static_cast<std::int64_t>(*box.input), from} : Copied{to});
    }
  }
  return out;
}

/// In the order of a kernel that goes along rows.
std::vector<Copied> by_rows(const Graph& graph) {
  const RowBoxes all = row_boxes(graph, graph.nodes[0]);
  const std::int64_t pitch = graph.type(graph.nodes[0].output).count() / all.rows;
  std::vector<Copied> out;
  for (std::int64_t row = 0; row < all.rows; ++row) {
    for (const RowBox& box : all.boxes) {
      if (row < box.first || row >= box.first + box.size[0]) continue;
      const std::int64_t inside = row - box.first;
      if (box.first + box.size[0] < all.rows || inside > 0) EXPECT_EQ(box.to_steps[0], pitch);
      for (std::int64_t i = 0; i < box.size[1] * box.size[2] * box.size[3]; ++i) {
        const std::int64_t a = i / (box.size[2] * box.size[3]), b = i / box.size[3] % box.size[2], c = i % box.size[3];
        const std::int64_t from = box.from + inside * box.from_steps[0] + a * box.from_steps[1] +
                                  b * box.from_steps[2] + c * box.from_steps[3];
        const std::int64_t to = row * pitch + box.to + a * box.to_steps[1] + b * box.to_steps[2] + c * box.to_steps[3];
        out.push_back(box.input ? Copied{to, static_cast<std::int64_t>(*box.input), from} : Copied{to});
      }
    }
  }
  return out;
}

Graph concat_of(const std::vector<Shape>& shapes, std::int64_t axis) {
  Graph graph;
  std::vector<ValueId> inputs;
  for (const Shape& shape : shapes) inputs.push_back(graph.add_input("x", Type{DType::kI8, shape, {}}));
  graph.outputs = {graph.add_node("y", Concat{axis}, inputs)};
  return graph;
}
Graph pad_of(Shape shape, const Pad& pad) {
  Graph graph;
  const ValueId x = graph.add_input("x", Type{DType::kI8, std::move(shape), {}});
  graph.outputs = {graph.add_node("y", pad, {x})};
  return graph;
}

void expect_same_copies(const Graph& graph, std::int64_t rows, bool in_order) {
  std::vector<Copied> expected = by_boxes(graph), found = by_rows(graph);
  EXPECT_EQ(row_boxes(graph, graph.nodes[0]).rows, rows);
  EXPECT_EQ(std::is_sorted(found.begin(), found.end()), in_order);
  std::sort(expected.begin(), expected.end());
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, expected);
}

TEST(RowBoxes, CopyWhatBoxesDoInTheOrderOfTheOutput) {
  expect_same_copies(concat_of({{3, 4, 2}, {3, 4, 5}, {3, 4, 1}}, 2), 12, true);
  expect_same_copies(concat_of({{3, 4, 2}, {3, 1, 2}}, 1), 3, true);
  expect_same_copies(concat_of({{3, 4, 2}, {1, 4, 2}, {2, 4, 2}}, 0), 6, true);
  expect_same_copies(concat_of({{1, 4, 2}, {1, 4, 3}}, 2), 4, true);
  expect_same_copies(concat_of({{7}, {2}}, 0), 1, true);
  expect_same_copies(concat_of({{1, 1, 7}, {1, 1, 2}}, 2), 1, true);
  expect_same_copies(pad_of({3, 4, 2}, {.before = {1, 2, 0}, .after = {2, 0, 0}}), 6, true);
  expect_same_copies(pad_of({3, 4, 2}, {.before = {0, 0, 1}, .after = {0, 0, 2}}), 12, true);
  expect_same_copies(pad_of({3, 4, 2}, {.before = {0, 1, 0}, .after = {0, 1, 0}}), 3, true);
  expect_same_copies(pad_of({5}, {.before = {3}, .after = {1}}), 1, true);
  // Channels beside channels of one row: the border of all pixels comes before what is inside them.
  expect_same_copies(pad_of({3, 4, 2}, {.before = {1, 1, 1}, .after = {0, 1, 0}}), 4, false);
}

TEST(RowBoxes, HaveNoMoreRowsThanKernelsCount) {
  const Graph graph = concat_of({{200, 200, 2}, {200, 200, 1}}, 2);
  EXPECT_EQ(row_boxes(graph, graph.nodes[0]).rows, 200);
}

}  // namespace
}  // namespace mj
