// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "mj/ir/type.h"

namespace mj::onnx {

// The rules of ONNX about dimensions, the same for computed tensors and for constants. All throw `Error` when the
// numbers do not fit.

/// Reshape: 0 copies (unless `zero_is_zero`), -1 is what is left.
Shape reshape_dims(const Shape& from, std::span<const std::int64_t> target, bool zero_is_zero);
/// Flatten into a matrix cut at `axis`.
Shape flatten_dims(const Shape& from, std::int64_t axis);
/// Transpose; without `given` the dimensions are reversed.
std::vector<std::int64_t> transpose_perm(int rank, const std::optional<std::vector<std::int64_t>>& given);
/// Squeeze; without `axes` every dimension of size 1.
std::vector<int> squeeze_axes(const Shape& from, const std::optional<std::vector<std::int64_t>>& axes);
/// Unsqueeze: where the new dimensions are in the result, ascending.
std::vector<int> unsqueeze_axes(int rank, std::span<const std::int64_t> axes);

/// One dimension of a slice: elements begin, begin+stride, ... (`count` of them).
struct SliceRange {
  std::int64_t begin = 0;
  std::int64_t stride = 1;
  std::int64_t count = 0;
};
/// Slice; one range for each dimension of `from`.
std::vector<SliceRange> slice_ranges(const Shape& from, std::span<const std::int64_t> starts,
                                     std::span<const std::int64_t> ends,
                                     const std::optional<std::vector<std::int64_t>>& axes,
                                     const std::optional<std::vector<std::int64_t>>& steps);

}  // namespace mj::onnx
