// SPDX-License-Identifier: Apache-2.0
#pragma once

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

/// Elements between neighbours along each dimension, of row-major elements.
std::vector<std::int64_t> row_major_steps(const Shape& shape);

}  // namespace mj
