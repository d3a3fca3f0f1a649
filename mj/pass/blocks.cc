// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/blocks.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <variant>

#include "mj/base/error.h"
#include "mj/ir/cost.h"
#include "mj/pass/at.h"

namespace mj {
namespace {

constexpr int kMostMixing = 3;

/// A value that everything behind it depends on and nothing else of what came before: the network can be cut there.
struct Waist {
  ValueId value = -1;
  std::int32_t node = -1;  ///< that writes it; -1 for the network's input
};

std::vector<Waist> waists(const Graph& graph) {
  const auto readers = consumers(graph);
  std::vector<Waist> found;
  std::int64_t alive = 0;  // activations that later nodes read
  for (const ValueId input : graph.inputs) alive += !readers[at(input)].empty();
  if (alive == 1 && graph.inputs.size() == 1) found.push_back({graph.inputs[0], -1});
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    const auto i = static_cast<std::int32_t>(n);
    std::vector<ValueId> read = node.inputs;
    std::ranges::sort(read);
    read.erase(std::unique(read.begin(), read.end()), read.end());
    for (const ValueId input : read) alive -= !graph.value(input).constant() && readers[at(input)].back() == i;
    const bool wanted = !readers[at(node.output)].empty();
    alive += wanted;
    if (alive == 1 && wanted) found.push_back({node.output, i});
  }
  return found;
}

/// What stands between one waist and the next.
struct Segment {
  bool weighted = false;  ///< has a convolution or linear layer
  bool mixing = false;    ///< has one that is not depthwise
  bool delivers = false;  ///< writes an output of the network
};

Segment segment_between(const Graph& graph, const Waist& from, const Waist& to) {
  Segment segment;
  for (std::int32_t n = from.node + 1; n <= to.node; ++n) {
    const Node& node = graph.nodes[at(n)];
    const auto* conv = std::get_if<Conv2d>(&node.op);
    const bool linear = std::holds_alternative<Linear>(node.op);
    segment.weighted |= conv || linear;
    segment.mixing |= linear || (conv && (conv->groups == 1 || graph.type(node.inputs[1]).shape[3] > 1));
    segment.delivers |= std::ranges::find(graph.outputs, node.output) != graph.outputs.end();
  }
  return segment;
}

}  // namespace

std::vector<Block> droppable_blocks(const Graph& graph) {
  const std::vector<Waist> cuts = waists(graph);
  std::vector<Segment> segments;
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) segments.push_back(segment_between(graph, cuts[i], cuts[i + 1]));
  /// The first waist behind `begin` that ends a block, or `begin` itself.
  const auto end_of_block = [&](std::size_t begin) {
    const Type& type = graph.type(cuts[begin].value);
    int mixing = 0;
    std::size_t end = begin;
    while (true) {
      if (end == segments.size() || segments[end].delivers) return begin;
      mixing += segments[end].mixing;
      if (mixing > kMostMixing) return begin;
      ++end;
      if (mixing > 0 && graph.type(cuts[end].value) == type) break;
    }
    while (end < segments.size() && !segments[end].weighted && !segments[end].delivers &&
           graph.type(cuts[end + 1].value) == type) {
      ++end;
    }
    return end;
  };
  std::vector<Block> blocks;
  for (std::size_t begin = 0; begin < segments.size();) {
    const std::size_t end = segments[begin].weighted ? end_of_block(begin) : begin;
    if (end == begin) {
      ++begin;
      continue;
    }
    Block block{cuts[begin].value, cuts[end].value, cuts[begin].node + 1, cuts[end].node, 0, 0};
    if (!blocks.empty()) block.stage = blocks.back().stage + (graph.type(blocks.back().output) != graph.type(block.input));
    for (std::int32_t n = block.first; n <= block.last; ++n) block.macs += cost(graph, graph.nodes[at(n)]).macs;
    blocks.push_back(block);
    begin = end;
  }
  return blocks;
}

std::vector<std::size_t> drop_order(std::span<const Block> blocks) {
  std::map<std::int32_t, std::vector<std::size_t>> left;
  for (std::size_t i = 0; i < blocks.size(); ++i) left[blocks[i].stage].push_back(i);
  std::vector<std::size_t> order;
  while (order.size() < blocks.size()) {
    const auto fuller = [&](const auto& a, const auto& b) {
      if (a.second.size() != b.second.size()) return a.second.size() < b.second.size();
      if (a.second.empty()) return false;
      const std::int64_t first = blocks[a.second.back()].macs, second = blocks[b.second.back()].macs;
      return first != second ? first < second : a.first < b.first;
    };
    auto& stage = std::max_element(left.begin(), left.end(), fuller)->second;
    order.push_back(stage.back());
    stage.pop_back();
  }
  return order;
}

Graph drop_blocks(Graph graph, std::span<const Block> blocks) {
  std::vector<ValueId> instead(graph.values.size());
  std::iota(instead.begin(), instead.end(), 0);
  for (const Block& block : blocks) {
    MJ_CHECK(graph.type(block.input) == graph.type(block.output));
    instead[at(block.output)] = instead[at(block.input)];  // in order, so a dropped block before it is behind us
  }
  for (Node& node : graph.nodes) {
    for (ValueId& input : node.inputs) input = instead[at(input)];
  }
  return compact(std::move(graph));
}

}  // namespace mj
