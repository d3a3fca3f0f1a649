// SPDX-License-Identifier: Apache-2.0
#include "random_graph.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>

#include "mj/base/random.h"

namespace mj {
namespace {

class Builder {
 public:
  explicit Builder(std::uint64_t seed) : random_(seed) {}

  Graph run() {
    dtype_ = std::array{DType::kF32, DType::kI8, DType::kI16}[below(3)];
    input({between(4, 9), between(4, 9), between(1, 4)});
    if (below(8) == 0) input({between(1, 5)});
    const std::int64_t nodes = between(1, 12);
    for (std::int64_t i = 0; i < nodes; ++i) step();
    outputs();
    facts();
    if (below(2)) plan();
    return std::move(graph_);
  }

 private:
  std::int64_t below(std::int64_t n) { return static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(n))); }
  std::int64_t between(std::int64_t least, std::int64_t most) { return least + below(most - least + 1); }

  std::string name() {
    static const std::string letters = "abc%=[]#\"\\\n\r\t\x01\x7f\xc3\xa9 ,:()";
    std::string out;
    for (std::int64_t n = below(6); n > 0; --n) out += letters[static_cast<std::size_t>(below(std::ssize(letters)))];
    return out;
  }

  /// Any finite real number, by its bits: most of them far from 1.
  float real() {
    while (true) {
      const float value = std::bit_cast<float>(static_cast<std::uint32_t>(random_.next()));
      if (value - value == 0) return value;
    }
  }
  float scale() { return static_cast<float>(random_.uniform() + 0.01); }
  Range range() {
    if (below(2)) return {};
    const float a = real(), b = real();
    return {below(3) ? std::min(a, b) : -kInfinity, below(3) ? std::max(a, b) : kInfinity};
  }

  Quantization per_tensor(DType dtype) {
    return {{scale()}, {dtype == DType::kI8 ? static_cast<std::int32_t>(between(-128, 127)) : 0}, -1};
  }

  ValueId input(Shape shape) {
    Type type{dtype_, std::move(shape), {}};
    if (dtype_ != DType::kF32) type.quant = per_tensor(dtype_);
    const ValueId id = graph_.add_input(name(), std::move(type));
    live_.push_back(id);
    return id;
  }

