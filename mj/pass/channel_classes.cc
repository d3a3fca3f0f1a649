// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/channel_classes.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>
#include <variant>

#include "mj/base/error.h"
#include "mj/pass/at.h"

namespace mj {
namespace {

/// Classes while they are still being joined.
class Joiner {
 public:
  std::int32_t fresh() {
    parent_.push_back(static_cast<std::int32_t>(parent_.size()));
    reason_.emplace_back();
    return parent_.back();
  }
  std::int32_t find(std::int32_t id) {
    while (parent_[at(id)] != id) id = parent_[at(id)] = parent_[at(parent_[at(id)])];
    return id;
  }
  void join(std::int32_t a, std::int32_t b) {
    a = find(a), b = find(b);
    if (a == b) return;
    if (b < a) std::swap(a, b);
    parent_[at(b)] = a;
    if (reason_[at(a)].empty()) reason_[at(a)] = reason_[at(b)];
  }
  void pin(std::int32_t id, const std::string& why) {
    std::string& reason = reason_[at(find(id))];
    if (reason.empty()) reason = why;
  }
  const std::string& reason(std::int32_t id) { return reason_[at(find(id))]; }
  std::size_t size() const { return parent_.size(); }

 private:
  std::vector<std::int32_t> parent_;
  std::vector<std::string> reason_;
};

using Labels = std::vector<std::int32_t>;

/// The classes of a node's output, one overload per operator.
struct Follow {
  const Graph& graph;
  const Node& node;
  std::vector<Labels>& labels;
  Joiner& joiner;

  const Shape& shape(std::size_t i) const { return graph.type(node.inputs[i]).shape; }
  const Labels& in(std::size_t i) const { return labels[at(node.inputs[i])]; }
  bool constant(std::size_t i) const { return graph.value(node.inputs[i]).constant(); }
  std::int64_t channels() const {
    const Shape& out = graph.type(node.output).shape;
    return out.empty() ? 1 : out.back();
  }
  Labels fresh(std::int64_t n) const {
    Labels made;
    for (std::int64_t i = 0; i < n; ++i) made.push_back(joiner.fresh());
    return made;
  }
  void pin(const Labels& pinned, const std::string& why) const {
    for (const std::int32_t label : pinned) joiner.pin(label, why);
  }
  /// What this operator does to channels is not followed: they stay as they are on both sides.
  Labels stop(const char* why) const {
    const std::string reason = fmt::format("{} {}", describe(node), why);
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (!constant(i)) pin(in(i), reason);
    }
    Labels made = fresh(channels());
    pin(made, reason);
    return made;
  }

  Labels operator()(const Conv2d& op) const {
    if (!constant(1)) return stop("has a weight that is computed");
    if (op.groups == 1) return fresh(channels());
    const Shape& weight = shape(1);
    if (weight[3] == 1 && weight[0] == op.groups) return in(0);
    return stop("is a grouped convolution");
  }
  Labels operator()(const Linear&) const {
    if (!constant(1)) return stop("has a weight that is computed");
    return fresh(channels());
  }
  Labels operator()(const BatchNorm&) const { return in(0); }
  Labels operator()(const Clamp&) const { return in(0); }
  Labels operator()(const LeakyRelu&) const { return in(0); }
  Labels operator()(const PRelu&) const { return in(0); }
  Labels operator()(const HardSigmoid&) const { return in(0); }
  Labels operator()(const HardSwish&) const { return in(0); }
  Labels operator()(const Sigmoid&) const { return in(0); }
  Labels operator()(const Tanh&) const { return in(0); }
  Labels operator()(const Softmax&) const { return stop("needs all of its input"); }
  Labels operator()(const MaxPool&) const { return in(0); }
  Labels operator()(const AvgPool&) const { return in(0); }
  Labels operator()(const Mean& op) const {
    const auto last = static_cast<std::int64_t>(shape(0).size()) - 1;
    const bool over_channels = std::ranges::find(op.axes, last) != op.axes.end();
    return over_channels ? stop("takes the mean over channels") : in(0);
  }
  Labels binary() const {
    if (constant(0) || constant(1)) {
      const std::size_t x = constant(0) ? 1 : 0;
      if (shape(x).empty() || shape(x).back() != channels()) return stop("spreads one channel over many");
      return in(x);
    }
    const bool equal = in(0).size() == in(1).size();
    if (equal) {
      for (std::size_t c = 0; c < in(0).size(); ++c) joiner.join(in(0)[c], in(1)[c]);
      return in(0);
    }
    return stop("spreads one channel over many");
  }
  Labels operator()(const Add&) const { return binary(); }
  Labels operator()(const Sub&) const { return binary(); }
  Labels operator()(const Mul&) const { return binary(); }
  Labels operator()(const Concat& op) const {
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (constant(i)) return stop("has a constant among its inputs");
    }
    Labels all = in(0);
    const bool along_channels = op.axis == static_cast<std::int64_t>(shape(0).size()) - 1;
    for (std::size_t i = 1; i < node.inputs.size(); ++i) {
      if (along_channels) {
        all.insert(all.end(), in(i).begin(), in(i).end());
      } else {
        for (std::size_t c = 0; c < all.size(); ++c) joiner.join(all[c], in(i)[c]);
      }
    }
    return all;
  }
  Labels operator()(const Reshape&) const {
    const std::int64_t before = static_cast<std::int64_t>(in(0).size()), after = channels();
    const Shape& out = graph.type(node.output).shape;
    // A vector of all elements, or the same channels: element i has channel i mod C either way.
    const bool flat = out.size() == 1 || element_count(out) == after;
    if (after != before && (!flat || after % before != 0)) return stop("splits channels");
    Labels repeated;
    for (std::int64_t i = 0; i < after; ++i) repeated.push_back(in(0)[at(i % before)]);
    return repeated;
  }
  Labels operator()(const Transpose& op) const {
    const auto last = static_cast<std::int64_t>(op.perm.size()) - 1;
    return op.perm.back() == last ? in(0) : stop("moves channels to another dimension");
  }
  Labels operator()(const Pad& op) const {
    return op.before.back() == 0 && op.after.back() == 0 ? in(0) : stop("pads channels");
  }
  Labels operator()(const Slice& op) const {
    Labels taken;
    for (std::int64_t c = op.begin.back(); c < op.end.back(); c += op.stride.back()) taken.push_back(in(0)[at(c)]);
    return taken.size() == in(0).size() ? taken : stop("takes some channels");
  }
  Labels operator()(const Quantize&) const { return stop("is quantised already"); }
};

