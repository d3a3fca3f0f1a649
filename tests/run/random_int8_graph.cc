// SPDX-License-Identifier: Apache-2.0
#include "random_int8_graph.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "mj/pass/passes.h"

namespace mj {
namespace {

constexpr std::int64_t kLargest = 1500;  // elements of an activation

class RandomBuilder {
 public:
  explicit RandomBuilder(std::uint64_t seed) : random_(seed, 0x1e57) {}

  Graph build(int nodes) {
    const Shape shapes[] = {{between(1, 13), between(1, 13), between(1, 9)}, {1, between(5, 60), between(1, 6)},
                            {between(3, 40)}};
    pool_.push_back(graph_.add_input("x", activation(shapes[random_.below(3) == 2 ? between(0, 2) : 0])));
    const std::array<std::function<void()>, 20> steps{
        [this] { conv(1); },     [this] { conv(2); },       [this] { conv(0); },    [this] { linear(); },
        [this] { max_pool(); },  [this] { avg_pool(); },    [this] { mean(); },     [this] { sum(); },
        [this] { sum(); },       [this] { product(); },     [this] { prelu(); },    [this] { softmax(); },
        [this] { concat(); },    [this] { reshape(); },     [this] { transpose(); }, [this] { pad(); },
        [this] { slice(); },     [this] { unary(); },       [this] { unary(); },    [this] { requantize(); }};
    while (graph_.nodes.size() < static_cast<std::size_t>(nodes)) {
      steps[random_.below(steps.size())]();
    }
    const auto readers = consumers(graph_);
    for (const ValueId value : pool_) {
      if (readers[static_cast<std::size_t>(value)].empty()) {
        graph_.outputs.push_back(value);
      }
    }
    graph_.preprocess.scale = 1.0f / 255;
    return plan_memory(std::move(graph_));
  }

