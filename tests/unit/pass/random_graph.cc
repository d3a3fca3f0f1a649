// SPDX-License-Identifier: Apache-2.0
#include "random_graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace mj::test {
namespace {

/// Grows a graph node by node from values that exist.
class Grower {
 public:
  explicit Grower(std::uint64_t seed) : random_(seed, 0x9a55) {}

  Graph grow() {
    const auto side = between(5, 10);
    current_ = graph_.add_input("x", {DType::kF32, {side, between(5, 10), between(1, 4)}, {}});
    maps_.push_back(current_);
    const auto steps = between(3, 12);
    for (std::int64_t i = 0; i < steps; ++i) {
      step();
      if (random_.below(6) == 0) branch_back();
      if (random_.below(8) == 0) exit();
    }
    head("logits");
    return std::move(graph_);
  }

 private:
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(high - low + 1)));
  }
  bool coin() { return random_.below(2) == 0; }
  std::string name(const char* kind) { return std::string(kind) + std::to_string(graph_.nodes.size()); }
  const Shape& shape() const { return graph_.type(current_).shape; }

  ValueId constant(Shape shape, double scale, double offset = 0) {
    std::vector<float> elements(static_cast<std::size_t>(element_count(shape)));
    for (float& x : elements) x = static_cast<float>(offset + scale * random_.normal());
    return graph_.add_constant("c" + std::to_string(graph_.values.size()), std::move(shape), elements);
  }
  void add(const char* kind, Op op, std::vector<ValueId> inputs) {
    current_ = graph_.add_node(name(kind), std::move(op), std::move(inputs));
    if (shape().size() == 3) maps_.push_back(current_);
  }

  Range random_clamp() {
    switch (random_.below(4)) {
      case 0:
        return {0, kInfinity};
      case 1:
        return {0, 6};
      case 2:
        return {-1.5f, 2};
      default:
        return {};
    }
  }

  void conv() {
    const std::int64_t channels = shape()[2];
    Conv2d op;
    std::int64_t outputs = between(1, 6);
    if (random_.below(3) == 0) op.groups = channels, outputs = channels * between(1, 2);
    const std::int64_t rows = between(1, std::min<std::int64_t>(3, shape()[0]));
    const std::int64_t columns = between(1, std::min<std::int64_t>(3, shape()[1]));
    if (coin()) op.pad = {between(0, 2), between(0, 1), between(0, 1), between(0, 2)};
    op.stride = {between(1, 2), between(1, 2)};
    if (coin()) op.clamp = random_clamp();
    const double fan_in = static_cast<double>(rows * columns * channels / op.groups);
    std::vector<ValueId> inputs{current_,
                                constant({outputs, rows, columns, channels / op.groups}, std::sqrt(2 / fan_in))};
    if (coin()) inputs.push_back(constant({outputs}, 0.3));
    add("conv", op, inputs);
  }

  void batch_norm() {
    const std::int64_t channels = shape().back();
    const ValueId gamma = constant({channels}, 0.6, 1);
    const ValueId beta = constant({channels}, 0.5), mean = constant({channels}, 0.3);
    std::vector<float> variance(static_cast<std::size_t>(channels));
    for (float& x : variance) x = static_cast<float>(0.5 + random_.uniform());
    add("bn", BatchNorm{}, {current_, gamma, beta, mean, graph_.add_constant(name("var"), {channels}, variance)});
  }

  void pool() {
    const Pair kernel{between(1, std::min<std::int64_t>(3, shape()[0])),
                      between(1, std::min<std::int64_t>(3, shape()[1]))};
    const Pair stride{between(1, 2), between(1, 2)};
    Padding pad{};
    if (coin())
      pad = {between(0, kernel[0] - 1), between(0, kernel[1] - 1), between(0, kernel[0] - 1),
             between(0, kernel[1] - 1)};
    if (coin()) {
      add("max", MaxPool{kernel, stride, pad, {}}, {current_});
    } else {
      add("avg", AvgPool{kernel, stride, pad, coin(), {}}, {current_});
    }
  }

  void unary() {
    switch (random_.below(8)) {
      case 0:
        return add("leaky", LeakyRelu{0.1f}, {current_});
      case 1:
        return add("hswish", HardSwish{}, {current_});
      case 2:
        return add("hsigmoid", HardSigmoid{}, {current_});
      case 3:
        return add("sigmoid", Sigmoid{}, {current_});
      case 4:
        return add("tanh", Tanh{}, {current_});
      case 5:
        return add("prelu", PRelu{}, {current_, constant({shape().back()}, 0.2, 0.2)});
      default:
        return add("clamp", Clamp{random_clamp()}, {current_});
    }
  }

  void binary() {
    std::vector<ValueId> partners;
    for (const ValueId map : maps_) {
      if (graph_.type(map).shape == shape()) partners.push_back(map);
    }
    ValueId other = partners[random_.below(partners.size())];
    if (random_.below(4) == 0) other = constant({shape().back()}, 0.7, 0.5);
    switch (random_.below(4)) {
      case 0:
        return add("sub", Sub{random_clamp()}, {current_, other});
      case 1:
        return add("mul", Mul{random_clamp()}, {current_, other});
      case 2:
        if (!graph_.value(other).constant()) return add("concat", Concat{2}, {current_, other});
        [[fallthrough]];
      default:
        return add("add", Add{random_clamp()}, {current_, other});
    }
  }

  void move() {
    switch (random_.below(5)) {
      case 0:
        return add("pad",
                   Pad{{between(0, 1), between(0, 1), 0}, {between(0, 1), between(0, 1), 0}, coin() ? 0.0f : -0.5f},
                   {current_});
      case 1:
        return add("transpose", Transpose{{1, 0, 2}}, {current_});
      case 2:
        return add("reshape", Reshape{{shape()[1], shape()[0], shape()[2]}}, {current_});
      case 3:
        return add("slice",
                   Slice{{0, 0, 0}, {std::max<std::int64_t>(1, shape()[0] - 1), shape()[1], shape()[2]}, {1, 1, 1}},
                   {current_});
      default:
        return add("transpose", Transpose{{2, 0, 1}}, {current_});
    }
  }

  void step() {
    switch (random_.below(10)) {
      case 0:
      case 1:
      case 2:
        return conv();
      case 3:
      case 4:
        return batch_norm();
      case 5:
        return pool();
      case 6:
        return unary();
      case 7:
        return binary();
      case 8:
        return move();
      default:
        return add("relu", Clamp{}, {current_});
    }
  }

  void branch_back() { current_ = maps_[random_.below(maps_.size())]; }

  void linear(const char* label, std::int64_t outputs) {
    const std::int64_t features = shape().back();
    std::vector<ValueId> inputs{current_,
                                constant({outputs, features}, std::sqrt(1.0 / static_cast<double>(features)))};
    if (coin()) inputs.push_back(constant({outputs}, 0.3));
    current_ = graph_.add_node(label, Linear{}, inputs);
  }

  void head(const std::string& label) {
    switch (random_.below(3)) {
      case 0:
        current_ = graph_.add_node(name("gap"), Mean{}, {current_});
        break;
      case 1:  // as from a framework with channels first
        current_ = graph_.add_node(name("nchw"), Transpose{{2, 0, 1}}, {current_});
        [[fallthrough]];
      default:
        current_ = graph_.add_node(name("flat"), Reshape{{element_count(shape())}}, {current_});
    }
    if (coin()) {
      linear("hidden", between(2, 6));
      if (coin()) batch_norm();
      if (coin()) current_ = graph_.add_node(name("relu"), Clamp{}, {current_});
    }
    linear(label.c_str(), 3);
    if (random_.below(4) == 0) batch_norm();
    if (random_.below(4) == 0) current_ = graph_.add_node(name("softmax"), Softmax{}, {current_});
    graph_.value(current_).name = label;
    graph_.outputs.push_back(current_);
  }

  void exit() {
    const ValueId trunk = current_;
    head("exit" + std::to_string(graph_.outputs.size() + 1));
    current_ = trunk;
  }

  RandomStream random_;
  Graph graph_;
  ValueId current_ = -1;
  std::vector<ValueId> maps_;
};

}  // namespace

