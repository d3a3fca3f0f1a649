// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "mj/ir/graph.h"

namespace mj {

/// A box of elements that an operator copies from one place to another.
struct Box {
  Shape shape;                           ///< of the box; no dimension is 0
  std::optional<std::size_t> input;      ///< which input it comes from; none for the border of a pad
  std::int64_t from = 0;                 ///< first element
  std::vector<std::int64_t> from_steps;  ///< elements between neighbours, per dimension
  std::int64_t to = 0;
  std::vector<std::int64_t> to_steps;

  /// What rows are counted along: the outermost dimension that is not 1; 1 where a single dimension is not, for that is
  /// one line.
  std::int64_t rows() const;
};

/// The boxes that concat, slice, transpose, pad and reshape are made of, in order; none for other operators. They cover
/// the output and do not overlap.
std::vector<Box> boxes(const Graph& graph, const Node& node);

/// A box, or the rows of one, as loops over rows of the output: four of them, the rows outermost, neighbouring dimensions
/// merged where they can be.
struct RowBox {
  std::optional<std::size_t> input;
  std::int64_t first = 0;  ///< row of the output where it begins; it goes on for size[0] rows
  std::int64_t from = 0;   ///< first element in that row
  std::int64_t to = 0;
  std::array<std::int64_t, 4> size{1, 1, 1, 1};
  std::array<std::int64_t, 4> from_steps{};
  std::array<std::int64_t, 4> to_steps{};

  std::int64_t lines() const { return size[1] * size[2]; }  ///< in a row
};

/// The boxes of a node by rows of its output. Whoever copies them row by row, all boxes of one before the next, writes the
/// output in order (but where boxes meet within their lines).
struct RowBoxes {
  std::int64_t rows = 1;  ///< as many as can be: whole leading dimensions that no box cuts, or the first that one does
  std::vector<RowBox> boxes;
};
/// Throws `Error` where a row has more than three loops.
RowBoxes row_boxes(const Graph& graph, const Node& node);

/// Elements between neighbours along each dimension, of row-major elements.
std::vector<std::int64_t> row_major_steps(const Shape& shape);

}  // namespace mj
