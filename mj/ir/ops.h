// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <variant>
#include <vector>

#include "mj/ir/type.h"

namespace mj {

// Every operator is a plain struct with a name (of the text form) and a `fields` function that lists its attributes
// once, for printing, parsing and comparing alike. `x` below is the first input; constants may follow it.

inline constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Limits of a fused activation in real numbers; {0, inf} is ReLU, {0, 6} ReLU6, {-inf, inf} none.
struct Range {
  float low = -kInfinity;
  float high = kInfinity;

  bool none() const { return low == -kInfinity && high == kInfinity; }
  bool operator==(const Range&) const = default;
};

/// Rows and columns of a window, {height, width}.
using Pair = std::array<std::int64_t, 2>;
/// Elements added {top, left, bottom, right}.
using Padding = std::array<std::int64_t, 4>;

/// 2-D convolution: inputs x {H,W,I}, weight {O,kh,kw,I/groups}, optional bias {O}. Depthwise is groups == I.
/// Output {(H+top+bottom-dilation_h*(kh-1)-1)/stride_h+1, ..., O}, clamped to `clamp`. Padding is with (real) zero.
struct Conv2d {
  static constexpr const char* kName = "conv2d";
  Pair stride{1, 1};
  Pair dilation{1, 1};
  Padding pad{0, 0, 0, 0};
  std::int64_t groups = 1;
  Range clamp{};

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("stride", self.stride), visit("dilation", self.dilation), visit("pad", self.pad);
    visit("groups", self.groups), visit("clamp", self.clamp);
  }
  bool operator==(const Conv2d&) const = default;
};

/// Fully connected: inputs x {...,I}, weight {O,I}, optional bias {O}; works on the last dimension.
struct Linear {
  static constexpr const char* kName = "linear";
  Range clamp{};

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("clamp", self.clamp);
  }
  bool operator==(const Linear&) const = default;
};

/// Batch normalisation over the last dimension C: inputs x, gamma, beta, mean, variance, each {C}.
struct BatchNorm {
  static constexpr const char* kName = "batch_norm";
  float epsilon = 1e-5f;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("epsilon", self.epsilon);
  }
  bool operator==(const BatchNorm&) const = default;
};

/// min(max(x, low), high): ReLU, ReLU6, Clip.
struct Clamp {
  static constexpr const char* kName = "clamp";
  Range range{0, kInfinity};

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("range", self.range);
  }
  bool operator==(const Clamp&) const = default;
};

/// x < 0 ? alpha * x : x.
struct LeakyRelu {
  static constexpr const char* kName = "leaky_relu";
  float alpha = 0.01f;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("alpha", self.alpha);
  }
  bool operator==(const LeakyRelu&) const = default;
};

/// x < 0 ? slope * x : x; inputs x, slope, which broadcasts to x.
struct PRelu {
  static constexpr const char* kName = "prelu";
  template <class Self, class Visit>
  static void fields(Self&, Visit&&) {}
  bool operator==(const PRelu&) const = default;
};

/// min(max(alpha * x + beta, 0), 1).
struct HardSigmoid {
  static constexpr const char* kName = "hard_sigmoid";
  float alpha = 0.2f;
  float beta = 0.5f;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("alpha", self.alpha), visit("beta", self.beta);
  }
  bool operator==(const HardSigmoid&) const = default;
};

/// x * min(max(x + 3, 0), 6) / 6.
struct HardSwish {
  static constexpr const char* kName = "hard_swish";
  template <class Self, class Visit>
  static void fields(Self&, Visit&&) {}
  bool operator==(const HardSwish&) const = default;
};

/// 1 / (1 + exp(-x)).
struct Sigmoid {
  static constexpr const char* kName = "sigmoid";
  template <class Self, class Visit>
  static void fields(Self&, Visit&&) {}
  bool operator==(const Sigmoid&) const = default;
};

/// tanh(x).
struct Tanh {
  static constexpr const char* kName = "tanh";
  template <class Self, class Visit>
  static void fields(Self&, Visit&&) {}
  bool operator==(const Tanh&) const = default;
};

/// Softmax over the last dimension of beta * x.
struct Softmax {
  static constexpr const char* kName = "softmax";
  float beta = 1;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("beta", self.beta);
  }
  bool operator==(const Softmax&) const = default;
};

/// Maximum over a window of x {H,W,C}; padding never wins.
struct MaxPool {
  static constexpr const char* kName = "max_pool";
  Pair kernel{2, 2};
  Pair stride{2, 2};
  Padding pad{0, 0, 0, 0};
  Range clamp{};

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("kernel", self.kernel), visit("stride", self.stride), visit("pad", self.pad), visit("clamp", self.clamp);
  }
  bool operator==(const MaxPool&) const = default;
};