Graph random_graph(std::uint64_t seed) { return Grower(seed).grow(); }

Type real(Shape shape) { return {DType::kF32, std::move(shape), {}}; }

Ranges everywhere(const Graph& graph, float low, float high) {
  Ranges ranges;
  for (const Value& value : graph.values) {
    ranges.low.push_back(value.constant() ? 0 : low);
    ranges.high.push_back(value.constant() ? 0 : high);
  }
  return ranges;
}

Tensor random_input(const Graph& graph, std::uint64_t seed) {
  Tensor tensor = make_tensor(graph.type(graph.inputs.at(0)));
  RandomStream random(seed, 0x1a9);
  for (float& x : tensor.as<float>()) x = static_cast<float>(random.normal());
  return tensor;
}

std::vector<Tensor> random_inputs(const Graph& graph, std::uint64_t seed, int count) {
  std::vector<Tensor> inputs;
  for (int i = 0; i < count; ++i) inputs.push_back(random_input(graph, seed * 1000 + static_cast<std::uint64_t>(i)));
  return inputs;
}

double relative_difference(std::span<const Tensor> a, std::span<const Tensor> b) {
  if (a.size() != b.size()) return kInfinity;
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const std::vector<float> x = dequantize(a[i]), y = dequantize(b[i]);
    if (x.size() != y.size()) return kInfinity;
    double largest = 0, difference = 0;
    for (std::size_t k = 0; k < x.size(); ++k) {
      largest = std::max<double>(largest, std::abs(x[k]));
      difference = std::max<double>(difference, std::abs(x[k] - y[k]));
    }
    worst = std::max(worst, difference / (largest < 1e-6 ? 1 : largest));
  }
  return worst;
}

