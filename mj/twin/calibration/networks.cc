// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/calibration/networks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <utility>
#include <variant>

#include "mj/base/random.h"
#include "mj/emit/far.h"
#include "mj/ir/encoding.h"
#include "mj/ir/memory.h"
#include "mj/ir/tensor.h"
#include "mj/pass/lower.h"

namespace mj {
namespace {

constexpr int kImages = 4;

/// Appends layers with random attributes and weights.
class Maker {
 public:
  Maker(std::uint64_t seed, std::uint64_t number) : random_(seed, 0xca1, number) {}

  Graph graph;

  std::int64_t one_of(std::initializer_list<std::int64_t> choices) { return choices.begin()[random_.below(choices.size())]; }

  ValueId input(Shape shape) { return graph.add_input("x", {DType::kF32, std::move(shape), {}}); }

  ValueId conv(ValueId x) {
    const Shape in = graph.type(x).shape;
    const std::int64_t kernel = std::min(one_of({1, 3, 3, 3, 5}), std::min(in[0], in[1]));
    const std::int64_t channels = one_of({2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32});
    Conv2d op = window(kernel);
    op.clamp = random_.below(2) == 0 ? Range{} : Range{0, kInfinity};
    return add("conv", op, {x, normal({channels, kernel, kernel, in[2]}, in[2] * kernel * kernel), bias(channels)});
  }
  ValueId depthwise(ValueId x) {
    const Shape in = graph.type(x).shape;
    const std::int64_t kernel = std::min(one_of({3, 3, 5}), std::min(in[0], in[1]));
    Conv2d op = window(kernel);
    op.groups = in[2];
    op.clamp = {0, 6};
    return add("depthwise", op, {x, normal({in[2], kernel, kernel, 1}, kernel * kernel), bias(in[2])});
  }
  ValueId linear(ValueId x, std::int64_t features) {
    const std::int64_t in = graph.type(x).shape.back();
    return add("linear", Linear{}, {x, normal({features, in}, in), bias(features)});
  }
  template <class Pool>
  ValueId pool(const std::string& name, ValueId x) {
    const std::int64_t kernel = one_of({2, 2, 3, 4});
    Pool op;
    op.kernel = {kernel, kernel};
    op.stride = random_.below(3) == 0 ? Pair{1, 1} : Pair{kernel, kernel};
    if (random_.below(3) == 0) op.pad = {kernel / 2, kernel / 2, kernel / 2, kernel / 2};
    return add(name, op, {x});
  }
  ValueId add(const std::string& name, Op op, std::vector<ValueId> inputs) {
    return graph.add_node(fmt::format("{}_{}", name, graph.nodes.size()), std::move(op), std::move(inputs));
  }
  ValueId normal(Shape shape, std::int64_t fan_in) {
    std::vector<float> elements(static_cast<std::size_t>(element_count(shape)));
    const double deviation = std::sqrt(2.0 / static_cast<double>(std::max<std::int64_t>(1, fan_in)));
    for (float& element : elements) element = static_cast<float>(random_.normal() * deviation);
    return graph.add_constant(fmt::format("w_{}", graph.values.size()), std::move(shape), elements);
  }
  /// All that nothing reads is an output.
  Graph lowered() {
    const auto readers = consumers(graph);
    for (const Node& node : graph.nodes) {
      if (readers[static_cast<std::size_t>(node.output)].empty()) graph.outputs.push_back(node.output);
    }
    const Graph simple = simplify(std::move(graph));
    std::vector<Tensor> images;
    for (int i = 0; i < kImages; ++i) {
      Tensor image = make_tensor(simple.type(simple.inputs[0]));
      for (float& element : image.as<float>()) element = static_cast<float>(random_.normal());
      images.push_back(std::move(image));
    }
    return lower(simple, calibrate(simple, images));
  }

 private:
  Conv2d window(std::int64_t kernel) {
    Conv2d op;
    const std::int64_t stride = one_of({1, 1, 2}), pad = random_.below(4) == 0 ? 0 : kernel / 2;
    op.stride = {stride, stride};
    op.pad = {pad, pad, pad, pad};
    return op;
  }
  ValueId bias(std::int64_t channels) {
    std::vector<float> elements(static_cast<std::size_t>(channels));
    for (float& element : elements) element = static_cast<float>(random_.normal() * 0.1);
    return graph.add_constant(fmt::format("b_{}", graph.values.size()), {channels}, elements);
  }

