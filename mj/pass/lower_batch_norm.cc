// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>
#include <variant>

#include "mj/pass/channel_affine.h"
#include "mj/pass/passes.h"

// A batch_norm that fold_batch_norm had to leave (behind an activation, an add, a concat, the input, or where its input
// has other readers) is y = s[c] * x + t[c] on its own.
//
// 1. Forward. Through pools, means over space and reshapes to ONE convolution without padding or ONE linear layer
//    behind them, W (s x + t) + b = (W s) x + (W t + b): free again. Padding stands in the way because the operator
//    pads y with real zeros, while the folded one would pad x with zeros, that is y with t: wrong along the borders. A
//    maximum commutes only with s >= 0.
// 2. Else a depthwise 1x1 conv2d. In int8 it is ONE kernel with a scale per channel and one rounding; mul and add with
//    constants would be two kernels, one scale for all channels each, and two roundings. It has a fused activation,
//    too, which pre-activation networks (batch_norm, relu, conv2d) use. Vectors are reshaped to {1, n, C} and back, at
//    no cost.

namespace mj {
namespace {

/// Whether y = s x + t with s, t per index of the last dimension (modulo the number of channels) passes the operator
/// unchanged: op(s x + t) = s op(x) + t.
bool commutes(const Node& node, const Graph& graph, const ChannelAffine& affine) {
  if (const auto* pool = std::get_if<MaxPool>(&node.op)) {
    const bool monotone = std::all_of(affine.scale.begin(), affine.scale.end(), [](double s) { return s >= 0; });
    return pool->clamp.none() && monotone;
  }
  if (const auto* pool = std::get_if<AvgPool>(&node.op)) {
    return pool->clamp.none() && (pool->pad == Padding{} || !pool->count_include_pad);
  }
  if (const auto* mean = std::get_if<Mean>(&node.op)) {
    const auto last = static_cast<std::int64_t>(graph.type(node.inputs[0]).shape.size()) - 1;
    return std::find(mean->axes.begin(), mean->axes.end(), last) == mean->axes.end();
  }
  return std::holds_alternative<Reshape>(node.op);
}

/// Whether the operator can take an affine map of its input into weight and bias.
bool absorbs(const Node& node, const Graph& graph, bool padded_too) {
  if (graph.type(node.output).dtype != DType::kF32) return false;
  if (const auto* conv = std::get_if<Conv2d>(&node.op)) return padded_too || conv->pad == Padding{};
  return std::holds_alternative<Linear>(node.op);
}

/// W (s x + t) + b = (W s) x + (W t + b) for a conv2d {O,kh,kw,I/groups} or a linear {O,I}.
void scale_inputs(Graph& graph, Node& node, const ChannelAffine& affine) {
  const Value weight = graph.value(node.inputs[1]);
  std::vector<float> scaled = reals(weight);
  const auto* conv = std::get_if<Conv2d>(&node.op);
  const auto outputs = static_cast<std::size_t>(weight.type.shape.front());
  const auto inputs = static_cast<std::size_t>(weight.type.shape.back());  // of one group
  const auto outputs_per_group = conv ? outputs / static_cast<std::size_t>(conv->groups) : outputs;
  const std::size_t row = scaled.size() / outputs, channels = affine.scale.size();

  std::vector<double> bias(outputs, 0);
  std::string bias_name = node.name + ".bias";
  if (node.inputs.size() > 2) {
    const std::vector<float> before = reals(graph.value(node.inputs[2]));
    bias.assign(before.begin(), before.end());
    bias_name = graph.value(node.inputs[2]).name;
  }
  for (std::size_t i = 0; i < scaled.size(); ++i) {
    const std::size_t o = i / row;
    const std::size_t c = (o / outputs_per_group * inputs + i % inputs) % channels;
    bias[o] += scaled[i] * affine.shift[c];
    scaled[i] = static_cast<float>(scaled[i] * affine.scale[c]);
  }
  const ValueId new_weight = graph.add_constant(weight.name, weight.type.shape, scaled);
  graph.value(new_weight).encoding = weight.encoding;
  const ValueId new_bias =
      graph.add_constant(bias_name, {static_cast<std::int64_t>(outputs)}, std::vector<float>(bias.begin(), bias.end()));
  node.inputs = {node.inputs[0], new_weight, new_bias};
}

/// Folds forward what can be. A batch_norm folded becomes a reshape to the same shape, which changes nothing.
void fold_forward(Graph& graph, bool padded_too) {
  const auto readers = consumers(graph);
  std::vector<char> is_output(graph.values.size(), 0);
  for (const ValueId output : graph.outputs) is_output[static_cast<std::size_t>(output)] = 1;

  // Last first, so that a batch_norm behind another one is out of its way.
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    if (!std::holds_alternative<BatchNorm>(graph.nodes[i].op)) continue;
    const ChannelAffine affine = affine_of(graph, graph.nodes[i]);
    const auto channels = static_cast<std::int64_t>(affine.scale.size());
    ValueId value = graph.nodes[i].output;
    while (true) {
      const auto at = static_cast<std::size_t>(value);
      // A reshape may split or join dimensions, but the channel stays the element's index modulo the channels.
      const Shape& shape = graph.type(value).shape;
      if (shape.empty() || shape.back() % channels != 0 || is_output[at] || readers[at].size() != 1) break;
      Node& next = graph.nodes[static_cast<std::size_t>(readers[at][0])];
      if (absorbs(next, graph, padded_too)) {
        scale_inputs(graph, next, affine);
        Node& batch_norm = graph.nodes[i];
        batch_norm.op = Reshape{graph.type(batch_norm.output).shape};
        batch_norm.inputs.resize(1);
        break;
      }
      if (!commutes(next, graph, affine)) break;
      value = next.output;
    }
  }
}

}  // namespace

Graph absorb_batch_norm(Graph graph) {
  graph = compact(std::move(graph));
  fold_forward(graph, /*padded_too=*/true);
  return remove_identities(std::move(graph));
}

Graph lower_batch_norm(Graph graph) {
  graph = compact(std::move(graph));  // readers that no output needs do not count
  fold_forward(graph, /*padded_too=*/false);

  std::vector<Node> nodes = std::exchange(graph.nodes, {});
  for (Node& node : nodes) {
    if (!std::holds_alternative<BatchNorm>(node.op)) {
      graph.nodes.push_back(std::move(node));
      continue;
    }
    const ChannelAffine affine = affine_of(graph, node);
    const auto channels = static_cast<std::int64_t>(affine.scale.size());
    const ValueId scale = graph.add_constant(node.name + ".scale", {channels, 1, 1, 1},
                                             std::vector<float>(affine.scale.begin(), affine.scale.end()));
    const ValueId shift = graph.add_constant(node.name + ".shift", {channels},
                                             std::vector<float>(affine.shift.begin(), affine.shift.end()));
    const Shape shape = graph.type(node.output).shape;
    ValueId x = node.inputs[0];
    if (shape.size() != 3) {
      x = graph.add_node(node.name + ".in", Reshape{{1, element_count(shape) / channels, channels}}, {x});
    }
    graph.add_node(node.name, Conv2d{.groups = channels}, {x, scale, shift});
    if (shape.size() != 3) graph.add_node(node.name + ".out", Reshape{shape}, {graph.nodes.back().output});
    graph.nodes.back().output = node.output;
  }
  return remove_identities(std::move(graph));
}

}  // namespace mj
