// SPDX-License-Identifier: Apache-2.0
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <tuple>
#include <utility>
#include <variant>

#include "mj/base/error.h"
#include "mj/pass/at.h"
#include "mj/pass/channel_affine.h"
#include "mj/pass/quantize.h"
#include "mj/pass/scales.h"
#include "mj/pass/sharing.h"

namespace mj {
namespace {

bool weighted(const Op& op) { return std::holds_alternative<Conv2d>(op) || std::holds_alternative<Linear>(op); }

void check_float(const Graph& graph) {
  std::vector<std::string> without;
  for (const Node& node : graph.nodes) {
    if (std::holds_alternative<BatchNorm>(node.op)) without.push_back(describe(node));
  }
  if (!without.empty())
    fail("{}: no integer form; simplify the graph before it is quantised", fmt::join(without, ", "));
  for (const Value& value : graph.values) {
    if (!value.constant() && value.type.dtype != DType::kF32) {
      fail("value '{}' is {} among f32 values; expected a graph that is all float or all integer", value.name,
           dtype_name(value.type.dtype));
    }
  }
}

void check_ranges(const Graph& graph, const Ranges& ranges) {
  if (ranges.low.size() != graph.values.size() || ranges.high.size() != graph.values.size()) {
    fail("the ranges are of {} values and the graph has {}; expected those calibrated on this graph", ranges.low.size(),
         graph.values.size());
  }
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    if (graph.values[i].constant()) continue;
    if (!(std::isfinite(ranges.low[i]) && std::isfinite(ranges.high[i]) && ranges.low[i] <= ranges.high[i])) {
      fail("value '{}' has the range {} to {}; expected finite numbers in order", graph.values[i].name, ranges.low[i],
           ranges.high[i]);
    }
  }
}

void check_finite(const Node& node, const char* what, std::span<const float> elements) {
  const auto bad = std::find_if(elements.begin(), elements.end(), [](float x) { return !std::isfinite(x); });
  if (bad != elements.end()) fail("{}: {} holds {}; expected finite numbers", describe(node), what, *bad);
}

/// One graph on its way from float to int8.
class Quantizer {
 public:
  Quantizer(Graph graph, const Ranges& ranges)
      : graph_(std::move(graph)), sharing_(share_quantizations(graph_, ranges)) {}

  Graph run() {
    graph_.plan.reset();
    load_parameters();
    choose_activations();
    choose_weights();
    std::vector<Node> nodes = std::exchange(graph_.nodes, {});
    for (Node& node : nodes) {
      rewrite(node);
      graph_.nodes.push_back(std::move(node));
    }
    return compact(std::move(graph_));
  }

 private:
  /// Real weight and bias (zeros where there is none) of each node that has them.
  struct Parameters {
    std::vector<float> weight, bias;
    double largest_row = 0;  ///< sum of absolute weights of a row, the largest of all
    double largest_bias = 0;
  };

  void load_parameters() {
    parameters_.resize(graph_.nodes.size());
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      if (!weighted(node.op)) continue;
      Parameters& p = parameters_[i];
      p.weight = reals(graph_.value(node.inputs[1]));
      check_finite(node, "weight", p.weight);
      const auto rows = static_cast<std::size_t>(graph_.type(node.inputs[1]).shape[0]);
      p.bias.assign(rows, 0);
      if (node.inputs.size() > 2) p.bias = reals(graph_.value(node.inputs[2]));
      check_finite(node, "bias", p.bias);
      const std::size_t columns = p.weight.size() / rows;
      for (std::size_t row = 0; row < rows; ++row) {
        double sum = 0;
        for (std::size_t k = 0; k < columns; ++k) sum += std::abs(p.weight[row * columns + k]);
        p.largest_row = std::max(p.largest_row, sum);
        p.largest_bias = std::max<double>(p.largest_bias, std::abs(p.bias[row]));
      }
    }
  }

