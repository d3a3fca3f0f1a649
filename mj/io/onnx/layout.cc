// SPDX-License-Identifier: Apache-2.0
#include "mj/io/onnx/layout.h"

#include <algorithm>
#include <numeric>

#include "mj/base/error.h"

namespace mj::onnx {
namespace {

std::int64_t product(const Shape& factors, std::span<const int> group) {
  std::int64_t result = 1;
  for (int f : group) result *= factors[static_cast<std::size_t>(f)];
  return result;
}

/// For every stored dimension the range of factors it is made of: the first of each and the end of the last.
std::vector<int> factor_bounds(const Layout& layout, const Shape& stored) {
  std::vector<int> bounds{0};
  std::size_t next = 0;
  for (std::int64_t size : stored) {
    std::int64_t covered = 1;
    while (covered < size && next < layout.factors.size()) covered *= layout.factors[next++];
    MJ_CHECK(covered == size);
    bounds.push_back(static_cast<int>(next));
  }
  MJ_CHECK(next == layout.factors.size());
  return bounds;
}

/// The permutation of stored dimensions that brings the factors into the order of `groups`, when none of them is cut.
std::optional<std::vector<std::int64_t>> stored_permutation(const Layout& layout, const Shape& stored,
                                                            std::span<const std::vector<int>> groups) {
  const auto bounds = factor_bounds(layout, stored);
  std::vector<std::int64_t> dim_of(layout.factors.size());
  std::vector<std::int64_t> ones;
  for (std::size_t d = 0; d < stored.size(); ++d) {
    if (bounds[d] == bounds[d + 1]) ones.push_back(static_cast<std::int64_t>(d));
    for (int f = bounds[d]; f < bounds[d + 1]; ++f) dim_of[static_cast<std::size_t>(f)] = static_cast<std::int64_t>(d);
  }
  std::vector<std::int64_t> perm;
  std::size_t used_ones = 0;
  for (const auto& group : groups) {
    if (group.empty() && used_ones < ones.size()) perm.push_back(ones[used_ones++]);
    for (std::size_t i = 0; i < group.size();) {
      const auto d = static_cast<std::size_t>(dim_of[static_cast<std::size_t>(group[i])]);
      for (int f = bounds[d]; f < bounds[d + 1]; ++f, ++i) {
        if (i >= group.size() || group[i] != f) return std::nullopt;
      }
      perm.push_back(static_cast<std::int64_t>(d));
    }
  }
  // Dimensions of size 1 that nobody asked for go to the front; a reshape drops them.
  perm.insert(perm.begin(), ones.begin() + static_cast<std::ptrdiff_t>(used_ones), ones.end());
  return perm;
}

}  // namespace

std::vector<int> sorted(std::vector<int> factors) {
  std::sort(factors.begin(), factors.end());
  return factors;
}

Layout stored_in_order(Shape dims, std::span<const int> order) {
  Layout layout;
  layout.axes.resize(dims.size());
  for (int d : order) {
    const std::int64_t size = dims[static_cast<std::size_t>(d)];
    if (size == 1) continue;
    layout.axes[static_cast<std::size_t>(d)] = {static_cast<int>(layout.factors.size())};
    layout.factors.push_back(size);
  }
  layout.dims = std::move(dims);
  return layout;
}

Layout stored_flat(const Shape& dims, std::size_t kept) {
  const Shape rest(dims.begin() + static_cast<std::ptrdiff_t>(kept), dims.end());
  Shape flat(dims.begin(), dims.begin() + static_cast<std::ptrdiff_t>(kept));
  flat.push_back(element_count(rest));
  const int last = static_cast<int>(kept);
  const auto layout = reshaped(stored_in_order(flat, {&last, 1}), dims, kept);
  MJ_CHECK(layout);  // a single factor can be cut anywhere
  return *layout;
}

Layout transposed(const Layout& layout, std::span<const std::int64_t> perm) {
  Layout result;
  result.factors = layout.factors;
  for (std::int64_t p : perm) {
    result.dims.push_back(layout.dims[static_cast<std::size_t>(p)]);
    result.axes.push_back(layout.axes[static_cast<std::size_t>(p)]);
  }
  return result;
}

std::optional<Layout> reshaped(const Layout& layout, const Shape& dims, std::size_t kept) {
  // Cut the factors, in the order of the dimensions, so that each new dimension is made of whole pieces.
  struct Piece {
    int factor;
    std::int64_t size;
  };
  std::vector<Piece> pieces;
  for (std::size_t d = kept; d < layout.dims.size(); ++d) {
    for (int f : layout.axes[d]) pieces.push_back({f, layout.factors[static_cast<std::size_t>(f)]});
  }
  std::vector<std::vector<std::int64_t>> cuts(layout.factors.size());  // sizes of each factor's pieces
  std::vector<std::vector<std::pair<int, int>>> wanted(dims.size());   // (factor, piece) of each new dimension
  std::size_t next = 0;
  for (std::size_t d = kept; d < dims.size(); ++d) {
    std::int64_t rest = dims[d];
    while (rest > 1) {
      if (next == pieces.size()) return std::nullopt;
      Piece& piece = pieces[next];
      auto& sizes = cuts[static_cast<std::size_t>(piece.factor)];
      wanted[d].emplace_back(piece.factor, static_cast<int>(sizes.size()));
      if (rest % piece.size == 0) {
        rest /= piece.size;
        sizes.push_back(piece.size);
        ++next;
      } else if (piece.size % rest == 0) {
        sizes.push_back(rest);
        piece.size /= rest;
        rest = 1;
      } else {
        return std::nullopt;
      }
    }
  }
  if (next != pieces.size()) return std::nullopt;
  for (std::size_t d = 0; d < kept; ++d) {
    for (int f : layout.axes[d]) {
      wanted[d].emplace_back(f, 0);
      cuts[static_cast<std::size_t>(f)] = {layout.factors[static_cast<std::size_t>(f)]};
    }
  }

  Layout result;
  result.dims = dims;
  std::vector<int> first;
  for (const auto& sizes : cuts) {
    first.push_back(static_cast<int>(result.factors.size()));
    result.factors.insert(result.factors.end(), sizes.begin(), sizes.end());
  }
  for (const auto& list : wanted) {
    auto& axes = result.axes.emplace_back();
    for (auto [factor, piece] : list) axes.push_back(first[static_cast<std::size_t>(factor)] + piece);
  }
  return result;
}

std::optional<Shape> natural_shape(const Layout& layout) {
  std::vector<int> dim_of(layout.factors.size(), -1);
  for (std::size_t d = 0; d < layout.axes.size(); ++d) {
    for (int f : layout.axes[d]) dim_of[static_cast<std::size_t>(f)] = static_cast<int>(d);
  }
  Shape shape;
  std::vector<bool> seen(layout.dims.size(), false);
  for (std::size_t f = 0; f < dim_of.size(); ++f) {
    if (f > 0 && dim_of[f] == dim_of[f - 1]) {
      shape.back() *= layout.factors[f];
      continue;
    }
    if (seen[static_cast<std::size_t>(dim_of[f])]) return std::nullopt;
    seen[static_cast<std::size_t>(dim_of[f])] = true;
    shape.push_back(layout.factors[f]);
  }
  return shape;
}

Rearrangement rearrange(const Layout& layout, const Shape& stored, std::span<const std::vector<int>> groups) {
  Rearrangement result;
  std::vector<int> order;
  Shape wanted;
  for (const auto& group : groups) {
    order.insert(order.end(), group.begin(), group.end());
    wanted.push_back(product(layout.factors, group));
  }
  MJ_CHECK(order.size() == layout.factors.size());

  result.layout.dims = layout.dims;
  std::vector<int> place(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    place[static_cast<std::size_t>(order[i])] = static_cast<int>(i);
    result.layout.factors.push_back(layout.factors[static_cast<std::size_t>(order[i])]);
  }
  for (const auto& axes : layout.axes) {
    auto& moved = result.layout.axes.emplace_back();
    for (int f : axes) moved.push_back(place[static_cast<std::size_t>(f)]);
  }

  Shape now = stored;
  if (!std::is_sorted(order.begin(), order.end())) {
    auto perm = stored_permutation(layout, stored, groups);
    if (!perm) {
      now = layout.factors;
      result.split = now;
      perm.emplace(order.begin(), order.end());
    }
    Shape moved;
    for (std::int64_t p : *perm) moved.push_back(now[static_cast<std::size_t>(p)]);
    result.perm = std::move(perm);
    now = std::move(moved);
  }
  if (now != wanted) result.shape = std::move(wanted);
  return result;
}

std::optional<std::vector<std::vector<int>>> conforming_groups(const Layout& from, const Layout& to,
                                                               const Shape& stored) {
  std::vector<int> counterpart(to.factors.size(), -1);
  for (std::size_t d = 0; d < to.dims.size(); ++d) {
    if (from.axes[d].empty()) continue;
    if (from.axes[d].size() != to.axes[d].size()) return std::nullopt;
    for (std::size_t i = 0; i < to.axes[d].size(); ++i) {
      const auto t = static_cast<std::size_t>(to.axes[d][i]);
      if (from.factors[static_cast<std::size_t>(from.axes[d][i])] != to.factors[t]) return std::nullopt;
      counterpart[t] = from.axes[d][i];
    }
  }
  std::vector<std::vector<int>> groups;
  std::size_t next = 0;
  for (std::int64_t size : stored) {
    auto& group = groups.emplace_back();
    std::int64_t covered = 1;
    bool any_missing = false;
    for (; covered < size; ++next) {
      covered *= to.factors[next];
      if (counterpart[next] >= 0) group.push_back(counterpart[next]);
      any_missing |= counterpart[next] < 0;
    }
    if (any_missing && !group.empty()) return std::nullopt;
  }
  return groups;
}

std::optional<std::int64_t> checked_count(std::span<const std::int64_t> dims) {
  constexpr std::int64_t kLimit = std::int64_t{1} << 40;
  std::int64_t count = 1;
  bool empty = false;
  for (std::int64_t d : dims) {
    if (d < 0) return std::nullopt;
    if (d == 0) {
      empty = true;
      continue;
    }
    if (d > kLimit || count > kLimit / d) return std::nullopt;
    count *= d;
  }
  return empty ? 0 : count;
}

}  // namespace mj::onnx
