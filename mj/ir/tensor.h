// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "mj/ir/graph.h"

namespace mj {

/// One value of one sample at run time: its type and its row-major elements.
struct Tensor {
  Type type;
  std::vector<std::byte> data;

  template <class T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(data.data()), data.size() / sizeof(T)};
  }
  template <class T>
  std::span<T> as() {
    return {reinterpret_cast<T*>(data.data()), data.size() / sizeof(T)};
  }
  bool operator==(const Tensor&) const = default;
};

/// A zeroed tensor of this type.
Tensor make_tensor(Type type);
/// The real numbers the elements stand for; scale * (q - zero point), rounded once to float. Integers without a
/// quantisation stand for themselves.
std::vector<float> dequantize(const Tensor& tensor);
std::vector<float> dequantize(const Type& type, std::span<const std::byte> data);
/// Real numbers as a tensor of this type. Integers: real / scale in float, rounded to nearest (ties away from zero),
/// plus the zero point, saturated; what is not a number becomes the zero point. Throws `Error` when the counts differ.
Tensor quantize(std::span<const float> reals, const Type& type);

/// Pixels (or samples) as the real input of the graph: (pixel * scale - mean) / std, all in float.
std::vector<float> preprocess(const Preprocess& preprocess, std::span<const float> pixels, std::int64_t channels);
/// The same as a tensor of the graph's input type. Integer inputs are quantised from the real numbers.
Tensor input_tensor(const Graph& graph, std::span<const float> pixels);

}  // namespace mj
