// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/rewrite.h"

#include <numeric>
#include <utility>

#include "mj/base/error.h"
#include "mj/pass/at.h"

namespace mj {

// Compacted first: a reader that no output needs must not stand in the way.
Rewriter::Rewriter(Graph graph) : graph_(compact(std::move(graph))) {
  pending_ = std::exchange(graph_.nodes, {});
  graph_.nodes.reserve(pending_.size());
  grow();
  for (const Node& node : pending_) {
    for (const ValueId input : node.inputs) ++readers_[at(input)];
  }
  for (const ValueId output : graph_.outputs) {
    ++readers_[at(output)];
    output_[at(output)] = 1;
  }
}

void Rewriter::grow() {
  const std::size_t before = replacement_.size();
  replacement_.resize(graph_.values.size());
  std::iota(replacement_.begin() + static_cast<std::ptrdiff_t>(before), replacement_.end(),
            static_cast<ValueId>(before));
  producer_.resize(graph_.values.size(), -1);
  readers_.resize(graph_.values.size(), 0);
  output_.resize(graph_.values.size(), 0);
}

Node Rewriter::take(std::size_t i) {
  Node node = std::move(pending_[i]);
  for (ValueId& input : node.inputs) input = resolve(input);
  return node;
}

void Rewriter::keep(Node node) {
  grow();
  producer_[at(node.output)] = static_cast<std::int32_t>(graph_.nodes.size());
  graph_.nodes.push_back(std::move(node));
}

bool Rewriter::drop(Node node, ValueId input) {
  grow();
  const ValueId output = node.output;
  if (!output_[at(output)]) {
    replacement_[at(output)] = input;
    readers_[at(input)] += readers_[at(output)] - 1;
    return true;
  }
  // An output keeps its name: the node that wrote `input` writes it instead.
  Node* writer = producer(input);
  if (writer == nullptr || output_[at(input)]) {
    keep(std::move(node));
    return false;
  }
  writer->output = output;
  producer_[at(output)] = std::exchange(producer_[at(input)], -1);
  readers_[at(output)] += std::exchange(readers_[at(input)], 0) - 1;
  // Whatever was resolved to `input` so far now is `output`; this happens at most once for each graph output.
  for (ValueId& target : replacement_) {
    if (target == input) target = output;
  }
  for (Node& kept : graph_.nodes) {
    for (ValueId& read : kept.inputs) {
      if (read == input) read = output;
    }
  }
  return true;
}

void Rewriter::absorb(const Node& node, Node& producer) {
  grow();
  producer_[at(node.output)] = std::exchange(producer_[at(producer.output)], -1);
  producer.output = node.output;
}

Node* Rewriter::producer(ValueId value) {
  grow();
  const std::int32_t index = producer_[at(value)];
  return index < 0 ? nullptr : &graph_.nodes[static_cast<std::size_t>(index)];
}

bool Rewriter::sole_reader(ValueId value) const {
  if (at(value) >= readers_.size()) return true;  // made by the pass itself, for one node
  return readers_[at(value)] == 1 && !output_[at(value)];
}

Graph Rewriter::finish() { return compact(std::move(graph_)); }

}  // namespace mj
