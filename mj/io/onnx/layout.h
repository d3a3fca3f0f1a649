// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "mj/ir/type.h"

namespace mj::onnx {

/// How the dimensions of a tensor, as one side names them, lie in the row-major tensor that the other side stores.
///
/// The stored elements are seen as a row-major block of `factors`; every dimension is made of some of them. Transposing
/// and reshaping then only relabel: nothing moves until somebody needs a certain order, and what cancels never
/// moves at all. Reading, the dimensions are ONNX's and the graph stores; writing, it is the other way round.
///
/// Dimensions of size 1 are made of no factors, and so is the batch, which is not stored.
struct Layout {
  Shape dims;                          ///< as named, the batch included where there is one
  Shape factors;                       ///< all greater than 1; their product is the number of stored elements
  std::vector<std::vector<int>> axes;  ///< for every dimension the factors it is made of, major first

  bool operator==(const Layout&) const = default;
};

/// Factors as they are stored.
std::vector<int> sorted(std::vector<int> factors);

/// The layout of dimensions stored in `order` (indices into `dims`; those left out are 1 or the batch).
Layout stored_in_order(Shape dims, std::span<const int> order);

/// The layout of `dims` of which the first `kept` are not stored and the others are one row-major vector.
Layout stored_flat(const Shape& dims, std::size_t kept);

/// Dimension i of the result is dimension perm[i].
Layout transposed(const Layout& layout, std::span<const std::int64_t> perm);

/// The same elements seen with other dimensions of the same product; the first `kept` dimensions stay as they are.
/// Nothing when a new dimension would cut across the stored order; the elements must then be moved first.
std::optional<Layout> reshaped(const Layout& layout, const Shape& dims, std::size_t kept);

/// The stored shape that has one dimension for each of the layout's dimensions greater than 1, in stored order; nothing
/// when the factors of one are not neighbours.
std::optional<Shape> natural_shape(const Layout& layout);

/// What it takes to store a tensor in another order: up to one reshape, one transpose, one reshape.
struct Rearrangement {
  std::optional<Shape> split;
  std::optional<std::vector<std::int64_t>> perm;
  std::optional<Shape> shape;
  Layout layout;  ///< of the result

  int moves() const { return perm ? 1 : 0; }
  bool none() const { return !split && !perm && !shape; }
};

/// Stores `layout`, whose tensor has the shape `stored` now, so that stored dimension i is made of the factors
/// groups[i], major first. Every factor is in exactly one group; an empty group is a dimension of size 1.
Rearrangement rearrange(const Layout& layout, const Shape& stored, std::span<const std::vector<int>> groups);

/// How to store a tensor of layout `from` so that it broadcasts against one of layout `to`, stored with shape `stored`:
/// one group for each stored dimension, empty where `from` has size 1. Both have as many dimensions. Nothing when they
/// are made of different factors.
std::optional<std::vector<std::vector<int>>> conforming_groups(const Layout& from, const Layout& to,
                                                               const Shape& stored);

/// The product of sizes, or nothing beyond 2^40 or below 0: what a hostile file claims.
std::optional<std::int64_t> checked_count(std::span<const std::int64_t> dims);

}  // namespace mj::onnx