  /// The smallest output scale with which the kernels' 32-bit arithmetic cannot overflow before it saturates. TFLite
  /// shifts an accumulator left where its factor exceeds 1, and takes factors below 1 only in sums. Trained networks
  /// are far from these limits; outputs that hardly ever move in calibration are not.
  double least_scale(std::size_t i) const {
    const Node& node = graph_.nodes[i];
    const auto scale = [&](ValueId id) -> double {
      if (!graph_.value(id).constant()) return scales_[static_cast<std::size_t>(sharing_.group_of[at(id)])].scale[0];
      return constant_quantization(id).scale[0];
    };
    if (weighted(node.op)) {
      const Parameters& p = parameters_[i];
      return (p.largest_bias + p.largest_row * 255 * scale(node.inputs[0])) / (1 << 30);
    }
    if (std::holds_alternative<Mul>(node.op) || std::holds_alternative<PRelu>(node.op)) {
      return scale(node.inputs[0]) * std::max(scale(node.inputs[1]), 1.0 / (1 << 10)) / (1 << 14);
    }
    if (std::holds_alternative<Add>(node.op) || std::holds_alternative<Sub>(node.op)) {
      return std::max(scale(node.inputs[0]), scale(node.inputs[1])) / (1 << 18);
    }
    return sharing_.group_of[at(node.inputs[0])] < 0 ? 0.0 : scale(node.inputs[0]) / (1 << 18);
  }

