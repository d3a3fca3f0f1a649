// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <optional>
#include <variant>
#include <vector>

#include "mj/pass/at.h"
#include "mj/pass/channel_affine.h"
#include "mj/pass/channel_classes.h"
#include "mj/pass/passes.h"

// Sparse training leaves channels whose weights are all zero, or that nothing multiplies by anything but zero. A channel that
// is the same number for any input goes into the biases of what reads it; convolutions that pad see it only inside, so there
// only zero goes.

namespace mj {
namespace {

/// Per channel the number it always is; nothing where it depends on the input, or where that is not known.
using Known = std::vector<std::optional<float>>;

const Conv2d* convolution(const Node& node) { return std::get_if<Conv2d>(&node.op); }

/// Reads every channel with weights of its own.
bool mixes(const Graph& graph, const Node& node) {
  const bool weighted = std::holds_alternative<Linear>(node.op) || (convolution(node) && convolution(node)->groups == 1);
  return weighted && graph.value(node.inputs[1]).constant();
}

bool pads(const Node& node) {
  const Conv2d* conv = convolution(node);
  return conv && std::ranges::any_of(conv->pad, [](std::int64_t p) { return p != 0; });
}

Known known_sums(const Graph& graph, const Node& node, const Range& clamp) {
  const std::vector<float> weight = reals(graph.value(node.inputs[1]));
  const auto rows = at(graph.type(node.inputs[1]).shape[0]);
  const std::size_t depth = weight.size() / rows;
  std::vector<float> bias(rows, 0);
  if (node.inputs.size() > 2) bias = reals(graph.value(node.inputs[2]));
  Known known(rows);
  for (std::size_t r = 0; r < rows; ++r) {
    const auto row = weight.begin() + static_cast<std::ptrdiff_t>(r * depth);
    const bool zeros = std::all_of(row, row + static_cast<std::ptrdiff_t>(depth), [](float w) { return w == 0; });
    if (zeros) known[r] = std::clamp(bias[r], clamp.low, clamp.high);
  }
  return known;
}

Known known_output(const Graph& graph, const Node& node, const std::vector<Known>& known) {
  const auto channels = at(graph.type(node.output).shape.empty() ? 1 : graph.type(node.output).shape.back());
  if (mixes(graph, node)) {
    const Range clamp = convolution(node) ? convolution(node)->clamp : std::get<Linear>(node.op).clamp;
    return known_sums(graph, node, clamp);
  }
  const Known& in = known[at(node.inputs[0])];
  const bool pools = std::holds_alternative<MaxPool>(node.op) || std::holds_alternative<AvgPool>(node.op) || std::holds_alternative<Mean>(node.op);
  if (const auto* clamp = std::get_if<Clamp>(&node.op)) {
    Known out = in;
    for (auto& value : out) {
      if (value) value = std::clamp(*value, clamp->range.low, clamp->range.high);
    }
    return out;
  }
  if (std::holds_alternative<Reshape>(node.op) && !in.empty() && channels % in.size() == 0) {
    Known out;
    for (std::size_t c = 0; c < channels; ++c) out.push_back(in[c % in.size()]);
    return out;
  }
  // A mean of equal numbers may be off in its last bit, and one over padding is not one of equal numbers: only zero is sure.
  Known out(channels);
  if (pools && in.size() == channels) {
    for (std::size_t c = 0; c < channels; ++c) {
      if (in[c] == 0.0f) out[c] = 0.0f;
    }
  }
  return out;
}

/// One round; `changed` says whether anything went.
Graph removed(const Graph& graph, bool& changed) {
  const ChannelClasses classes = channel_classes(graph);
  std::vector<Known> known(graph.values.size());
  for (const ValueId input : graph.inputs) known[at(input)].resize(classes.of_value[at(input)].size());
  std::vector<char> kept(at(classes.count), 0);
  for (std::size_t id = 0; id < kept.size(); ++id) kept[id] = classes.pinned[id];
  struct Fold {
    const Node* reader;
    std::size_t column;
    float value;
  };
  std::vector<Fold> folds;
  std::vector<int> readers(graph.values.size(), 0);
  for (const Node& node : graph.nodes) {
    for (const ValueId id : node.inputs) ++readers[at(id)];
  }
  for (const Node& node : graph.nodes) {
    known[at(node.output)] = known_output(graph, node, known);
    if (!mixes(graph, node)) continue;
    const std::vector<float> weight = reals(graph.value(node.inputs[1]));
    const auto& ids = classes.of_value[at(node.inputs[0])];
    std::vector<char> read(ids.size(), 0);
    for (std::size_t i = 0; i < weight.size(); ++i) read[i % ids.size()] |= weight[i] != 0;
    for (std::size_t c = 0; c < ids.size(); ++c) {
      if (!read[c]) continue;
      const std::optional<float> value = known[at(node.inputs[0])][c];
      const bool moves = !pads(node) && node.inputs.size() > 2 && readers[at(node.inputs[2])] == 1;
      const bool goes = value && (*value == 0 || moves);
      if (!goes) {
        kept[at(ids[c])] = 1;
      } else if (*value != 0) {
        folds.push_back({&node, c, *value});
      }
    }
  }
  for (const auto& ids : classes.of_value) {
    const bool none = !ids.empty() && std::ranges::none_of(ids, [&](std::int32_t id) { return kept[at(id)] != 0; });
    if (none) kept[at(ids[0])] = 1;
  }
  changed = std::ranges::any_of(kept, [](char k) { return !k; });
  if (!changed) return graph;
  Graph result = graph;
  for (const Fold& fold : folds) {
    const auto& ids = classes.of_value[at(fold.reader->inputs[0])];
    if (kept[at(ids[fold.column])]) continue;
    const std::vector<float> weight = reals(graph.value(fold.reader->inputs[1]));
    std::vector<float> bias = reals(result.value(fold.reader->inputs[2]));
    const std::size_t depth = weight.size() / bias.size();
    for (std::size_t i = fold.column; i < weight.size(); i += ids.size()) bias[i / depth] += weight[i] * fold.value;
    result.value(fold.reader->inputs[2]).data = Constant::of(std::span<const float>(bias));
  }
  return narrow_channels(result, classes, kept);
}

}  // namespace

Graph remove_dead_channels(Graph graph) {
  const bool real = std::ranges::all_of(graph.values, [](const Value& value) { return value.type.dtype == DType::kF32; });
  if (!real) return graph;
  for (bool changed = true; changed;) graph = removed(graph, changed);
  return graph;
}

}  // namespace mj
