// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "mj/ir/graph.h"

namespace mj {

/// Rebuilds a graph's nodes in one sweep from first to last, the shape of every rewriting pass: nodes are handed out in
/// order with what was replaced so far already put in, and each is kept, changed or dropped.
///
/// Linear in the size of the graph, however long the chains that collapse. The plan is dropped.
class Rewriter {
 public:
  explicit Rewriter(Graph graph);

  Graph& graph() { return graph_; }
  /// Number of nodes to go through.
  std::size_t size() const { return pending_.size(); }
  /// Node i of the original with its inputs resolved.
  Node take(std::size_t i);

  /// Appends a node to the result.
  void keep(Node node);
  /// Drops a node whose output equals `input`: readers of the output read `input`. When both are graph outputs or
  /// `input` has no node that could write the output's name, a graph output cannot be dropped: the node is kept and
  /// false returned.
  bool drop(Node node, ValueId input);
  /// Drops a node because the kept node `producer` now computes its output.
  void absorb(const Node& node, Node& producer);

  /// The kept node that writes this value, or null. Valid until the next `keep`.
  Node* producer(ValueId value);
  /// Whether one node only reads the value and it is no graph output: then its content may change freely.
  bool sole_reader(ValueId value) const;

  /// The result, without what no output needs.
  Graph finish();

 private:
  ValueId resolve(ValueId value) const { return replacement_[static_cast<std::size_t>(value)]; }
  void grow();

  Graph graph_;  ///< its nodes are those kept so far
  std::vector<Node> pending_;
  std::vector<ValueId> replacement_;    ///< per value: what its readers read
  std::vector<std::int32_t> producer_;  ///< per value: index of the kept node that writes it, or -1
  std::vector<std::int32_t> readers_;   ///< per value: nodes that read it, graph outputs counted too
  std::vector<char> output_;            ///< per value: is it a graph output
};

}  // namespace mj
