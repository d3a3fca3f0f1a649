// SPDX-License-Identifier: Apache-2.0
#include "encoded_networks.h"

#include <cmath>
#include <variant>

#include "mj/base/random.h"
#include "mj/pass/passes.h"

namespace mj {
namespace {

Quantization scales(float scale, std::int32_t zero) { return {{scale}, {zero}, -1}; }

Quantization scale_of_each(float scale, std::int64_t rows) {
  Quantization quant{{}, std::vector<std::int32_t>(static_cast<std::size_t>(rows), 0), 0};
  for (std::int64_t row = 0; row < rows; ++row) quant.scale.push_back(scale * (0.8f + 0.1f * static_cast<float>(row % 5)));
  return quant;
}

class EncodedBuilder {
 public:
  EncodedBuilder(Encoding encoding, std::uint64_t seed, Shape input) : encoding_(encoding), random_(seed, 0xe4c0) {
    x_ = graph_.add_input("x", {DType::kI8, std::move(input), scales(0.05f, -7)});
  }

  void conv(Shape weight, Conv2d op, double density) { add(std::move(op), x_, std::move(weight), density); }
  void linear(std::int64_t outputs, double density) {
    add(Linear{{0, kInfinity}}, x_, {outputs, graph_.type(x_).shape.back()}, density);
  }
  void linear_of_all(std::int64_t outputs, double density) {
    const std::int64_t features = graph_.type(x_).count();
    const ValueId flat = graph_.add_node("flat", Reshape{{features}}, {x_});
    graph_.value(flat).type.quant = graph_.type(x_).quant;
    add(Linear{}, flat, {outputs, features}, density);
  }

  Graph finish() { return plan_memory(std::move(graph_)); }

 private:
  void add(Op op, ValueId x, Shape shape, double density) {
    const std::int64_t depth = element_count(shape) / shape[0];
    std::vector<std::int8_t> elements(static_cast<std::size_t>(element_count(shape)), 0);
    bool present = false;
    for (std::size_t i = 0; i < elements.size(); ++i) {
      if (encoding_.layout != Layout::kBlock4 || i % 4 == 0) present = random_.uniform() < density;
      const auto wide = static_cast<std::int8_t>(random_.next() >> 56);
      if (present) elements[i] = encoding_.bits == 4 ? static_cast<std::int8_t>(wide >> 4) : wide;
    }
    const std::int64_t outputs = shape[0];
    const float scale = encoding_.bits == 4 ? 0.3f : 0.02f;
    // One factor for all channels or one each, a bias or none: every pair in turn.
    const std::size_t turn = graph_.nodes.size() % 4;
    const Quantization of_weight = turn < 2 ? scales(scale, 0) : scale_of_each(scale, outputs);
    const ValueId w =
        graph_.add_constant("w", {DType::kI8, std::move(shape), of_weight}, Constant::of<std::int8_t>(elements));
    graph_.value(w).encoding = encoding_;
    std::vector<ValueId> inputs{x, w};
    if (turn % 2 == 0) {
      std::vector<std::int32_t> bias(static_cast<std::size_t>(outputs));
      for (std::int32_t& b : bias) b = static_cast<std::int32_t>(random_.below(2001)) - 1000;
      Quantization of_bias = of_weight;
      for (float& s : of_bias.scale) s *= graph_.type(x).quant->scale[0];
      inputs.push_back(graph_.add_constant("b", {DType::kI32, {outputs}, of_bias}, Constant::of<std::int32_t>(bias)));
    }
    const ValueId y = graph_.add_node("n" + std::to_string(graph_.nodes.size()), std::move(op), std::move(inputs));
    const double spread = 0.05 * 70 * (encoding_.bits == 4 ? 0.3 * 4 : 0.02 * 64) *
                          std::sqrt(static_cast<double>(depth) * density + 1) / 60;
    graph_.value(y).type.dtype = DType::kI8;
    graph_.value(y).type.quant = scales(static_cast<float>(spread), 11);
    graph_.outputs.push_back(y);
  }

  Encoding encoding_;
  RandomStream random_;
  Graph graph_;
  ValueId x_ = -1;
};

}  // namespace

Graph network_of_encoded_layers(Encoding encoding, std::uint64_t seed, bool large) {
  EncodedBuilder b(encoding, seed, large ? Shape{30, 25, 4} : Shape{6, 5, 4});
  for (const double density : {0.7, 0.12, 0.015}) {
    b.conv({7, 3, 3, 4}, {.pad = {1, 1, 1, 1}, .clamp = {0, kInfinity}}, density);
    b.conv({6, 2, 2, 2}, {.stride = {2, 2}, .groups = 2}, density);
    b.conv({5, 1, 1, 4}, {}, density);
    b.conv({3, 2, 3, 4}, {.dilation = {2, 1}, .pad = {1, 0, 1, 2}}, density);
    b.linear(9, density);
    b.linear_of_all(4, density);
    if (encoding.layout != Layout::kBlock4) b.conv({2, 3, 3, 2}, {.pad = {0, 1, 0, 1}, .groups = 2}, density);
    if (encoding.layout == Layout::kDense)
      b.conv({8, 3, 3, 1}, {.stride = {2, 1}, .pad = {1, 1, 1, 1}, .groups = 4}, density);
  }
  return b.finish();
}

Graph with_random_encodings(Graph graph, std::uint64_t seed) {
  RandomStream random(seed, 0xe4c1);
  for (const Node& node : graph.nodes) {
    const auto* conv = std::get_if<Conv2d>(&node.op);
    if (!conv && !std::holds_alternative<Linear>(node.op)) continue;
    Value& weight = graph.value(node.inputs[1]);
    const std::int64_t depth = weight.type.count() / weight.type.shape[0];
    const bool depthwise = conv && conv->groups > 1 && weight.type.shape[3] == 1;
    do {
      weight.encoding = all_encodings()[random.below(8)];
    } while (!refusal(depth, weight.encoding).empty() || (depthwise && weight.encoding.layout != Layout::kDense));
    const double densities[] = {1, 0.5, 0.1, 0.02};
    const double density = densities[random.below(4)];
    std::vector<std::int8_t> elements;
    for (const std::int8_t e : weight.data.as<std::int8_t>()) {
      const auto kept = static_cast<std::int8_t>(weight.encoding.bits == 4 ? e >> 4 : e);
      elements.push_back(random.uniform() < density ? kept : std::int8_t{0});
    }
    weight.data = Constant::of<std::int8_t>(elements);
  }
  return graph;
}

}  // namespace mj
