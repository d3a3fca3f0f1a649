// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/sharing.h"

#include <algorithm>
#include <numeric>
#include <variant>

#include "mj/ir/exits.h"
#include "mj/pass/at.h"
#include "mj/pass/channel_affine.h"
#include "mj/pass/exit_head.h"

namespace mj {
namespace {

/// Operators of one input that cannot change a quantisation.
bool moves_or_chooses(const Op& op) {
  return std::holds_alternative<MaxPool>(op) || std::holds_alternative<AvgPool>(op) ||
         std::holds_alternative<Reshape>(op) || std::holds_alternative<Transpose>(op) ||
         std::holds_alternative<Pad>(op) || std::holds_alternative<Slice>(op);
}

/// The pools through which exits read the network: means of a few elements that lie far inside the range of all, where a scale
/// of their own keeps what the mean gains in resolution.
std::vector<char> pools_of_exits(const Graph& graph) {
  std::vector<char> found(graph.nodes.size(), 0);
  if (exit_count(graph) == 0) return found;
  const std::vector<char> backbone = backbone_nodes(graph);
  for (std::size_t n = 0; n < found.size(); ++n) {
    const auto* pool = std::get_if<AvgPool>(&graph.nodes[n].op);
    found[n] = pool && !backbone[n] && pool->pad == Padding{};
  }
  return found;
}

/// Output quantisations that the specification prescribes.
std::optional<Quantization> prescribed(const Op& op) {
  if (std::holds_alternative<Sigmoid>(op) || std::holds_alternative<Softmax>(op)) {
    return Quantization{{1.0f / 256}, {-128}, -1};
  }
  if (std::holds_alternative<Tanh>(op)) return Quantization{{1.0f / 128}, {0}, -1};
  return {};
}

class DisjointSets {
 public:
  explicit DisjointSets(std::size_t n) : parent_(n) { std::iota(parent_.begin(), parent_.end(), 0); }
  ValueId root(ValueId value) {
    while (parent_[at(value)] != value) value = parent_[at(value)] = parent_[at(parent_[at(value)])];
    return value;
  }
  void unite(ValueId a, ValueId b) { parent_[at(root(b))] = root(a); }

 private:
  std::vector<ValueId> parent_;
};

/// The range of each value that its readers can tell: where only max_pools and slices read it, what survives them.
/// Values below may saturate, for the maximum is among those above.
Ranges needed_ranges(const Graph& graph, const Ranges& seen) {
  Ranges needed = seen;
  const auto readers = consumers(graph);
  std::vector<char> is_output(graph.values.size(), 0);
  for (const ValueId output : graph.outputs) is_output[at(output)] = 1;
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    const std::size_t value = at(node->output);
    const auto chosen = [&](std::int32_t reader) {
      const Op& op = graph.nodes[static_cast<std::size_t>(reader)].op;
      return std::holds_alternative<MaxPool>(op) || std::holds_alternative<Slice>(op);
    };
    if (is_output[value] || readers[value].empty()) continue;
    if (!std::all_of(readers[value].begin(), readers[value].end(), chosen)) continue;
    float low = kInfinity, high = -kInfinity;
    for (const std::int32_t reader : readers[value]) {
      const std::size_t output = at(graph.nodes[static_cast<std::size_t>(reader)].output);
      low = std::min(low, needed.low[output]);
      high = std::max(high, needed.high[output]);
    }
    needed.low[value] = low;
    needed.high[value] = high;
  }
  return needed;
}

}  // namespace

Sharing share_quantizations(const Graph& graph, const Ranges& ranges) {
  DisjointSets sets(graph.values.size());
  std::vector<std::optional<Quantization>> fixed(graph.values.size());
  std::vector<char> alone(graph.values.size(), 0);
  for (const ValueId input : graph.inputs) alone[at(input)] = 1;
  const std::vector<char> own_scale = pools_of_exits(graph);
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    if (const auto quantization = prescribed(node.op)) {
      fixed[at(node.output)] = quantization;
      alone[at(node.output)] = 1;
    }
    // The input's set keeps its root, so what is fixed or alone is told by the root.
    if (moves_or_chooses(node.op) && !own_scale[n]) sets.unite(node.inputs[0], node.output);
  }
  // Only now is it known which groups are alone. A concat's output is so only where all inputs are and agree.
  for (const Node& node : graph.nodes) {
    if (!std::holds_alternative<Concat>(node.op)) continue;
    const std::size_t first = at(sets.root(node.inputs[0]));
    const bool agree = std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId input) {
      const std::size_t root = at(sets.root(input));
      return alone[root] && (root == first || (fixed[root] && fixed[root] == fixed[first]));
    });
    if (agree) {
      sets.unite(node.inputs[0], node.output);
      continue;
    }
    for (const ValueId input : node.inputs) {
      if (!graph.value(input).constant() && !alone[at(sets.root(input))]) sets.unite(input, node.output);
    }
  }

  Sharing sharing;
  sharing.group_of.assign(graph.values.size(), -1);
  const Ranges needed = needed_ranges(graph, ranges);
  std::vector<std::int32_t> group_of_root(graph.values.size(), -1);
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    if (graph.values[i].constant()) continue;
    const std::size_t root = at(sets.root(static_cast<ValueId>(i)));
    if (group_of_root[root] < 0) {
      group_of_root[root] = static_cast<std::int32_t>(sharing.groups.size());
      sharing.groups.push_back({0, 0, fixed[root], alone[root] != 0});
    }
    sharing.group_of[i] = group_of_root[root];
    Sharing::Group& group = sharing.groups[static_cast<std::size_t>(group_of_root[root])];
    group.low = std::min(group.low, needed.low[i]);
    group.high = std::max(group.high, needed.high[i]);
  }
  for (const Node& node : graph.nodes) {
    Sharing::Group& group = sharing.groups[static_cast<std::size_t>(sharing.group_of[at(node.output)])];
    if (const auto* pad = std::get_if<Pad>(&node.op)) {
      group.low = std::min(group.low, pad->value);
      group.high = std::max(group.high, pad->value);
    }
    if (!std::holds_alternative<Concat>(node.op)) continue;
    for (const ValueId input : node.inputs) {
      if (!graph.value(input).constant()) continue;
      for (const float x : reals(graph.value(input))) {
        group.low = std::min(group.low, x);
        group.high = std::max(group.high, x);
      }
    }
  }
  return sharing;
}

}  // namespace mj