  void choose_activations() {
    std::vector<double> least(sharing_.groups.size(), 0);
    const auto choose = [&] {
      scales_.clear();
      for (std::size_t i = 0; i < sharing_.groups.size(); ++i) {
        const Sharing::Group& group = sharing_.groups[i];
        scales_.push_back(group.fixed ? *group.fixed : activation_quantization(group.low, group.high, least[i]));
      }
    };
    choose();
    // A raised scale may raise those behind it. One sweep in order settles all but what flows back into its own group.
    bool raised = true;
    for (int sweep = 0; raised && sweep < 8; ++sweep) {
      raised = false;
      for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
        const auto group = static_cast<std::size_t>(sharing_.group_of[at(graph_.nodes[i].output)]);
        const double floor = least_scale(i);
        if (sharing_.groups[group].fixed || floor <= scales_[group].scale[0]) continue;
        least[group] = floor;
        scales_[group] = activation_quantization(sharing_.groups[group].low, sharing_.groups[group].high, floor);
        raised = true;
      }
    }
    for (std::size_t i = 0; i < graph_.values.size(); ++i) {
      if (graph_.values[i].constant()) continue;
      graph_.values[i].type.dtype = DType::kI8;
      graph_.values[i].type.quant = scales_[static_cast<std::size_t>(sharing_.group_of[i])];
    }
  }

  /// A weight read by several nodes (a shared exit head) stays one constant: its scales serve every reader.
  void choose_weights() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      if (!weighted(node.op)) continue;
      const Parameters& p = parameters_[i];
      const float input_scale = graph_.type(node.inputs[0]).quant->scale[0];
      const Encoding asked = graph_.value(node.inputs[1]).encoding;
      const std::vector<float> scales = asked.per_tensor
                                            ? std::vector{weight_scale(p.weight, p.bias, input_scale, asked.bits)}
                                            : weight_scales(p.weight, p.bias, input_scale, asked.bits);
      std::vector<float>& chosen = weight_scales_[node.inputs[1]];
      chosen.resize(scales.size(), 0);
      for (std::size_t row = 0; row < scales.size(); ++row) {
        chosen[row] = std::max(chosen[row], scales[row]);
        if (!std::isfinite(chosen[row]) || !std::isfinite(chosen[row] * input_scale)) {
          fail("{}: weight and bias of output {} are too large for int8 arithmetic", describe(node), row);
        }
      }
    }
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      if (!weighted(node.op) || weights_.contains(node.inputs[1])) continue;
      const Value weight = graph_.value(node.inputs[1]);
      const std::vector<float>& scales = weight_scales_[node.inputs[1]];
      const std::size_t shared = parameters_[i].weight.size() / scales.size();  // elements of one scale
      const std::int32_t most = largest_weight(weight.encoding.bits);
      std::vector<std::int8_t> elements;
      elements.reserve(parameters_[i].weight.size());
      for (std::size_t k = 0; k < parameters_[i].weight.size(); ++k) {
        elements.push_back(
            static_cast<std::int8_t>(quantized_value(parameters_[i].weight[k], scales[k / shared], -most, most)));
      }
      const Type type{DType::kI8, weight.type.shape, symmetric(scales, weight.encoding)};
      weights_[node.inputs[1]] = graph_.add_constant(weight.name, type, Constant::of<std::int8_t>(elements));
      graph_.value(weights_[node.inputs[1]]).encoding = {weight.encoding.layout, weight.encoding.bits};
    }
  }

  /// Without zero points: one scale per row, unless `asked` for one in all.
  static Quantization symmetric(const std::vector<float>& scales, Encoding asked) {
    return {scales, std::vector<std::int32_t>(scales.size(), 0), asked.per_tensor ? -1 : 0};
  }

  ValueId quantized_bias(const Node& node) {
    const float input_scale = graph_.type(node.inputs[0]).quant->scale[0];
    const auto key = std::tuple(node.inputs[2], node.inputs[1], input_scale);
    if (const auto found = biases_.find(key); found != biases_.end()) return found->second;
    const Value bias = graph_.value(node.inputs[2]);
    std::vector<float> scales = weight_scales_.at(node.inputs[1]);
    const std::vector<float> real = reals(bias);
    constexpr std::int32_t kLeast = std::numeric_limits<std::int32_t>::min();
    constexpr std::int32_t kMost = std::numeric_limits<std::int32_t>::max();
    std::vector<std::int32_t> elements;
    for (float& scale : scales) scale *= input_scale;
    const std::size_t shared = real.size() / scales.size();
    for (std::size_t row = 0; row < real.size(); ++row) {
      elements.push_back(quantized_value(real[row], scales[row / shared], kLeast, kMost));
    }
    const Type type{DType::kI32, bias.type.shape, symmetric(scales, graph_.value(node.inputs[1]).encoding)};
    return biases_[key] = graph_.add_constant(bias.name, type, Constant::of<std::int32_t>(elements));
  }

  /// Constants beside activations (add, mul, prelu) have a range of their own.
  Quantization constant_quantization(ValueId id) const {
    const std::vector<float> real = reals(graph_.value(id));
    const auto [low, high] = std::minmax_element(real.begin(), real.end());
    return activation_quantization(*low, *high);
  }

  ValueId quantized_constant(ValueId id, const Quantization& quantization) {
    const auto key = std::tuple(id, quantization.scale[0], quantization.zero_point[0]);
    if (const auto found = constants_.find(key); found != constants_.end()) return found->second;
    const Value value = graph_.value(id);
    std::vector<std::int8_t> elements;
    for (const float x : reals(value)) {
      const double steps = std::round(static_cast<double>(x) / quantization.scale[0]) + quantization.zero_point[0];
      elements.push_back(static_cast<std::int8_t>(std::clamp(steps, -128.0, 127.0)));
    }
    const Type type{DType::kI8, value.type.shape, quantization};
    return constants_[key] = graph_.add_constant(value.name, type, Constant::of<std::int8_t>(elements));
  }

  void rewrite(Node& node) {
    if (weighted(node.op)) {
      if (node.inputs.size() > 2) node.inputs[2] = quantized_bias(node);
      node.inputs[1] = weights_.at(node.inputs[1]);
      return;
    }
    const bool concat = std::holds_alternative<Concat>(node.op);
    for (ValueId& input : node.inputs) {
      if (graph_.value(input).constant()) {
        const Quantization quantization = concat ? *graph_.type(node.output).quant : constant_quantization(input);
        input = quantized_constant(input, quantization);
      } else if (concat && graph_.type(input).quant != graph_.type(node.output).quant) {
        const Value before = graph_.value(input);
        Node requantize{before.name + ".requantize", Quantize{}, {input}, -1};
        requantize.output =
            graph_.add_value(requantize.name, {DType::kI8, before.type.shape, graph_.type(node.output).quant});
        input = requantize.output;
        graph_.nodes.push_back(std::move(requantize));
      }
    }
  }

  Graph graph_;
  Sharing sharing_;
  std::vector<Quantization> scales_;  ///< per group
  std::vector<Parameters> parameters_;
  std::map<ValueId, std::vector<float>> weight_scales_;
  std::map<ValueId, ValueId> weights_;
  std::map<std::tuple<ValueId, ValueId, float>, ValueId> biases_;
  std::map<std::tuple<ValueId, float, std::int32_t>, ValueId> constants_;
};

}  // namespace

Graph ask_for_weight_bits(Graph graph, int bits) {
  MJ_CHECK(bits == 8 || bits == 4);
  for (const Node& node : graph.nodes) {
    if (weighted(node.op)) graph.value(node.inputs[1]).encoding.bits = bits;
  }
  return graph;
}

bool quantized(const Graph& graph) {
  return std::any_of(graph.values.begin(), graph.values.end(),
                     [](const Value& value) { return !value.constant() && value.type.dtype != DType::kF32; });
}

Graph quantize_int8(Graph graph, const Ranges& ranges) {
  const bool all_integer = std::none_of(graph.values.begin(), graph.values.end(), [](const Value& value) {
    return !value.constant() && value.type.dtype == DType::kF32;
  });
  if (all_integer) return graph;
  check_float(graph);
  check_ranges(graph, ranges);
  return Quantizer(std::move(graph), ranges).run();
}

}  // namespace mj
