// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "mj/ir/boxes.h"
#include "mj/ir/channel_constants.h"
#include "mj/ir/pieces.h"
#include "mj/ir/tiles.h"
#include "mj/platform/platform.h"

namespace mj {
namespace {

constexpr Bytes kTableBytes = 256;  // a function of one int8
// exp of every distance from the largest logit. Those that round to 0 are not stored, but how many depends on a scale
// that a network not trained yet does not have.
constexpr Bytes kSoftmaxBytes = 256 * 4;

/// Arrays that belong to a node besides the constants it reads. One overload per operator, so that a new one is decided
/// on.
struct OwnArrays {
  const Graph& graph;
  const Node& node;

  Bytes operator()(const Conv2d&) const { return factor_bytes(graph, node); }
  // Its bias is stored with the input's zero point in it, in place of the graph's.
  Bytes operator()(const Linear&) const { return factor_bytes(graph, node) + bias_bytes(graph, node); }
  Bytes operator()(const BatchNorm&) const { return 0; }
  Bytes operator()(const Clamp&) const { return kTableBytes; }
  Bytes operator()(const LeakyRelu&) const { return kTableBytes; }
  Bytes operator()(const PRelu&) const { return 0; }
  Bytes operator()(const HardSigmoid&) const { return kTableBytes; }
  Bytes operator()(const HardSwish&) const { return kTableBytes; }
  Bytes operator()(const Sigmoid&) const { return kTableBytes; }
  Bytes operator()(const Tanh&) const { return kTableBytes; }
  Bytes operator()(const Softmax&) const { return kSoftmaxBytes; }
  Bytes operator()(const MaxPool&) const { return 0; }
  Bytes operator()(const AvgPool&) const { return 0; }
  Bytes operator()(const Mean&) const { return 0; }
  Bytes operator()(const Add&) const { return 0; }
  Bytes operator()(const Sub&) const { return 0; }
  Bytes operator()(const Mul&) const { return 0; }
  Bytes operator()(const Concat&) const { return 0; }
  Bytes operator()(const Reshape&) const { return 0; }
  Bytes operator()(const Transpose&) const { return 0; }
  Bytes operator()(const Pad&) const { return 1; }
  Bytes operator()(const Slice&) const { return 0; }
  Bytes operator()(const Quantize&) const { return kTableBytes; }
};

bool all_equal(const std::vector<float>& values) {
  return std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) == values.end();
}

/// From pixels to the network's int8 input: one table, or one per channel when channels are normalised differently.
Bytes pixel_tables(const Graph& graph) {
  if (graph.inputs.empty()) return 0;
  const Shape& shape = graph.type(graph.inputs[0]).shape;
  const bool one = all_equal(graph.preprocess.mean) && all_equal(graph.preprocess.std);
  return kTableBytes * (one || shape.empty() ? 1 : shape.back());
}

/// What describes one call to its kernel: the structs of mj_kernels.h where a pointer takes four bytes.
struct Descriptions {
  const Graph& graph;
  const Node& node;

  static constexpr Bytes kWeights = 16, kLoops = 48, kPlaced = 8;
  static constexpr Bytes kPool = 28, kMean = 56, kSum = 76, kProduct = 64, kSlope = 68, kSoftmax = 8;

  Bytes operator()(const Conv2d&) const { return 36 + kWeights; }
  Bytes operator()(const Linear&) const { return 10 + kWeights; }
  Bytes operator()(const MaxPool&) const { return kPool; }
  Bytes operator()(const AvgPool&) const { return kPool; }
  Bytes operator()(const Mean&) const { return kMean; }
  Bytes operator()(const Add&) const { return kSum; }
  Bytes operator()(const Sub&) const { return kSum; }
  Bytes operator()(const Mul&) const { return kProduct; }
  Bytes operator()(const PRelu&) const { return kSlope; }
  Bytes operator()(const Softmax&) const { return kSoftmax; }
  template <class Other>
  Bytes operator()(const Other&) const {
    return (kLoops + (copies_by_rows(graph, node) ? kPlaced : 0)) * static_cast<Bytes>(boxes(graph, node).size());
  }
};

/// Where the weights of each tile of channels begin, when rows differ in their length and units cut channels, and of each
/// piece of rows when units cut those.
Bytes tile_offsets(const Graph& graph, std::int32_t index) {
  const Value* weight = encoded_weight(graph, graph.nodes[static_cast<std::size_t>(index)]);
  if (!weight || !graph.plan || !graph.plan->units) return 0;
  for (const Tiling& tiling : graph.plan->units->tilings) {
    if (tiling.node != index) continue;
    const std::int64_t channels = weight->type.shape[0], depth = weight->type.count() / channels;
    const bool pieces = tiling.partial[0] >= 0;
    if (!pieces && (weight->encoding.layout == Layout::kDense || tiling.channels >= channels)) return 0;
    const auto parts = [](std::int64_t size, std::int64_t step) { return (size + step - 1) / step; };
    return 4 * parts(channels, tiling.channels) * (pieces ? parts(depth, tiling.depth) : 1);
  }
  return 0;
}

}  // namespace

Bytes constant_bytes(const Graph& lowered) {
  Bytes bytes = pixel_tables(lowered);
  std::set<ValueId> stored;
  for (std::size_t n = 0; n < lowered.nodes.size(); ++n) {
    const Node& node = lowered.nodes[n];
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId id = node.inputs[i];
      const bool replaced = i == 2 && std::holds_alternative<Linear>(node.op);
      if (lowered.value(id).constant() && !replaced && stored.insert(id).second) bytes += stored_bytes(lowered, id);
    }
    bytes += std::visit(OwnArrays{lowered, node}, node.op) + tile_offsets(lowered, static_cast<std::int32_t>(n));
  }
  return bytes;
}

Bytes exported_bytes(const Graph& lowered) {
  Bytes bytes = constant_bytes(lowered);
  for (const Node& node : lowered.nodes) {
    const bool copies = !std::holds_alternative<Reshape>(node.op);  // a planned one lies where its input does
    if (copies) bytes += std::visit(Descriptions{lowered, node}, node.op);
  }
  if (lowered.outputs.size() > 1) bytes += 4 * static_cast<Bytes>(lowered.outputs.size());
  for (const std::string& name : lowered.class_names) bytes += 4 + static_cast<Bytes>(name.size()) + 1;
  return bytes;
}

}  // namespace mj