  ValueId constant(Type type) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(type.bytes()));
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random_.next());
    return graph_.add_constant(name(), std::move(type), Constant(std::move(bytes)));
  }

  /// Weight and perhaps bias behind input `x`.
  std::vector<ValueId> weights(ValueId x, Shape shape) {
    const std::int64_t outputs = shape[0];
    const bool hybrid = dtype_ == DType::kF32 && below(3) == 0;
    std::vector<ValueId> ids{x};
    if (dtype_ == DType::kF32 && !hybrid) {
      ids.push_back(constant({DType::kF32, std::move(shape), {}}));
      if (below(2)) ids.push_back(constant({DType::kF32, {outputs}, {}}));
      return ids;
    }
    Quantization quant{{scale()}, {0}, -1};
    if (below(2)) {
      quant = {std::vector<float>(static_cast<std::size_t>(outputs)), std::vector<std::int32_t>(outputs, 0), 0};
      for (float& s : quant.scale) s = scale();
    }
    ids.push_back(constant({DType::kI8, std::move(shape), quant}));
    if (below(2)) {
      if (!hybrid) {
        for (float& s : quant.scale) s *= graph_.type(x).quant->scale[0];
      }
      ids.push_back(hybrid ? constant({DType::kF32, {outputs}, {}}) : constant({DType::kI32, {outputs}, quant}));
    }
    return ids;
  }

  void add(Op op, std::vector<ValueId> inputs) {
    const ValueId id = graph_.add_node(name(), std::move(op), std::move(inputs));
    Type& type = graph_.value(id).type;
    if (std::holds_alternative<Quantize>(graph_.nodes.back().op)) type.dtype = dtype_;
    if (type.dtype != DType::kF32 && !type.quant) type.quant = per_tensor(type.dtype);
    live_.push_back(id);
  }

  void step() {
    const ValueId x = live_[static_cast<std::size_t>(below(std::ssize(live_)))];
    const Shape shape = graph_.type(x).shape;
    const bool image = shape.size() == 3;
    switch (below(14)) {
      case 0:
        if (image) conv(x, shape);
        break;
      case 1:
        if (!shape.empty()) add(Linear{range()}, weights(x, {between(1, 40), shape.back()}));
        break;
      case 2:
        if (dtype_ == DType::kF32 && !shape.empty()) {
          std::vector<ValueId> inputs{x};
          for (int i = 0; i < 4; ++i) inputs.push_back(constant({DType::kF32, {shape.back()}, {}}));
          add(BatchNorm{std::abs(real())}, inputs);
        }
        break;
      case 3:
        unary(x, shape);
        break;
      case 4:
        if (image) pool(x, shape);
        break;
      case 5:
        reduce(x, shape);
        break;
      case 6: {
        const Op ops[] = {Add{range()}, Sub{range()}, Mul{range()}};
        add(ops[below(3)], {x, below(2) ? x : operand(shape)});
        break;
      }
      case 7:
        if (!shape.empty()) add(Concat{below(std::ssize(shape))}, {x, x});
        break;
      case 8:
        add(Reshape{{graph_.type(x).count()}}, {x});
        break;
      case 9: {
        std::vector<std::int64_t> perm(shape.size());
        std::iota(perm.begin(), perm.end(), 0);
        std::reverse(perm.begin(), perm.end());
        add(Transpose{perm}, {x});
        break;
      }
      case 10: {
        Pad pad{{}, {}, real()};
        for (std::size_t i = 0; i < shape.size(); ++i) pad.before.push_back(below(3)), pad.after.push_back(below(3));
        add(pad, {x});
        break;
      }
      case 11: {
        Slice slice;
        for (const std::int64_t size : shape) {
          slice.begin.push_back(below(size));
          slice.end.push_back(between(slice.begin.back() + 1, size));
          slice.stride.push_back(between(1, 3));
        }
        add(slice, {x});
        break;
      }
      case 12:
        add(Quantize{}, {x});
        break;
      default:
        add(PRelu{}, {x, operand(shape)});
    }
  }

  void conv(ValueId x, const Shape& shape) {
    const std::int64_t groups = below(2) ? 1 : shape[2];
    Conv2d op;
    op.groups = groups;
    op.stride = {between(1, 3), between(1, 3)};
    op.pad = {between(1, 2), between(1, 2), below(3), below(3)};
    if (std::min(shape[0], shape[1]) > 3) op.dilation = {between(1, 2), 1};
    op.clamp = range();
    const std::int64_t rows = std::min<std::int64_t>(shape[0], 2), columns = std::min<std::int64_t>(shape[1], 3);
    add(op, weights(x, {groups * between(1, 3), rows, columns, shape[2] / groups}));
  }

  void pool(ValueId x, const Shape& shape) {
    const Pair kernel{std::min<std::int64_t>(shape[0], 3), std::min<std::int64_t>(shape[1], 2)};
    const Padding pad{below(kernel[0]), below(kernel[1]), below(kernel[0]), below(kernel[1])};
    const Pair stride{between(1, 3), between(1, 3)};
    if (below(2)) {
      add(MaxPool{kernel, stride, pad, range()}, {x});
    } else {
      add(AvgPool{kernel, stride, pad, below(2) == 1, range()}, {x});
    }
  }

  void unary(ValueId x, const Shape& shape) {
    const Op ops[] = {Clamp{range()}, LeakyRelu{real()}, HardSigmoid{real(), real()}, HardSwish{}, Sigmoid{}, Tanh{}};
    if (!shape.empty() && below(4) == 0) {
      add(Softmax{real()}, {x});
    } else {
      add(ops[below(6)], {x});
    }
  }

  void reduce(ValueId x, const Shape& shape) {
    if (shape.empty()) return;
    std::vector<std::int64_t> axes{below(std::ssize(shape))};
    if (shape.size() > 1 && below(2)) axes = {1, 0};
    add(Mean{axes, below(2) == 1}, {x});
  }

  /// A constant that broadcasts to `shape`.
  ValueId operand(const Shape& shape) {
    Type type{dtype_, {}, {}};
    if (!shape.empty() && below(2)) type.shape = {shape.back()};
    if (dtype_ != DType::kF32) type.quant = per_tensor(dtype_);
    return constant(type);
  }

  void outputs() {
    graph_.outputs = {live_.back()};
    if (below(2) && live_.size() > 2) graph_.outputs.insert(graph_.outputs.begin(), live_[live_.size() - 2]);
  }

  void facts() {
    if (below(2)) {
      for (std::int64_t i = class_count(graph_); i > 0; --i) graph_.class_names.push_back(name());
    }
    if (below(2)) {
      const Shape& shape = graph_.type(graph_.inputs[0]).shape;
      graph_.preprocess = {
          scale(), std::vector<float>(below(2) ? 1 : static_cast<std::size_t>(shape.back())), {scale()}};
      for (float& mean : graph_.preprocess.mean) mean = real();
    }
    for (std::int64_t i = below(4); i > 0; --i) graph_.metadata[name()] = name();
  }

  /// Everything beside everything else.
  void plan() {
    Plan& plan = graph_.plan.emplace();
    const std::vector<std::int32_t> producer = producers(graph_);
    for (std::size_t i = 0; i < graph_.values.size(); ++i) {
      if (graph_.values[i].constant()) continue;
      const Bytes size = graph_.values[i].type.bytes() + below(9);
      plan.buffers.push_back({static_cast<ValueId>(i), plan.arena_bytes, size, producer[i],
                              static_cast<std::int32_t>(graph_.nodes.size())});
      plan.arena_bytes += size;
    }
  }

  RandomStream random_;
  Graph graph_;
  DType dtype_ = DType::kF32;
  std::vector<ValueId> live_;
};

}  // namespace

Graph random_graph(std::uint64_t seed) { return Builder(seed).run(); }

}  // namespace mj
