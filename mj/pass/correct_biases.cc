// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <variant>
#include <vector>

#include "mj/base/error.h"
#include "mj/base/parallel.h"
#include "mj/ir/evaluate.h"
#include "mj/ir/tensor.h"
#include "mj/pass/at.h"
#include "mj/pass/channel_affine.h"
#include "mj/pass/quantize.h"

namespace mj {
namespace {

constexpr std::size_t kImages = 128;

/// Means per channel of an image, per element of a vector.
std::vector<double> channel_means(const Tensor& tensor) {
  std::vector<double> means(at(tensor.type.shape.back()), 0);
  const double share = static_cast<double>(means.size()) / static_cast<double>(tensor.type.count());
  const auto add = [&](const auto& elements, double scale, double zero) {
    for (std::size_t i = 0; i < elements.size(); ++i) means[i % means.size()] += share * scale * (elements[i] - zero);
  };
  if (tensor.type.dtype == DType::kI8) {
    add(tensor.as<std::int8_t>(), tensor.type.quant->scale[0], tensor.type.quant->zero_point[0]);
  } else {
    add(tensor.as<float>(), 1, 0);
  }
  return means;
}

/// The same over several tensors of a type, added in their order.
std::vector<double> channel_means(std::span<const Tensor> tensors) {
  std::vector<std::vector<double>> of_each(tensors.size());
  parallel_for(static_cast<std::int64_t>(tensors.size()), [&](std::int64_t i) { of_each[at(i)] = channel_means(tensors[at(i)]); });
  std::vector<double> means(of_each.at(0).size(), 0);
  for (const std::vector<double>& one : of_each) {
    for (std::size_t c = 0; c < means.size(); ++c) means[c] += one[c] / static_cast<double>(tensors.size());
  }
  return means;
}

/// All activations of a graph that are still read, for several inputs at once, node by node.
class Walk {
 public:
  Walk(const Graph& graph, std::vector<Tensor> inputs) : readers_(consumers(graph)) {
    live_[graph.inputs.at(0)] = std::move(inputs);
  }

  const std::vector<Tensor>& value(ValueId id) const { return live_.at(id); }

  /// Runs node `index` of `graph`, whose constants may have changed since the walk began.
  void step(const Graph& graph, std::int32_t index) {
    const Node& node = graph.nodes[at(index)];
    Graph alone;
    alone.values = graph.values;
    alone.nodes = {node};
    for (const ValueId id : node.inputs) {
      const bool listed = std::ranges::find(alone.inputs, id) != alone.inputs.end();
      if (!listed && !graph.value(id).constant()) alone.inputs.push_back(id);
    }
    alone.outputs = {node.output};
    const Evaluator evaluator(compact(std::move(alone)));
    std::vector<Tensor> outputs(live_.begin()->second.size());
    parallel_for(static_cast<std::int64_t>(outputs.size()), [&](std::int64_t i) {
      std::vector<Tensor> inputs;
      for (const ValueId id : node.inputs) {
        inputs.push_back(graph.value(id).constant() ? constant(graph, id) : live_.at(id)[at(i)]);
      }
      outputs[at(i)] = evaluator.run_node(0, inputs);
    });
    live_[node.output] = std::move(outputs);
    for (const ValueId id : node.inputs) {
      if (!graph.value(id).constant() && readers_[at(id)].back() == index) live_.erase(id);
    }
  }

 private:
  static Tensor constant(const Graph& graph, ValueId id) {
    const auto bytes = graph.value(id).data.bytes();
    return {graph.type(id), {bytes.begin(), bytes.end()}};
  }

