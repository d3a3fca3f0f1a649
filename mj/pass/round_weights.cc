// SPDX-License-Identifier: Apache-2.0
#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <utility>
#include <variant>
#include <vector>

#include "mj/base/error.h"
#include "mj/base/parallel.h"
#include "mj/base/random.h"
#include "mj/ir/evaluate.h"
#include "mj/pass/at.h"
#include "mj/pass/channel_affine.h"
#include "mj/pass/quantize.h"
#include "mj/pass/scales.h"

namespace mj {
namespace {

constexpr std::int64_t kPatches = 4096;  // of a layer's inputs, drawn from all images
constexpr int kRoundingSweeps = 20;

/// A layer whose weight it alone reads, and what its kernel has seen.
struct Layer {
  std::size_t node = 0;
  bool has_bias = false;  ///< and is its only reader
  std::int64_t positions = 1, per_image = 1;
  Eigen::MatrixXf patches;  ///< {patch, tap * channels}
};

std::vector<Layer> layers_of(const Graph& graph, std::size_t images) {
  std::map<ValueId, int> readers;
  for (const Node& node : graph.nodes) {
    for (const ValueId input : node.inputs) ++readers[input];
  }
  std::vector<Layer> layers;
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    const bool weighted = std::holds_alternative<Conv2d>(node.op) || std::holds_alternative<Linear>(node.op);
    if (!weighted || !graph.value(node.inputs[1]).constant() || graph.value(node.inputs[0]).constant()) continue;
    if (graph.type(node.inputs[1]).dtype != DType::kF32 || readers[node.inputs[1]] != 1) continue;
    Layer layer;
    layer.node = n;
    layer.has_bias = node.inputs.size() > 2 && readers[node.inputs[2]] == 1 && graph.type(node.inputs[2]).dtype == DType::kF32;
    const Shape& in = graph.type(node.inputs[0]).shape;
    const Shape& out = graph.type(node.output).shape;
    const Shape& weight = graph.type(node.inputs[1]).shape;
    const std::int64_t taps = std::holds_alternative<Conv2d>(node.op) ? weight[1] * weight[2] : 1;
    layer.positions = element_count(out) / out.back();
    layer.per_image = std::min(layer.positions, (kPatches + static_cast<std::int64_t>(images) - 1) / static_cast<std::int64_t>(images));
    layer.patches.setZero(layer.per_image * static_cast<std::int64_t>(images), taps * in.back());
    layers.push_back(std::move(layer));
  }
  return layers;
}

/// What the kernel sees at an output position, padding as zeros; into `row`.
void take_patch(const Graph& graph, const Node& node, std::span<const float> input, std::int64_t position, float* row,
                std::int64_t row_stride) {
  const Shape& in = graph.type(node.inputs[0]).shape;
  const std::int64_t channels = in.back();
  const auto copy = [&](std::int64_t tap, std::int64_t pixel) {
    for (std::int64_t c = 0; c < channels; ++c) row[(tap * channels + c) * row_stride] = input[at(pixel * channels + c)];
  };
  const auto* conv = std::get_if<Conv2d>(&node.op);
  if (!conv) return copy(0, position);
  const Shape& weight = graph.type(node.inputs[1]).shape;
  const std::int64_t width = graph.type(node.output).shape[1];
  const std::int64_t top = position / width * conv->stride[0] - conv->pad[0], left = position % width * conv->stride[1] - conv->pad[1];
  for (std::int64_t h = 0; h < weight[1]; ++h) {
    for (std::int64_t w = 0; w < weight[2]; ++w) {
      const std::int64_t y = top + h * conv->dilation[0], x = left + w * conv->dilation[1];
      if (y >= 0 && y < in[0] && x >= 0 && x < in[1]) copy(h * weight[2] + w, y * in[1] + x);
    }
  }
}

void look(const Graph& graph, std::span<const Tensor> inputs, std::vector<Layer>& layers) {
  std::map<ValueId, std::vector<std::size_t>> readers;
  for (std::size_t l = 0; l < layers.size(); ++l) readers[graph.nodes[layers[l].node].inputs[0]].push_back(l);
  const Evaluator evaluator(graph);
  parallel_for(static_cast<std::int64_t>(inputs.size()), [&](std::int64_t i) {
    evaluator.run(inputs[at(i)], [&](ValueId id, const Tensor& tensor) {
      const auto found = readers.find(id);
      if (found == readers.end()) return;
      for (const std::size_t l : found->second) {
        Layer& layer = layers[l];
        const std::vector<std::int64_t> order = permutation(layer.positions, RandomStream(static_cast<std::uint64_t>(i), l));
        for (std::int64_t k = 0; k < layer.per_image; ++k) {
          take_patch(graph, graph.nodes[layer.node], tensor.as<float>(), order[at(k)], &layer.patches(i * layer.per_image + k, 0),
                     layer.patches.rows());
        }
      }
    });
  });
}

/// Rounds one row: `steps` are its weights in steps, `moments` how its inputs go together. Coordinate descent from the nearest
/// integers: a weight is moved to its other neighbour as long as that lowers the expected square of the row's error. Zeros and the
/// largest magnitude, which decides on the step, stay.
void round_row(Eigen::Ref<Eigen::VectorXd> steps, const Eigen::MatrixXd& moments, double most) {
  const Eigen::VectorXd wanted = steps;
  steps = wanted.array().round().max(-most).min(most);
  Eigen::VectorXd pull = moments * (wanted - steps);
  for (int sweep = 0; sweep < kRoundingSweeps; ++sweep) {
    bool moved = false;
    for (Eigen::Index i = 0; i < steps.size(); ++i) {
      const double off = wanted[i] - steps[i];
      if (off == 0 || wanted[i] == 0 || std::abs(steps[i]) == most) continue;
      const double step = off > 0 ? 1 : -1;
      // The error off becomes off - step.
      if (step * step * moments(i, i) - 2 * step * pull[i] >= -1e-12 * moments(i, i)) continue;
      if (std::abs(steps[i] + step) > most) continue;
      steps[i] += step;
      pull -= step * moments.col(i);
      moved = true;
    }
    if (!moved) break;
  }
}

void round_layer(Graph& graph, const Layer& layer) {
  const Node& node = graph.nodes[layer.node];
  Value& weight = graph.value(node.inputs[1]);
  const std::vector<float> original = reals(weight);
  const std::int64_t rows = weight.type.shape[0], columns = static_cast<std::int64_t>(original.size()) / rows;
  const auto* conv = std::get_if<Conv2d>(&node.op);
  const std::int64_t groups = conv ? conv->groups : 1, channels = graph.type(node.inputs[0]).shape.back();
  const std::int64_t of_group = channels / groups, taps = columns / of_group;
  const double most = largest_weight(weight.encoding.bits);
  const auto largest_of = [](std::span<const float> elements) {
    float largest = 0;
    for (const float x : elements) largest = std::max(largest, std::abs(x));
    return largest;
  };
  std::vector<float> rounded = original;
  std::vector<float> bias = layer.has_bias ? reals(graph.value(node.inputs[2])) : std::vector<float>();
  const float of_all = largest_of(original);
  for (std::int64_t g = 0; g < groups; ++g) {
    Eigen::MatrixXd seen(layer.patches.rows(), columns);
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      seen.middleCols(tap * of_group, of_group) = layer.patches.middleCols(tap * channels + g * of_group, of_group).cast<double>();
    }
    const Eigen::VectorXd means = seen.colwise().mean();
    if (layer.has_bias) seen.rowwise() -= means.transpose();  // the bias takes what is there on average
    const auto n = static_cast<double>(seen.rows());
    Eigen::MatrixXd moments = seen.transpose() * seen / n;
    // Few patches make inputs seem to go together that do not: shrunk towards independence.
    const double share = static_cast<double>(columns) / (static_cast<double>(columns) + n);
    const Eigen::VectorXd own = moments.diagonal();
    moments *= 1 - share;
    moments.diagonal() = own;
    for (std::int64_t row = g * rows / groups; row < (g + 1) * rows / groups; ++row) {
      const auto elements = std::span(original).subspan(at(row * columns), at(columns));
      const double step = (weight.encoding.per_tensor ? of_all : largest_of(elements)) / most;
      if (step == 0) continue;
      Eigen::VectorXd steps(columns);
      for (std::int64_t i = 0; i < columns; ++i) steps[i] = elements[at(i)] / step;
      round_row(steps, moments, most);
      double missed = 0;
      for (std::int64_t i = 0; i < columns; ++i) {
        rounded[at(row * columns + i)] = static_cast<float>(steps[i] * step);
        missed += (elements[at(i)] - steps[i] * step) * means[i];
      }
      if (layer.has_bias) bias[at(row)] += static_cast<float>(missed);
    }
  }
  weight.data = Constant::of(std::span<const float>(rounded));
  if (layer.has_bias) graph.value(node.inputs[2]).data = Constant::of(std::span<const float>(bias));
}

}  // namespace

Graph round_weights(Graph graph, std::span<const Tensor> inputs) {
  if (quantized(graph) || inputs.empty()) return graph;
  std::vector<Layer> layers = layers_of(graph, inputs.size());
  look(graph, inputs, layers);
  // Each layer writes its own constants.
  parallel_for(static_cast<std::int64_t>(layers.size()), [&](std::int64_t l) { round_layer(graph, layers[at(l)]); });
  return graph;
}

}  // namespace mj
