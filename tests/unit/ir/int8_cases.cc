// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/ir/int8_cases.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "mj/base/hash.h"
#include "tests/unit/ir/single_node.h"

namespace mj {
namespace {

class Maker {
 public:
  explicit Maker(RandomStream random) : random_(random) {}

  std::int64_t pick(std::int64_t low, std::int64_t high) { return random_between(low, high, random_); }
  bool coin() { return pick(0, 1) == 1; }
  /// Between low and high, small ones more often; without functions whose last bit depends on the C library.
  float scale(double low, double high) {
    const double u = random_.uniform();
    return static_cast<float>(low + (high - low) * u * u * u);
  }
  std::int32_t zero_point() { return static_cast<std::int32_t>(pick(-128, 127)); }
  Type activation(Shape shape) { return int8_type(std::move(shape), scale(0.002, 0.2), zero_point()); }
  Tensor int8(const Type& type) { return random_int8(type, random_); }
  Range clamp() {
    const std::int64_t which = pick(0, 3);
    return which == 0 ? Range{0, kInfinity} : which == 1 ? Range{0, 6} : which == 2 ? Range{-1, 1} : Range{};
  }

  Tensor weight(Shape shape, bool per_channel) {
    const auto channels = static_cast<std::size_t>(per_channel ? shape[0] : 1);
    Quantization quant{{}, std::vector<std::int32_t>(channels, 0), per_channel ? 0 : -1};
    for (std::size_t c = 0; c < channels; ++c) quant.scale.push_back(scale(0.0005, 0.02));
    Tensor tensor = int8({DType::kI8, std::move(shape), quant});
    for (std::int8_t& w : tensor.as<std::int8_t>()) w = std::max<std::int8_t>(w, -127);
    return tensor;
  }

  Tensor bias(const Tensor& x, const Tensor& weight) {
    Quantization quant = *weight.type.quant;
    for (float& s : quant.scale) s *= x.type.quant->scale[0];
    Tensor tensor = make_tensor({DType::kI32, {weight.type.shape[0]}, quant});
    for (std::int32_t& b : tensor.as<std::int32_t>()) b = static_cast<std::int32_t>(pick(-20000, 20000));
    return tensor;
  }

  /// An output that sums of `depth` products just about fill.
  Type sums(Shape shape, const Tensor& x, const Tensor& weight, std::int64_t depth) {
    float largest = 0;
    for (const float s : weight.type.quant->scale) largest = std::max(largest, s);
    const double spread = x.type.quant->scale[0] * largest * 5000 * std::sqrt(static_cast<double>(depth));
    return int8_type(std::move(shape), scale(spread / 200, spread / 20), zero_point());
  }

