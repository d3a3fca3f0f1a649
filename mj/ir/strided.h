// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "mj/ir/type.h"

// Inside the evaluator: walks over tensors whose elements lie at regular distances.
namespace mj::detail {

/// Elements between neighbours along each dimension.
using Strides = std::vector<std::int64_t>;

/// Of row-major elements.
inline Strides row_major(const Shape& shape) {
  Strides strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

/// Of a tensor of shape `shape` read with NumPy broadcasting in a walk over `full`: 0 where it repeats.
inline Strides broadcast(const Shape& shape, const Shape& full) {
  const Strides own = row_major(shape);
  Strides strides(full.size(), 0);
  const std::size_t missing = full.size() - shape.size();
  for (std::size_t i = 0; i < shape.size(); ++i) {
    strides[missing + i] = shape[i] == 1 ? 0 : own[i];
  }
  return strides;
}

/// Offsets of the first element of a row in each of N tensors.
template <std::size_t N>
using Offsets = std::array<std::int64_t, N>;

/// A walk over all rows (along the last dimension) of `shape`, with N tensors read or written along.
///
/// Neighbouring dimensions that all tensors cross in one stride are merged first, so that rows are as long as can be.
template <std::size_t N>
class RowWalk {
 public:
  RowWalk(const Shape& shape, const std::array<Strides, N>& strides) {
    for (std::size_t d = 0; d < shape.size(); ++d) {
      if (shape[d] == 1) {
        continue;
      }
      bool merges = !sizes_.empty();
      for (std::size_t t = 0; t < N && merges; ++t) {
        merges = strides_.back()[t] == strides[t][d] * shape[d];
      }
      if (!merges) {
        sizes_.push_back(1);
        strides_.emplace_back();
      }
      sizes_.back() *= shape[d];
      for (std::size_t t = 0; t < N; ++t) {
        strides_.back()[t] = strides[t][d];
      }
    }
    if (sizes_.empty()) {
      sizes_.push_back(1);
      strides_.push_back({});
    }
  }

  std::int64_t row_length() const { return sizes_.back(); }
  /// Between neighbours in a row.
  const Offsets<N>& row_strides() const { return strides_.back(); }

  /// Calls `body(offsets)` for every row, in row-major order.
  template <class Body>
  void operator()(Body&& body) const {
    const std::size_t outer = sizes_.size() - 1;
    std::vector<std::int64_t> index(outer, 0);
    Offsets<N> offsets{};
    for (;;) {
      body(offsets);
      std::size_t d = outer;
      for (; d > 0; --d) {
        const std::size_t i = d - 1;
        for (std::size_t t = 0; t < N; ++t) {
          offsets[t] += strides_[i][t];
        }
        if (++index[i] < sizes_[i]) {
          break;
        }
        for (std::size_t t = 0; t < N; ++t) {
          offsets[t] -= strides_[i][t] * sizes_[i];
        }
        index[i] = 0;
      }
      if (d == 0) {
        return;
      }
    }
  }

 private:
  std::vector<std::int64_t> sizes_;
  std::vector<Offsets<N>> strides_;
};

}  // namespace mj::detail