  std::vector<std::vector<std::int32_t>> readers_;
  std::map<ValueId, std::vector<Tensor>> live_;
};

/// Share of the output positions along one axis at which this tap lies inside the input.
double share_inside(std::int64_t size, std::int64_t outputs, std::int64_t tap, std::int64_t stride, std::int64_t dilation,
                    std::int64_t pad) {
  std::int64_t inside = 0;
  for (std::int64_t i = 0; i < outputs; ++i) {
    const std::int64_t position = i * stride + tap * dilation - pad;
    inside += position >= 0 && position < size;
  }
  return static_cast<double>(inside) / static_cast<double>(outputs);
}

/// For each tap of a kernel, how often it is inside; 1 for a linear layer.
std::vector<double> tap_shares(const Graph& graph, const Node& node) {
  const auto* conv = std::get_if<Conv2d>(&node.op);
  if (!conv) return {1};
  const Shape& in = graph.type(node.inputs[0]).shape;
  const Shape& out = graph.type(node.output).shape;
  const Shape& weight = graph.type(node.inputs[1]).shape;
  std::vector<double> shares;
  for (std::int64_t h = 0; h < weight[1]; ++h) {
    for (std::int64_t w = 0; w < weight[2]; ++w) {
      shares.push_back(share_inside(in[0], out[0], h, conv->stride[0], conv->dilation[0], conv->pad[0]) *
                       share_inside(in[1], out[1], w, conv->stride[1], conv->dilation[1], conv->pad[1]));
    }
  }
  return shares;
}

/// What a layer adds up on average, without its bias, per output.
std::vector<double> mean_sums(const Graph& graph, const Node& node, const std::vector<double>& input) {
  const Value& weight = graph.value(node.inputs[1]);
  const std::vector<float> elements = reals(weight);
  const std::vector<double> shares = tap_shares(graph, node);
  std::vector<double> sums(at(weight.type.shape[0]), 0);
  const std::size_t depth = elements.size() / sums.size() / shares.size();
  const auto* conv = std::get_if<Conv2d>(&node.op);
  const std::size_t outputs_of_group = sums.size() / at(conv ? conv->groups : 1);
  for (std::size_t row = 0; row < sums.size(); ++row) {
    const std::size_t first = row / outputs_of_group * depth;
    for (std::size_t tap = 0; tap < shares.size(); ++tap) {
      for (std::size_t c = 0; c < depth; ++c) {
        sums[row] += shares[tap] * elements[(row * shares.size() + tap) * depth + c] * input[first + c];
      }
    }
  }
  return sums;
}

/// Whether this node has a bias that is its own.
bool can_move(const Graph& graph, const Node& node, const std::map<ValueId, int>& readers) {
  const bool weighted = std::holds_alternative<Conv2d>(node.op) || std::holds_alternative<Linear>(node.op);
  return weighted && node.inputs.size() > 2 && readers.at(node.inputs[2]) == 1 &&
         graph.type(node.inputs[2]).dtype == DType::kF32;
}

}  // namespace

Graph correct_biases(Graph graph, const Ranges& ranges, std::span<const Tensor> inputs) {
  if (quantized(graph) || inputs.empty()) return graph;
  inputs = inputs.first(std::min(inputs.size(), kImages));
  std::map<ValueId, int> readers;
  for (const Node& node : graph.nodes) {
    if (node.inputs.size() > 2) ++readers[node.inputs[2]];
  }
  // Layer by layer, for what is mended in one changes what the next ones are given.
  Graph integer = quantize_int8(graph, ranges);
  const Graph real = graph;
  std::vector<Tensor> as_integers;
  for (const Tensor& input : inputs) as_integers.push_back(quantize(input.as<float>(), integer.type(integer.inputs[0])));
  Walk real_walk(real, {inputs.begin(), inputs.end()}), integer_walk(integer, std::move(as_integers));
  std::size_t next = 0;
  for (std::size_t n = 0; n < real.nodes.size(); ++n) {
    const Node& node = real.nodes[n];
    // The integer graph has the same nodes in the same order, and requantisations between them.
    while (integer.nodes.at(next).op.index() != node.op.index()) integer_walk.step(integer, static_cast<std::int32_t>(next++));
    const Node& twin = integer.nodes[next];
    if (can_move(real, node, readers)) {
      const std::vector<double> before = mean_sums(real, node, channel_means(real_walk.value(node.inputs[0])));
      const std::vector<double> after = mean_sums(integer, twin, channel_means(integer_walk.value(twin.inputs[0])));
      Value& bias = integer.value(twin.inputs[2]);
      std::vector<float> moved = reals(real.value(node.inputs[2]));
      for (std::size_t row = 0; row < moved.size(); ++row) moved[row] += static_cast<float>(before[row] - after[row]);
      graph.value(node.inputs[2]).data = Constant::of(std::span<const float>(moved));
      bias.data = Constant(quantize(moved, bias.type).data);
    }
    real_walk.step(real, static_cast<std::int32_t>(n));
    integer_walk.step(integer, static_cast<std::int32_t>(next++));
  }
  return graph;
}

}  // namespace mj