  RandomStream random_;
};

Int8Case convolution(Maker& make, bool depthwise) {
  Conv2d op;
  op.stride = {make.pick(1, 2), make.pick(1, 2)};
  // TFLite Micro has dilation without stride only.
  if (op.stride == Pair{1, 1} && make.coin()) op.dilation = {make.pick(1, 3), make.pick(1, 3)};
  op.clamp = make.clamp();
  const Pair kernel{make.pick(1, 4), make.pick(1, 4)};
  const Pair size{make.pick(1, 4) + op.dilation[0] * kernel[0], make.pick(1, 4) + op.dilation[1] * kernel[1]};
  if (make.coin()) op.pad = same_padding(size, kernel, op.stride, op.dilation);
  std::int64_t inputs = make.pick(1, 12);
  std::int64_t outputs = make.pick(1, 9);
  if (depthwise) {
    op.groups = make.pick(2, 12);
    inputs = 1;
    outputs = op.groups * make.pick(1, 3);
  } else if (make.pick(0, 3) == 0) {
    op.groups = make.pick(2, 4);
    outputs *= op.groups;
  }
  Shape shape(3);
  for (std::size_t d = 0; d < 2; ++d) {
    shape[d] = (size[d] + op.pad[d] + op.pad[d + 2] - op.dilation[d] * (kernel[d] - 1) - 1) / op.stride[d] + 1;
  }
  shape[2] = outputs;
  const Tensor x = make.int8(make.activation({size[0], size[1], inputs * op.groups}));
  const Tensor w = make.weight({outputs, kernel[0], kernel[1], inputs}, make.coin());
  const Type y = make.sums(shape, x, w, kernel[0] * kernel[1] * inputs);
  return {op, {x, w, make.bias(x, w)}, y};
}

Int8Case linear(Maker& make) {
  const std::int64_t depth = make.pick(1, 70);
  const std::int64_t outputs = make.pick(1, 12);
  const std::int64_t rows = make.pick(1, 3);
  const Tensor x = make.int8(make.activation({rows, depth}));
  const Tensor w = make.weight({outputs, depth}, make.coin());
  const Type y = make.sums({rows, outputs}, x, w, depth);
  return {Linear{make.clamp()}, {x, w, make.bias(x, w)}, y};
}

template <class OpType>
Int8Case binary(Maker& make, bool product) {
  const Shape shape{make.pick(1, 4), make.pick(1, 4), make.pick(1, 9)};
  Shape other = shape;
  const std::int64_t which = make.pick(0, 3);
  if (which == 1) other = {1, 1, shape[2]};
  if (which == 2) other = {shape[0], shape[1], 1};
  if (which == 3) other = {1, 1, 1};
  const Tensor a = make.int8(make.activation(shape));
  const Tensor b = make.int8(make.activation(other));
  const double sa = a.type.quant->scale[0];
  const double sb = b.type.quant->scale[0];
  const double spread = product ? sa * sb * 100 : std::max(sa, sb);
  OpType op;
  if constexpr (requires { op.clamp; }) op.clamp = make.clamp();
  return {op, {a, b}, int8_type(shape, make.scale(spread / 4, spread * 4), make.zero_point())};
}

template <class Pool>
Int8Case pool(Maker& make) {
  Pool op;
  op.kernel = {make.pick(1, 4), make.pick(1, 4)};
  op.stride = {make.pick(1, 3), make.pick(1, 3)};
  op.clamp = make.clamp();
  const Pair size{make.pick(4, 9), make.pick(4, 9)};
  if (make.coin()) op.pad = same_padding(size, op.kernel, op.stride, {1, 1});
  const Tensor x = make.int8(make.activation({size[0], size[1], make.pick(1, 9)}));
  Type y = x.type;
  for (std::size_t d = 0; d < 2; ++d) {
    y.shape[d] = (size[d] + op.pad[d] + op.pad[d + 2] - op.kernel[d]) / op.stride[d] + 1;
  }
  return {op, {x}, y};
}

Int8Case mean(Maker& make) {
  const Tensor x = make.int8(make.activation({make.pick(1, 9), make.pick(1, 9), make.pick(1, 9)}));
  const double spread = x.type.quant->scale[0];
  Mean op{{0, 1}, false};
  Shape shape{x.type.shape[2]};
  if (make.coin()) {
    op.axes = {2};
    shape = {x.type.shape[0], x.type.shape[1]};
  }
  return {op, {x}, int8_type(shape, make.scale(spread / 8, spread * 3), make.zero_point())};
}

/// All 256 values of an input.
Tensor every_value(const Type& type) {
  Tensor x = make_tensor(type);
  for (std::size_t i = 0; i < 256; ++i) x.as<std::int8_t>()[i] = static_cast<std::int8_t>(static_cast<int>(i) - 128);
  return x;
}

Int8Case unary(Maker& make, const Op& op, double least_ratio, double most_ratio) {
  const Tensor x = every_value(make.activation({256}));
  const double spread = x.type.quant->scale[0];
  return {op, {x}, int8_type({256}, make.scale(spread * least_ratio, spread * most_ratio), make.zero_point())};
}

Int8Case fixed_output(Maker& make, const Op& op, float scale, std::int32_t zero_point) {
  return {op, {every_value(make.activation({256}))}, int8_type({256}, scale, zero_point)};
}

Int8Case softmax(Maker& make) {
  const Tensor x = make.int8(make.activation({make.pick(1, 3), make.pick(1, 40)}));
  const Softmax op{make.coin() ? 1.0f : make.scale(0.1, 10)};
  return {op, {x}, int8_type(x.type.shape, 1.0f / 256, -128)};
}

Int8Case pad(Maker& make) {
  const Tensor x = make.int8(make.activation({make.pick(1, 4), make.pick(1, 4), make.pick(1, 4)}));
  Pad op;
  Type y = x.type;
  for (std::size_t d = 0; d < 3; ++d) {
    op.before.push_back(make.pick(0, 2));
    op.after.push_back(make.pick(0, 2));
    y.shape[d] += op.before[d] + op.after[d];
  }
  return {op, {x}, y};
}

Int8Case from_float(Maker& make) {
  Tensor x = make_tensor({DType::kF32, {300}, {}});
  const Type y = make.activation({300});
  for (float& value : x.as<float>()) {
    value = static_cast<float>(make.random_.uniform() - 0.5) * 600 * y.quant->scale[0];
    if (make.coin()) value = (std::round(value / y.quant->scale[0]) + 0.5f) * y.quant->scale[0];  // near ties
  }
  return {Quantize{}, {x}, y};
}

const std::map<std::string, std::function<Int8Case(Maker&)>>& makers() {
  static const std::map<std::string, std::function<Int8Case(Maker&)>> all{
      {"conv2d", [](Maker& make) { return convolution(make, false); }},
      {"depthwise", [](Maker& make) { return convolution(make, true); }},
      {"linear", linear},
      {"add", [](Maker& make) { return binary<Add>(make, false); }},
      {"sub", [](Maker& make) { return binary<Sub>(make, false); }},
      {"mul", [](Maker& make) { return binary<Mul>(make, true); }},
      {"prelu", [](Maker& make) { return binary<PRelu>(make, true); }},
      {"max_pool", pool<MaxPool>},
      {"avg_pool", pool<AvgPool>},
      {"mean", mean},
      {"relu",
       [](Maker& make) {
         return unary(make, Clamp{{0, kInfinity}}, 0.25, 4);
       }},
      {"relu6",
       [](Maker& make) {
         Int8Case made = unary(make, Clamp{{0, 6}}, 1, 1);
         made.output = made.inputs[0].type;  // the kernel keeps the quantisation
         return made;
       }},
      {"leaky_relu", [](Maker& make) { return unary(make, LeakyRelu{make.scale(0.01, 0.9)}, 0.25, 4); }},
      {"hard_swish", [](Maker& make) { return unary(make, HardSwish{}, 0.02, 4); }},
      {"sigmoid", [](Maker& make) { return fixed_output(make, Sigmoid{}, 1.0f / 256, -128); }},
      {"tanh", [](Maker& make) { return fixed_output(make, Tanh{}, 1.0f / 128, 0); }},
      {"softmax", softmax},
      {"requantize", [](Maker& make) { return unary(make, Quantize{}, 0.1, 10); }},
      {"quantize", from_float},
      {"dequantize",
       [](Maker& make) {
         return Int8Case{Quantize{}, {every_value(make.activation({256}))}, {DType::kF32, {256}, {}}};
       }},
      {"pad", pad},
  };
  return all;
}

}  // namespace

const std::vector<std::string>& int8_case_kinds() {
  static const std::vector<std::string> kinds = [] {
    std::vector<std::string> names;
    for (const auto& [name, maker] : makers()) names.push_back(name);
    return names;
  }();
  return kinds;
}

Int8Case int8_case(const std::string& kind, std::uint64_t trial) {
  Maker make(RandomStream(content_hash(std::as_bytes(std::span(kind.data(), kind.size()))), trial));
  return makers().at(kind)(make);
}

Padding same_padding(const Pair& size, const Pair& kernel, const Pair& stride, const Pair& dilation) {
  Padding pad{};
  for (std::size_t d = 0; d < 2; ++d) {
    const std::int64_t windows = (size[d] + stride[d] - 1) / stride[d];
    const std::int64_t extent = dilation[d] * (kernel[d] - 1) + 1;
    const std::int64_t total = std::max<std::int64_t>((windows - 1) * stride[d] + extent - size[d], 0);
    pad[d] = total / 2;
    pad[d + 2] = total - total / 2;
  }
  return pad;
}

}  // namespace mj