/// Groups of classes: connected through the nodes that write or read several of them.
std::vector<std::vector<std::int32_t>> groups_of(const Graph& graph, const ChannelClasses& classes) {
  Joiner joiner;
  for (std::int32_t i = 0; i < classes.count; ++i) joiner.fresh();
  for (std::size_t v = 0; v < graph.values.size(); ++v) {
    std::int32_t first = -1;
    for (const std::int32_t id : classes.of_value[v]) {
      if (classes.pinned[at(id)]) continue;
      if (first < 0) first = id;
      joiner.join(first, id);
    }
  }
  std::map<std::int32_t, std::vector<std::int32_t>> members;
  for (std::int32_t i = 0; i < classes.count; ++i) {
    if (!classes.pinned[at(i)]) members[joiner.find(i)].push_back(i);
  }
  std::vector<std::vector<std::int32_t>> groups;
  for (auto& [root, ids] : members) groups.push_back(std::move(ids));
  return groups;
}

}  // namespace

ChannelClasses channel_classes(const Graph& graph) {
  std::vector<Labels> labels(graph.values.size());
  Joiner joiner;
  const auto pinned_input = [&](ValueId id) {
    const Shape& shape = graph.type(id).shape;
    for (std::int64_t c = 0; c < (shape.empty() ? 1 : shape.back()); ++c) {
      labels[at(id)].push_back(joiner.fresh());
      joiner.pin(labels[at(id)].back(), "it is the network's input");
    }
  };
  for (const ValueId input : graph.inputs) pinned_input(input);
  std::map<ValueId, const Node*> first_reader;  // of each weight: nodes that share one share its rows and columns
  for (const Node& node : graph.nodes) {
    labels[at(node.output)] = std::visit(Follow{graph, node, labels, joiner}, node.op);
    if (!std::holds_alternative<Conv2d>(node.op) && !std::holds_alternative<Linear>(node.op)) continue;
    const auto [entry, fresh] = first_reader.try_emplace(node.inputs[1], &node);
    if (fresh) continue;
    const auto join = [&](ValueId a, ValueId b) {
      for (std::size_t c = 0; c < labels[at(a)].size(); ++c) joiner.join(labels[at(a)][c], labels[at(b)][c]);
    };
    join(entry->second->output, node.output);
    join(entry->second->inputs[0], node.inputs[0]);
  }
  for (const ValueId output : graph.outputs) {
    for (const std::int32_t label : labels[at(output)]) joiner.pin(label, "it is an output of the network");
  }
  ChannelClasses classes;
  classes.of_value.resize(graph.values.size());
  std::map<std::int32_t, std::int32_t> number;
  for (std::size_t v = 0; v < labels.size(); ++v) {
    for (const std::int32_t label : labels[v]) {
      const std::int32_t root = joiner.find(label);
      const auto [entry, fresh] = number.try_emplace(root, classes.count);
      if (fresh) {
        ++classes.count;
        classes.reason.push_back(joiner.reason(root));
        classes.pinned.push_back(!joiner.reason(root).empty());
      }
      classes.of_value[v].push_back(entry->second);
    }
  }
  classes.groups = groups_of(graph, classes);
  return classes;
}

}  // namespace mj
