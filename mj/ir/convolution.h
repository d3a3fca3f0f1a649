// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "mj/ir/ops.h"

// Inside the evaluator: the geometry that float and integer convolutions share.
namespace mj::detail {

/// Sizes of one convolution. `inputs` and `outputs` are channels of one group.
struct Convolution {
  std::int64_t in_rows, in_columns, in_channels;
  std::int64_t out_rows, out_columns, out_channels;
  std::int64_t kernel_rows, kernel_columns;
  std::int64_t groups, inputs, outputs;
  Pair stride, dilation;
  std::int64_t top, left;

  Convolution(const Conv2d& op, const Shape& x, const Shape& weight, const Shape& y)
      : in_rows(x[0]),
        in_columns(x[1]),
        in_channels(x[2]),
        out_rows(y[0]),
        out_columns(y[1]),
        out_channels(y[2]),
        kernel_rows(weight[1]),
        kernel_columns(weight[2]),
        groups(op.groups),
        inputs(weight[3]),
        outputs(weight[0] / op.groups),
        stride(op.stride),
        dilation(op.dilation),
        top(op.pad[0]),
        left(op.pad[1]) {}

  std::int64_t places() const { return out_rows * out_columns; }
  std::int64_t taps() const { return kernel_rows * kernel_columns; }
  /// Elements of a patch: what one output element of a group sees.
  std::int64_t depth() const { return taps() * inputs; }
  /// Whether patches are the input as it lies.
  bool pointwise() const {
    return groups == 1 && taps() == 1 && stride == Pair{1, 1} && top == 0 && left == 0 && in_rows == out_rows &&
           in_columns == out_columns;
  }

  /// Writes the patches of `count` output places from `first` on (row-major) for one group, depth() elements
  /// each; zero outside of x.
  template <class T>
  void patches(const T* x, std::int64_t first, std::int64_t count, std::int64_t group, T* target) const {
    std::int64_t row = first / out_columns;
    std::int64_t column = first % out_columns;
    for (std::int64_t place = 0; place < count; ++place, target += depth()) {
      patch(x, row, column, group, target);
      if (++column == out_columns) {
        column = 0;
        ++row;
      }
    }
  }

  /// Calls `body(tap, channels of x)` for every tap that lies inside of x at one output place.
  template <class T, class Body>
  void taps_inside(const T* x, std::int64_t row, std::int64_t column, Body&& body) const {
    for (std::int64_t ky = 0; ky < kernel_rows; ++ky) {
      const std::int64_t y = row * stride[0] - top + ky * dilation[0];
      if (y < 0 || y >= in_rows) {
        continue;
      }
      for (std::int64_t kx = 0; kx < kernel_columns; ++kx) {
        const std::int64_t at = column * stride[1] - left + kx * dilation[1];
        if (at >= 0 && at < in_columns) {
          body(ky * kernel_columns + kx, x + (y * in_columns + at) * in_channels);
        }
      }
    }
  }

 private:
  template <class T>
  void patch(const T* x, std::int64_t row, std::int64_t column, std::int64_t group, T* target) const {
    const std::int64_t first = column * stride[1] - left;
    for (std::int64_t ky = 0; ky < kernel_rows; ++ky) {
      const std::int64_t y = row * stride[0] - top + ky * dilation[0];
      const bool inside = y >= 0 && y < in_rows;
      if (inside && groups == 1 && dilation[1] == 1) {
        // Neighbouring taps of a row are neighbours in x.
        const std::int64_t begin = std::clamp<std::int64_t>(-first, 0, kernel_columns);
        const std::int64_t end = std::clamp<std::int64_t>(in_columns - first, begin, kernel_columns);
        target = std::fill_n(target, begin * inputs, T{});
        target = std::copy_n(x + (y * in_columns + first + begin) * in_channels, (end - begin) * inputs, target);
        target = std::fill_n(target, (kernel_columns - end) * inputs, T{});
        continue;
      }
      for (std::int64_t kx = 0; kx < kernel_columns; ++kx) {
        const std::int64_t at = first + kx * dilation[1];
        if (inside && at >= 0 && at < in_columns) {
          target = std::copy_n(x + (y * in_columns + at) * in_channels + group * inputs, inputs, target);
        } else {
          target = std::fill_n(target, inputs, T{});
        }
      }
    }
  }
};

/// Weights {O,kh,kw,1} of a depthwise convolution as {kh,kw,O}, so that channels are neighbours.
template <class T>
std::vector<T> taps_first(const std::vector<T>& weight, std::int64_t channels, std::int64_t taps) {
  std::vector<T> turned(weight.size());
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      turned[static_cast<std::size_t>(tap * channels + c)] = weight[static_cast<std::size_t>(c * taps + tap)];
    }
  }
  return turned;
}

/// Memory of this thread that lives on between calls; its contents are whatever the last call left.
template <class T, class Tag>
T* scratch(std::int64_t count) {
  thread_local std::vector<T> memory;
  if (memory.size() < static_cast<std::size_t>(count)) {
    memory.resize(static_cast<std::size_t>(count));
  }
  return memory.data();
}

/// Output places per matrix product, so that the patches stay near the second-level cache whatever the image's size.
inline std::int64_t places_per_tile(const Convolution& conv, std::int64_t patch_bytes) {
  constexpr std::int64_t kTileBytes = 256 * 1024;
  return std::clamp<std::int64_t>(kTileBytes / std::max<std::int64_t>(patch_bytes, 1), 1, conv.places());
}

}  // namespace mj::detail
