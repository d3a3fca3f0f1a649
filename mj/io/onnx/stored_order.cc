// SPDX-License-Identifier: Apache-2.0
// Constants brought into the order in which what they meet is stored.
#include <algorithm>
#include <numeric>

#include "mj/base/error.h"
#include "mj/io/onnx/literal.h"

namespace mj::onnx {
namespace {

/// Per-channel scales would have to be taken apart with the dimensions; rare enough to give the integers up.
Literal without_channels(const Literal& literal) {
  if (!literal.quant || !literal.quant->per_channel()) return literal;
  return float_literal(literal.name, literal.dims, reals(literal));
}

}  // namespace

Literal broadcast_in_stored_order(const Literal& given, const Layout& layout, const Shape& stored) {
  Literal literal = without_channels(given);
  // Aligned at the last dimension.
  while (literal.dims.size() > layout.dims.size() && literal.dims[0] == 1) literal.dims.erase(literal.dims.begin());
  Shape dims(layout.dims.size() - std::min(layout.dims.size(), literal.dims.size()), 1);
  dims.insert(dims.end(), literal.dims.begin(), literal.dims.end());
  for (std::size_t d = 0; d < dims.size(); ++d) {
    if (dims.size() != layout.dims.size() || (dims[d] != 1 && dims[d] != layout.dims[d])) {
      fail("'{}' has shape {}; expected one that broadcasts to {}", given.name, shape_text(given.dims),
           shape_text(layout.dims));
    }
  }

  // Take the dimensions apart into factors, each whole or broadcast (size 1), and put those into stored order.
  Shape split;
  std::vector<std::int64_t> perm(layout.factors.size());
  for (std::size_t d = 0; d < dims.size(); ++d) {
    for (int f : layout.axes[d]) {
      perm[static_cast<std::size_t>(f)] = static_cast<std::int64_t>(split.size());
      split.push_back(dims[d] == 1 ? 1 : layout.factors[static_cast<std::size_t>(f)]);
    }
  }
  literal = permuted(with_dims(std::move(literal), split), perm);

  // Stored dimensions made of both kinds need the broadcast factors written out.
  Shape shape;
  Shape repeat(literal.dims.size(), 1);
  std::size_t next = 0;
  for (std::int64_t size : stored) {
    const std::size_t begin = next;
    std::int64_t covered = 1, held = 1;
    while (covered < size) {
      covered *= layout.factors[next];
      held *= literal.dims[next++];
    }
    if (held != 1 && held != size) {
      for (std::size_t f = begin; f < next; ++f) repeat[f] = layout.factors[f] / literal.dims[f];
      held = size;
    }
    shape.push_back(held);
  }
  while (shape.size() > 1 && shape.front() == 1) shape.erase(shape.begin());
  return with_dims(repeated(literal, repeat), shape);
}

Literal along_stored_order(const Literal& literal, int axis, const Layout& layout, std::size_t dim) {
  const auto& factors = layout.axes[dim];
  if (std::is_sorted(factors.begin(), factors.end())) return literal;
  const Literal source = literal.quant && literal.quant->axis >= axis ? without_channels(literal) : literal;
  const auto a = static_cast<std::size_t>(axis);
  auto ascending = factors;
  std::sort(ascending.begin(), ascending.end());

  Shape split(literal.dims.begin(), literal.dims.begin() + axis);
  std::vector<std::int64_t> perm(a);
  std::iota(perm.begin(), perm.end(), 0);
  for (int f : factors) split.push_back(layout.factors[static_cast<std::size_t>(f)]);
  for (int f : ascending) perm.push_back(axis + (std::find(factors.begin(), factors.end(), f) - factors.begin()));
  for (std::size_t d = a + 1; d < literal.dims.size(); ++d) {
    perm.push_back(static_cast<std::int64_t>(split.size()));
    split.push_back(literal.dims[d]);
  }
  const int channel_axis = source.quant ? source.quant->axis : -1;
  return with_dims(permuted(with_dims(source, split, channel_axis), perm), literal.dims, channel_axis);
}

}  // namespace mj::onnx