ValueId normal_constant(Graph& graph, std::string name, Shape shape, std::uint64_t seed, double scale) {
  RandomStream random(seed, 0xc0);
  std::vector<float> elements(static_cast<std::size_t>(element_count(shape)));
  for (float& x : elements) x = static_cast<float>(scale * random.normal());
  return graph.add_constant(std::move(name), std::move(shape), elements);
}

ValueId add_batch_norm(Graph& graph, std::string name, ValueId x, std::uint64_t seed, bool positive) {
  const std::int64_t channels = graph.type(x).shape.back();
  RandomStream random(seed, 0xb9);
  std::vector<float> gamma, beta, mean, variance;
  for (std::int64_t c = 0; c < channels; ++c) {
    gamma.push_back(static_cast<float>((positive || c % 2 == 0 ? 1 : -1) * (0.5 + random.uniform())));
    beta.push_back(static_cast<float>(random.normal()));
    mean.push_back(static_cast<float>(random.normal()));
    variance.push_back(static_cast<float>(0.5 + random.uniform()));
  }
  return graph.add_node(
      name, BatchNorm{},
      {x, graph.add_constant(name + ".gamma", {channels}, gamma), graph.add_constant(name + ".beta", {channels}, beta),
       graph.add_constant(name + ".mean", {channels}, mean),
       graph.add_constant(name + ".variance", {channels}, variance)});
}

void expect_same_outputs(const Graph& before, const Graph& after, std::uint64_t seed) {
  const Evaluator old_evaluator(before), new_evaluator(after);
  for (int i = 0; i < 3; ++i) {
    const Tensor input = random_input(before, seed * 10 + static_cast<std::uint64_t>(i));
    EXPECT_LT(relative_difference(old_evaluator.run(input), new_evaluator.run(input)), 1e-4) << "seed " << seed;
  }
}

}  // namespace mj::test
