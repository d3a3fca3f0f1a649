// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mj/ir/graph.h"
#include "mj/ir/tensor.h"

namespace mj {

/// One int8 node with everything it is computed from; the first input is an activation, the others are constants.
struct Int8Case {
  Op op;
  std::vector<Tensor> inputs;
  Type output;
};

/// Kinds of cases: "conv2d", "depthwise", "linear", ...
const std::vector<std::string>& int8_case_kinds();

/// A case that depends on its arguments alone, of those that TensorFlow Lite Micro can express (padding "same" or
/// "valid", equal quantisations where its kernels ask for them), with scales as networks have them.
Int8Case int8_case(const std::string& kind, std::uint64_t trial);

/// The padding that TFLite's "same" stands for along {rows, columns}.
Padding same_padding(const Pair& size, const Pair& kernel, const Pair& stride, const Pair& dilation);

}  // namespace mj