  RandomStream random_;
};

/// A chain of `depth` layers, each as `layer` appends it, that ends early where an image has become small.
template <class Layer>
Graph chain(Maker& maker, Shape input, int depth, Layer&& layer) {
  ValueId x = maker.input(std::move(input));
  for (int i = 0; i < depth; ++i) {
    x = layer(x);
    const Shape& shape = maker.graph.type(x).shape;
    if (shape.size() == 3 && (shape[0] < 3 || shape[1] < 3)) break;
  }
  return maker.lowered();
}

Graph convolutions(Maker& maker) {
  const std::int64_t size = maker.one_of({8, 10, 12, 14});
  return chain(maker, {size, size, maker.one_of({1, 2, 3, 4, 8})}, 7, [&](ValueId x) { return maker.conv(x); });
}

Graph separable(Maker& maker) {
  const std::int64_t size = maker.one_of({6, 8, 10});
  return chain(maker, {size, size, maker.one_of({4, 6, 8, 12, 16})}, 6, [&](ValueId x) {
    const ValueId filtered = maker.depthwise(x);
    return maker.one_of({0, 1}) == 0 ? filtered : maker.conv(filtered);
  });
}

Graph classifier(Maker& maker) {
  return chain(maker, {maker.one_of({24, 100, 333, 800})}, 4, [&](ValueId x) { return maker.linear(x, maker.one_of({5, 10, 17, 40, 64})); });
}

Graph pools(Maker& maker) {
  const std::int64_t size = maker.one_of({8, 10, 12});
  const ValueId x = maker.input({size, size, maker.one_of({4, 6, 8})});
  for (int i = 0; i < 3; ++i) {
    maker.pool<MaxPool>("max_pool", x);
    const ValueId y = maker.pool<AvgPool>("avg_pool", x);
    maker.add("mean", Mean{}, {i == 0 ? x : y});
  }
  return maker.lowered();
}

Graph others(Maker& maker) {
  const std::int64_t size = maker.one_of({4, 6, 8}), channels = maker.one_of({3, 4, 8, 10});
  const Shape shape{size, size, channels};
  const ValueId x = maker.input(shape);
  const ValueId table = maker.add("sigmoid", Sigmoid{}, {x});
  const ValueId wide = maker.add("hard_swish", HardSwish{}, {x});
  maker.add("add", Add{}, {x, table});
  const ValueId half = maker.add("max_pool", MaxPool{}, {x});
  maker.add("add", Add{{0, kInfinity}}, {half, maker.normal({size / 2, size / 2, channels}, 2)});
  maker.add("sub", Sub{}, {half, maker.normal({channels}, 2)});
  maker.add("mul", Mul{}, {wide, maker.normal({channels}, 2)});
  maker.add("mul", Mul{}, {half, half});
  maker.add("prelu", PRelu{}, {half, maker.normal({channels}, 8)});
  maker.add("concat", Concat{2}, {half, maker.add("tanh", Tanh{}, {half})});
  maker.add("concat", Concat{0}, {half, half});
  maker.add("transpose", Transpose{{2, 0, 1}}, {half});
  maker.add("pad", Pad{{1, 1, 0}, {1, 1, 0}, 0}, {half});
  maker.add("slice", Slice{{0, 0, 0}, {size, 1, channels}, {1, 1, 1}}, {x});
  const ValueId mean = maker.add("mean", Mean{}, {x});
  maker.add("softmax", Softmax{}, {mean});
  maker.add("softmax", Softmax{}, {maker.linear(mean, maker.one_of({2, 10, 25}))});
  return maker.lowered();
}

}  // namespace

Graph with_encoded_weights(Graph graph, Encoding encoding, std::span<const double> densities, std::uint64_t seed) {
  RandomStream random(seed, 0xe4c);
  for (const Node& node : graph.nodes) {
    const auto* conv = std::get_if<Conv2d>(&node.op);
    if (!conv && !std::holds_alternative<Linear>(node.op)) continue;
    Value& weight = graph.value(node.inputs[1]);
    const std::int64_t depth = weight.type.count() / weight.type.shape[0];
    const bool depthwise = conv && conv->groups > 1 && weight.type.shape[3] == 1;
    if (depthwise || !refusal(depth, encoding).empty()) continue;
    const double density = encoding.layout == Layout::kDense ? 1 : densities[random.below(densities.size())];
    std::vector<std::int8_t> elements;
    bool kept = true;
    for (const std::int8_t e : weight.data.as<std::int8_t>()) {
      if (encoding.layout != Layout::kBlock4 || elements.size() % 4 == 0) kept = random.uniform() < density;
      elements.push_back(static_cast<std::int8_t>(!kept ? 0 : encoding.bits == 4 ? e >> 4 : e));
    }
    weight.data = Constant::of<std::int8_t>(elements);
    weight.encoding = encoding;
  }
  return graph;
}

std::vector<CalibrationNetwork> calibration_networks(std::int64_t most_bytes, std::uint64_t seed) {
  struct Kind {
    const char* name;
    Graph (*make)(Maker&);
    int count;
  };
  static constexpr Kind kKinds[] = {{"convolutions", convolutions, 8}, {"separable", separable, 8}, {"classifier", classifier, 4},
                                    {"pools", pools, 4}, {"others", others, 4}};
  static constexpr double kDensities[] = {0.6, 0.4, 0.25, 0.12, 0.05};
  static constexpr Kind kEncodedKinds[] = {{"convolutions", convolutions, 3}, {"classifier", classifier, 3}};
  std::vector<CalibrationNetwork> networks;
  std::uint64_t number = 0;
  const auto make = [&](const Kind& kind, const std::string& prefix, Encoding encoding) {
    for (int made = 0; made < kind.count;) {
      Maker maker(seed, number++);
      Graph graph = kind.make(maker);
      if (state_bytes(graph) > most_bytes) continue;
      if (!encoding.plain()) {
        graph = with_encoded_weights(std::move(graph), encoding, kDensities, seed + number);
        // Beyond the MSP430's near memory decoding has no assembler loops, and costs up to three times as much.
        if (!far_weights(graph, "msp430").empty()) continue;
      }
      networks.push_back({fmt::format("{}{}{}", prefix, kind.name, ++made), std::move(graph)});
    }
  };
  for (const Kind& kind : kKinds) make(kind, "", {});
  for (const Encoding encoding : all_encodings()) {
    if (encoding.plain()) continue;
    for (const Kind& kind : kEncodedKinds) make(kind, fmt::format("{}_", encoding_name(encoding)), encoding);
  }
  return networks;
}

}  // namespace mj