 private:
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(high - low + 1)));
  }
  bool chance(double probability) { return random_.uniform() < probability; }
  float scale(double around) { return static_cast<float>(around * std::exp(1.2 * (random_.uniform() - 0.5))); }
  std::int32_t zero_point() {
    const std::int32_t extreme[] = {-128, 0, 127, -1};
    return chance(0.4) ? extreme[random_.below(4)] : static_cast<std::int32_t>(between(-128, 127));
  }
  Quantization quantization(double around) { return {{scale(around)}, {zero_point()}, -1}; }
  Type activation(Shape shape) { return {DType::kI8, std::move(shape), quantization(0.05)}; }

  float scale_of(ValueId id) const { return graph_.type(id).quant->scale[0]; }
  const Shape& shape_of(ValueId id) const { return graph_.type(id).shape; }

  Range clamp_within(double reach) {
    switch (random_.below(5)) {
      case 0:
        return {0, kInfinity};
      case 1:
        return {0, static_cast<float>(reach * random_.uniform())};
      case 2:
        return {static_cast<float>(-reach * random_.uniform()), kInfinity};
      default:
        return {};
    }
  }

  /// A recent activation that `fits`, or -1.
  template <class Fits>
  ValueId pick(Fits&& fits) {
    for (int attempt = 0; attempt < 12; ++attempt) {
      const std::size_t depth = std::min<std::size_t>(pool_.size(), 6);
      const ValueId id = pool_[pool_.size() - 1 - random_.below(chance(0.7) ? depth : pool_.size())];
      if (fits(shape_of(id))) {
        return id;
      }
    }
    return -1;
  }
  ValueId pick_image() {
    return pick([](const Shape& shape) { return shape.size() == 3; });
  }
  ValueId pick_any() {
    return pick([](const Shape&) { return true; });
  }

  /// Without `quant` the first input's is kept.
  void add(Op op, std::vector<ValueId> inputs, std::optional<Quantization> quant) {
    if (!quant) {
      quant = graph_.type(inputs[0]).quant;
    }
    const ValueId id = graph_.add_node("n" + std::to_string(graph_.nodes.size()), std::move(op), std::move(inputs));
    graph_.value(id).type.dtype = DType::kI8;
    graph_.value(id).type.quant = quant;
    pool_.push_back(id);
  }

  template <class T>
  ValueId constant(const char* name, Type type, std::int64_t low, std::int64_t high) {
    std::vector<T> elements(static_cast<std::size_t>(type.count()));
    for (T& element : elements) {
      element = static_cast<T>(between(low, high));
    }
    return graph_.add_constant(name, std::move(type), Constant::of<T>(elements));
  }

  /// A weight {outputs, ...}; bias; the output scale at which accumulators of `depth` products spread.
  std::vector<ValueId> weights(ValueId x, Shape shape, double& out_scale) {
    const std::int64_t outputs = shape[0];
    const std::int64_t depth = element_count(shape) / outputs;
    Quantization quant{{scale(0.02)}, {0}, -1};
    if (chance(0.7)) {
      quant = {{}, std::vector<std::int32_t>(static_cast<std::size_t>(outputs), 0), 0};
      for (std::int64_t c = 0; c < outputs; ++c) {
        quant.scale.push_back(scale(0.02));
      }
    }
    out_scale = scale_of(x) * 0.02 * std::sqrt(static_cast<double>(depth)) * 90;
    std::vector<ValueId> ids{x, constant<std::int8_t>("w", {DType::kI8, std::move(shape), quant}, -127, 127)};
    if (chance(0.8)) {
      std::vector<float> scales;
      for (std::int64_t c = 0; c < outputs; ++c) {
        scales.push_back(scale_of(x) * quant.scale[quant.scale.size() == 1 ? 0 : static_cast<std::size_t>(c)]);
      }
      const std::vector<std::int32_t> zeros(scales.size(), 0);
      Type type{DType::kI32, {outputs}, Quantization{scales, zeros, 0}};
      if (quant.scale.size() == 1) {
        type.quant = Quantization{{scales[0]}, {0}, -1};
      }
      ids.push_back(constant<std::int32_t>("b", type, -30000, 30000));
    }
    return ids;
  }

  // kind 0: grouped, 1: dense, 2: depthwise
  void conv(int kind) {
    const ValueId x = pick_image();
    if (x < 0) {
      return;
    }
    const Shape& in = shape_of(x);
    Conv2d op;
    const std::int64_t channels = in[2];
    if (kind == 2) {
      op.groups = channels;
    } else if (kind == 0) {
      op.groups = between(1, channels);
      while (channels % op.groups != 0) --op.groups;
    }
    Pair kernel;
    for (std::size_t axis = 0; axis < 2; ++axis) {
      op.stride[axis] = between(1, 3);
      op.dilation[axis] = chance(0.3) ? between(2, 3) : 1;
      op.pad[axis] = chance(0.6) ? between(0, 3) : 0;
      op.pad[axis + 2] = chance(0.6) ? between(0, 3) : 0;
      const std::int64_t room = in[axis] + op.pad[axis] + op.pad[axis + 2];
      kernel[axis] = std::min<std::int64_t>(between(1, 5), (room - 1) / op.dilation[axis] + 1);
    }
    const std::int64_t outputs = op.groups * between(1, kind == 1 ? 12 : 3);
    const std::int64_t rows = (in[0] + op.pad[0] + op.pad[2] - op.dilation[0] * (kernel[0] - 1) - 1) / op.stride[0] + 1;
    const std::int64_t columns =
        (in[1] + op.pad[1] + op.pad[3] - op.dilation[1] * (kernel[1] - 1) - 1) / op.stride[1] + 1;
    if (rows * columns * outputs > kLargest) {
      return;
    }
    double out_scale = 0;
    auto inputs = weights(x, {outputs, kernel[0], kernel[1], channels / op.groups}, out_scale);
    op.clamp = clamp_within(100 * out_scale);
    add(op, std::move(inputs), quantization(out_scale));
  }

  void linear() {
    const ValueId x = pick_any();
    if (x < 0 || element_count(shape_of(x)) / shape_of(x).back() > 40) {
      return;
    }
    double out_scale = 0;
    auto inputs = weights(x, {between(1, 15), shape_of(x).back()}, out_scale);
    add(Linear{clamp_within(100 * out_scale)}, std::move(inputs), quantization(out_scale));
  }

  template <class Pool>
  void pool(Pool op) {
    const ValueId x = pick_image();
    if (x < 0) {
      return;
    }
    const Shape& in = shape_of(x);
    for (std::size_t axis = 0; axis < 2; ++axis) {
      op.kernel[axis] = between(1, std::min<std::int64_t>(in[axis], 4));
      op.stride[axis] = between(1, 3);
      op.pad[axis] = between(0, op.kernel[axis] - 1);
      op.pad[axis + 2] = between(0, op.kernel[axis] - 1);
    }
    op.clamp = clamp_within(100 * scale_of(x));
    if (element_count(in) * 2 < kLargest) {
      add(op, {x}, graph_.type(x).quant);
    }
  }
  void max_pool() { pool(MaxPool{}); }
  void avg_pool() {
    AvgPool op;
    op.count_include_pad = chance(0.4);
    pool(op);
  }

  void mean() {
    const ValueId x = pick([](const Shape& shape) { return element_count(shape) > 8; });
    if (x < 0) {
      return;
    }
    Mean op{{}, chance(0.5)};
    const auto rank = static_cast<std::int64_t>(shape_of(x).size());
    for (std::int64_t axis = 0; axis < rank; ++axis) {
      if (chance(0.5)) {
        op.axes.push_back(axis);
      }
    }
    if (op.axes.empty() || (static_cast<std::int64_t>(op.axes.size()) == rank && !op.keep_dims)) {
      op.axes = {0};
      op.keep_dims = true;
    }
    add(op, {x}, quantization(scale_of(x) * 0.4));
  }

  /// A second operand that broadcasts to `shape`: another activation, the same one or a constant.
  ValueId partner(ValueId x) {
    const Shape shape = shape_of(x);
    const ValueId other = pick([&](const Shape& candidate) { return candidate == shape; });
    if (other >= 0 && chance(0.6)) {
      return other;
    }
    Shape broadcast = shape;
    for (auto& dimension : broadcast) {
      dimension = chance(0.5) ? 1 : dimension;
    }
    if (chance(0.3)) {
      broadcast = {shape.back()};
    }
    return constant<std::int8_t>("c", {DType::kI8, broadcast, quantization(scale_of(x))}, -128, 127);
  }

  void sum() {
    const ValueId a = pick_any();
    const ValueId b = partner(a);
    const double larger = std::max(scale_of(a), scale_of(b));
    const Range clamp = clamp_within(100 * larger);
    const Quantization quant = quantization(larger * 1.3);
    const bool constant = graph_.value(b).constant();
    // Activations come first: a node's first input must be one.
    if (chance(0.6)) {
      add(Add{clamp}, {a, b}, quant);
    } else if (!constant && chance(0.5)) {
      add(Sub{clamp}, {b, a}, quant);
    } else {
      add(Sub{clamp}, {a, b}, quant);
    }
  }

  void product() {
    const ValueId a = pick_any();
    const ValueId b = partner(a);
    const double out_scale = scale_of(a) * static_cast<double>(scale_of(b)) * 60;
    add(Mul{clamp_within(100 * out_scale)}, {a, b}, quantization(out_scale));
  }

  void prelu() {
    const ValueId x = pick_any();
    const Shape slope{shape_of(x).back()};
    const Type type{DType::kI8, slope, quantization(0.01)};
    add(PRelu{}, {x, constant<std::int8_t>("slope", type, -128, 127)}, quantization(scale_of(x)));
  }

  void softmax() {
    const ValueId x = pick_any();
    add(Softmax{chance(0.5) ? 1.0f : scale(3)}, {x}, Quantization{{1.0f / 256}, {-128}, -1});
  }

  void concat() {
    const ValueId x = pick_any();
    const Shape shape = shape_of(x);
    const std::int64_t axis = between(0, static_cast<std::int64_t>(shape.size()) - 1);
    std::vector<ValueId> inputs;
    const std::int64_t count = between(1, 3);
    for (std::int64_t i = 0; i < count; ++i) {
      const bool again = i == 0 || chance(0.4);
      inputs.push_back(again ? x : constant<std::int8_t>("c", {DType::kI8, shape, graph_.type(x).quant}, -128, 127));
    }
    if (element_count(shape) * count <= kLargest) {
      add(Concat{axis}, std::move(inputs), graph_.type(x).quant);
    }
  }

  void reshape() {
    const ValueId x = pick_any();
    const std::int64_t count = element_count(shape_of(x));
    std::int64_t first = between(1, 6), second = between(1, 6);
    while (count % first != 0) --first;
    while (count / first % second != 0) --second;
    add(Reshape{{first, second, count / first / second}}, {x}, {});
  }

  void transpose() {
    const ValueId x = pick_any();
    Transpose op;
    for (const std::int64_t d : permutation(static_cast<std::int64_t>(shape_of(x).size()), RandomStream(random_.next()))) {
      op.perm.push_back(d);
    }
    add(op, {x}, {});
  }

  void pad() {
    const ValueId x = pick([](const Shape& shape) { return element_count(shape) < kLargest / 8; });
    if (x < 0) {
      return;
    }
    Pad op;
    for (std::size_t d = 0; d < shape_of(x).size(); ++d) {
      op.before.push_back(between(0, 2));
      op.after.push_back(between(0, 2));
    }
    op.value = chance(0.5) ? 0.0f : scale(0.5);
    add(op, {x}, {});
  }

  void slice() {
    const ValueId x = pick_any();
    Slice op;
    for (const std::int64_t size : shape_of(x)) {
      op.begin.push_back(between(0, (size - 1) / 2));
      op.end.push_back(between(op.begin.back() + 1, size));
      op.stride.push_back(between(1, 2));
    }
    add(op, {x}, {});
  }

  void unary() {
    const ValueId x = pick_any();
    const Quantization other = quantization(scale_of(x));
    switch (random_.below(6)) {
      case 0:
        return add(Clamp{clamp_within(100 * scale_of(x))}, {x}, chance(0.5) ? graph_.type(x).quant : other);
      case 1:
        return add(LeakyRelu{scale(0.1)}, {x}, other);
      case 2:
        return add(HardSigmoid{0.2f, 0.5f}, {x}, Quantization{{1.0f / 256}, {-128}, -1});
      case 3:
        return add(HardSwish{}, {x}, other);
      case 4:
        return add(Sigmoid{}, {x}, Quantization{{1.0f / 256}, {-128}, -1});
      default:
        return add(Tanh{}, {x}, Quantization{{1.0f / 128}, {0}, -1});
    }
  }

  void requantize() {
    const ValueId x = pick_any();
    add(Quantize{}, {x}, quantization(scale_of(x)));
  }

  RandomStream random_;
  Graph graph_;
  std::vector<ValueId> pool_;
};

}  // namespace

Graph random_int8_graph(std::uint64_t seed, int nodes) { return RandomBuilder(seed).build(nodes); }

Tensor random_int8_input(const Graph& graph, RandomStream& random) {
  Tensor tensor = make_tensor(graph.type(graph.inputs[0]));
  const std::uint64_t kind = random.below(8);
  for (std::int8_t& q : tensor.as<std::int8_t>()) {
    q = static_cast<std::int8_t>(random.next() >> 56);
    if (kind == 0) q = -128;
    if (kind == 1) q = 127;
    if (kind == 2) q = q > 100 ? q : std::int8_t{0};
  }
  return tensor;
}

}  // namespace mj
