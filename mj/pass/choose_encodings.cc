// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/choose_encodings.h"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>
#include <vector>

#include "mj/ir/cost.h"

namespace mj {
namespace {

// From fast to slow to decode.
constexpr std::array kLayouts{Layout::kDense, Layout::kBlock4, Layout::kRelative, Layout::kBitmap};

/// A constant that convolutions and linear layers read as their weight, and nothing reads otherwise.
struct Weight {
  ValueId id = -1;
  std::vector<std::int32_t> readers;
  bool depthwise = false;  ///< of one of them: its kernel takes dense weights alone
};

std::vector<Weight> weights_of(const Graph& graph) {
  std::vector<Weight> weights;
  const std::vector<std::vector<std::int32_t>> readers = consumers(graph);
  for (std::size_t v = 0; v < graph.values.size(); ++v) {
    const Value& value = graph.values[v];
    if (!value.constant() || value.type.dtype != DType::kI8 || readers[v].empty()) continue;
    Weight weight{static_cast<ValueId>(v), readers[v]};
    bool fits = true;
    for (const std::int32_t reader : readers[v]) {
      const Node& node = graph.nodes[static_cast<std::size_t>(reader)];
      const auto* conv = std::get_if<Conv2d>(&node.op);
      weight.depthwise |= conv && conv->groups > 1 && value.type.shape.size() == 4 && value.type.shape[3] == 1;
      fits &= conv || std::holds_alternative<Linear>(node.op);
      for (std::size_t i = 0; i < node.inputs.size(); ++i) fits &= node.inputs[i] != weight.id || i == 1;
    }
    if (fits) weights.push_back(std::move(weight));
  }
  return weights;
}

double cycles(Graph& graph, const Weight& weight, Encoding encoding, const Platform& platform) {
  Value& value = graph.value(weight.id);
  const Encoding before = std::exchange(value.encoding, encoding);
  double sum = 0;
  for (const std::int32_t reader : weight.readers)
    sum += kernel_cycles(cost(graph, graph.nodes[static_cast<std::size_t>(reader)]), platform);
  value.encoding = before;
  return sum;
}

Encoding chosen(Graph& graph, const Weight& weight, const Platform* platform) {
  const Value& value = graph.value(weight.id);
  const auto elements = value.data.as<std::int8_t>();
  const std::int64_t rows = value.type.shape[0], depth = value.type.count() / rows;
  struct Candidate {
    Encoding encoding;
    Bytes bytes = 0;
  };
  std::vector<Candidate> candidates;
  for (const Layout layout : kLayouts) {
    const Encoding encoding{layout, value.encoding.bits};
    if (weight.depthwise && layout != Layout::kDense) break;
    if (refusal(depth, encoding).empty()) candidates.push_back({encoding, encoded_bytes(elements, rows, encoding)});
  }
  const Bytes dense = candidates.front().bytes;
  Bytes least = dense;
  for (const Candidate& candidate : candidates) least = std::min(least, candidate.bytes);
  if (value.encoding.plain() && least > dense / 4 * 3) return value.encoding;
  const Candidate* best = nullptr;
  double fewest = 0;
  for (const Candidate& candidate : candidates) {
    if (candidate.bytes > least + least / 16) continue;
    const double needed = platform ? cycles(graph, weight, candidate.encoding, *platform) : 0;
    if (!best || needed < fewest) best = &candidate, fewest = needed;
  }
  return best->encoding;
}

}  // namespace

Graph choose_encodings(Graph graph, const Platform* platform) {
  for (const Weight& weight : weights_of(graph)) {
    if (graph.value(weight.id).encoding.layout != Layout::kDense) continue;
    graph.value(weight.id).encoding = chosen(graph, weight, platform);
  }
  return graph;
}

}  // namespace mj
