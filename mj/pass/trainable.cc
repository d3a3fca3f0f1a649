// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/trainable.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <variant>
#include <vector>

#include "mj/base/error.h"
#include "mj/base/parallel.h"
#include "mj/ir/evaluate.h"
#include "mj/pass/channel_affine.h"
#include "mj/pass/lower.h"
#include "mj/pass/passes.h"
#include "mj/pass/rewrite.h"

namespace mj {
namespace {

constexpr float kEpsilon = 1e-5f;

/// Sums per channel of one value.
struct Moments {
  std::vector<double> sum, square;
  double count = 0;

  void add(std::span<const float> elements, std::size_t channels) {
    sum.resize(channels), square.resize(channels);
    for (std::size_t i = 0; i < elements.size(); ++i) {
      const double x = elements[i];
      sum[i % channels] += x, square[i % channels] += x * x;
    }
    count += static_cast<double>(elements.size() / channels);
  }
};

/// Fused activations as nodes of their own, so that there is a place between operator and activation.
Graph unfuse(Graph graph) {
  Rewriter rewriter(std::move(graph));
  for (std::size_t i = 0; i < rewriter.size(); ++i) {
    Node node = rewriter.take(i);
    Range* clamp = fused_clamp(node.op);
    const bool weighted = std::holds_alternative<Conv2d>(node.op) || std::holds_alternative<Linear>(node.op);
    if (!weighted || clamp->none()) {
      rewriter.keep(std::move(node));
      continue;
    }
    Graph& g = rewriter.graph();
    Node activation{node.name + ".activation", Clamp{std::exchange(*clamp, Range{})}, {-1}, node.output};
    node.output = g.add_value(node.name + ".sum", g.type(activation.output));
    activation.inputs[0] = node.output;
    rewriter.keep(std::move(node));
    rewriter.keep(std::move(activation));
  }
  return rewriter.finish();
}

/// Nodes that get a batch-norm: whose result is not, but for reshapes and a softmax, an output, and whose weight does not ask
/// for one scale, for a batch-norm would scale its rows one by one.
std::vector<char> normalised_nodes(const Graph& graph) {
  const auto readers = consumers(graph);
  const auto leads_out = [&](ValueId value) {
    while (true) {
      if (std::ranges::find(graph.outputs, value) != graph.outputs.end()) return true;
      const auto& next = readers[static_cast<std::size_t>(value)];
      if (next.size() != 1) return false;
      const Node& node = graph.nodes[static_cast<std::size_t>(next[0])];
      if (!std::holds_alternative<Reshape>(node.op) && !std::holds_alternative<Softmax>(node.op)) return false;
      value = node.output;
    }
  };
  std::vector<char> normalised;
  for (const Node& node : graph.nodes) {
    const bool weighted = std::holds_alternative<Conv2d>(node.op) || std::holds_alternative<Linear>(node.op);
    normalised.push_back(weighted && graph.value(node.inputs[1]).constant() && !graph.value(node.inputs[1]).encoding.per_tensor &&
                         !leads_out(node.output));
  }
  return normalised;
}

/// Per normalised node: moments of its output over all inputs, added up in their order whatever the threads.
std::map<ValueId, Moments> moments_of(const Graph& graph, const std::vector<char>& normalised, std::span<const Tensor> inputs) {
  const Evaluator evaluator(graph);
  std::map<ValueId, std::size_t> channels;
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const ValueId out = graph.nodes[n].output;
    if (normalised[n]) channels[out] = static_cast<std::size_t>(graph.type(out).shape.back());
  }
  std::vector<std::map<ValueId, Moments>> each(inputs.size());
  parallel_for(static_cast<std::int64_t>(inputs.size()), [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    evaluator.run(inputs[at], [&](ValueId value, const Tensor& tensor) {
      const auto found = channels.find(value);
      if (found != channels.end()) each[at][value].add(tensor.as<float>(), found->second);
    });
  });
  std::map<ValueId, Moments> total;
  for (const auto& one : each) {
    for (const auto& [value, moments] : one) {
      Moments& all = total[value];
      all.sum.resize(moments.sum.size()), all.square.resize(moments.sum.size());
      for (std::size_t c = 0; c < moments.sum.size(); ++c) {
        all.sum[c] += moments.sum[c], all.square[c] += moments.square[c];
      }
      all.count += moments.count;
    }
  }
  return total;
}

}  // namespace

Graph trainable_form(const Graph& original, std::span<const Tensor> inputs) {
  if (inputs.empty()) fail("no inputs to take means and variances from; expected at least one");
  Graph graph = unfuse(simplify(absorb_batch_norm(fold_batch_norm(original))));
  const std::vector<char> normalised = normalised_nodes(graph);
  const std::map<ValueId, Moments> moments = moments_of(graph, normalised, inputs);

  std::vector<Node> nodes = std::exchange(graph.nodes, {});
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    Node& node = nodes[n];
    if (!normalised[n]) {
      graph.nodes.push_back(std::move(node));
      continue;
    }
    const ValueId out = node.output;
    const auto found = moments.find(out);
    MJ_CHECK(found != moments.end());
    const Moments& seen = found->second;
    const std::size_t channels = seen.sum.size();
    std::vector<float> bias(channels, 0), gamma, beta, mean, variance;
    if (node.inputs.size() > 2) bias = reals(graph.value(node.inputs[2]));
    for (std::size_t c = 0; c < channels; ++c) {
      const double m = seen.sum[c] / seen.count;
      const double v = std::max(seen.square[c] / seen.count - m * m, 0.0);
      if (!std::isfinite(m) || !std::isfinite(v)) fail("{}: its output is not finite on the data", describe(node));
      // Without the bias the mean is smaller by it; beta brings it back.
      mean.push_back(static_cast<float>(m - bias[c]));
      beta.push_back(static_cast<float>(m));
      variance.push_back(static_cast<float>(v));
      gamma.push_back(std::sqrt(variance.back() + kEpsilon));
    }
    const std::string name = node.name;
    node.inputs.resize(2);
    node.output = graph.add_value(name + ".raw", graph.type(out));
    const Shape vector{static_cast<std::int64_t>(channels)};
    std::vector<ValueId> reads{node.output};
    reads.push_back(graph.add_constant(name + ".gamma", vector, gamma));
    reads.push_back(graph.add_constant(name + ".beta", vector, beta));
    reads.push_back(graph.add_constant(name + ".mean", vector, mean));
    reads.push_back(graph.add_constant(name + ".variance", vector, variance));
    graph.nodes.push_back(std::move(node));
    graph.nodes.push_back({name + ".norm", BatchNorm{kEpsilon}, std::move(reads), out});
  }
  return compact(std::move(graph));
}

}  // namespace mj