/// Mean over a window of x {H,W,C}; divides by the elements inside x, or by the whole window with count_include_pad.
struct AvgPool {
  static constexpr const char* kName = "avg_pool";
  Pair kernel{2, 2};
  Pair stride{2, 2};
  Padding pad{0, 0, 0, 0};
  bool count_include_pad = false;
  Range clamp{};

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("kernel", self.kernel), visit("stride", self.stride), visit("pad", self.pad);
    visit("count_include_pad", self.count_include_pad), visit("clamp", self.clamp);
  }
  bool operator==(const AvgPool&) const = default;
};

/// Mean over the listed axes, which are dropped, or kept with size 1. Global average pooling is axes {0, 1} of {H,W,C}.
struct Mean {
  static constexpr const char* kName = "mean";
  std::vector<std::int64_t> axes{0, 1};
  bool keep_dims = false;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("axes", self.axes), visit("keep_dims", self.keep_dims);
  }
  bool operator==(const Mean&) const = default;
};

/// a + b with NumPy broadcasting, clamped.
struct Add {
  static constexpr const char* kName = "add";
  Range clamp{};

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("clamp", self.clamp);
  }
  bool operator==(const Add&) const = default;
};

/// a - b with NumPy broadcasting, clamped.
struct Sub {
  static constexpr const char* kName = "sub";
  Range clamp{};

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("clamp", self.clamp);
  }
  bool operator==(const Sub&) const = default;
};

/// a * b with NumPy broadcasting, clamped.
struct Mul {
  static constexpr const char* kName = "mul";
  Range clamp{};

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("clamp", self.clamp);
  }
  bool operator==(const Mul&) const = default;
};

/// The inputs one after the other along `axis`.
struct Concat {
  static constexpr const char* kName = "concat";
  std::int64_t axis = 0;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("axis", self.axis);
  }
  bool operator==(const Concat&) const = default;
};

/// The same elements in the same (row-major) order with another shape; flattening is shape {n}.
struct Reshape {
  static constexpr const char* kName = "reshape";
  Shape shape;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("shape", self.shape);
  }
  bool operator==(const Reshape&) const = default;
};

/// Dimension i of the output is dimension perm[i] of x.
struct Transpose {
  static constexpr const char* kName = "transpose";
  std::vector<std::int64_t> perm;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("perm", self.perm);
  }
  bool operator==(const Transpose&) const = default;
};

/// Adds `before[i]` and `after[i]` elements of the real number `value` to dimension i (one entry per dimension).
struct Pad {
  static constexpr const char* kName = "pad";
  std::vector<std::int64_t> before;
  std::vector<std::int64_t> after;
  float value = 0;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("before", self.before), visit("after", self.after), visit("value", self.value);
  }
  bool operator==(const Pad&) const = default;
};

/// Elements begin, begin+stride, ... below end of every dimension (one entry per dimension; strides positive).
struct Slice {
  static constexpr const char* kName = "slice";
  std::vector<std::int64_t> begin;
  std::vector<std::int64_t> end;
  std::vector<std::int64_t> stride;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("begin", self.begin), visit("end", self.end), visit("stride", self.stride);
  }
  bool operator==(const Slice&) const = default;
};

/// Converts between real and quantised elements, or from one quantisation to another; what it does is said by the
/// types of its input and output alone.
struct Quantize {
  static constexpr const char* kName = "quantize";
  template <class Self, class Visit>
  static void fields(Self&, Visit&&) {}
  bool operator==(const Quantize&) const = default;
};

/// The registry of operators: whatever is done per operator is an overload set visited through this variant, so a
/// missing case does not compile.
using Op = std::variant<Conv2d, Linear, BatchNorm, Clamp, LeakyRelu, PRelu, HardSigmoid, HardSwish, Sigmoid, Tanh, Softmax,
                        MaxPool, AvgPool, Mean, Add, Sub, Mul, Concat, Reshape, Transpose, Pad, Slice, Quantize>;

/// The operator's name in the text form and in tables.
inline const char* op_name(const Op& op) {
  return std::visit([](const auto& o) { return o.kName; }, op);
}

/// The fused activation of an operator that has one, else null.
template <class OpVariant>
auto* fused_clamp(OpVariant& op) {
  using Result = std::conditional_t<std::is_const_v<OpVariant>, const Range, Range>;
  return std::visit(
      [](auto& o) -> Result* {
        if constexpr (requires { o.clamp; }) {
          return &o.clamp;
        } else {
          return nullptr;
        }
      },
      op);
}

}  // namespace mj
