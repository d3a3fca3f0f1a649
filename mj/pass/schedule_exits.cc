// SPDX-License-Identifier: Apache-2.0

// The order in which a network with exits is executed: what an exit needs comes before all that only later exits need, so
// that one who stops there has done nothing in vain. Otherwise the order stays as it is.
#include "mj/pass/schedule_exits.h"

#include <utility>

#include "mj/ir/exits.h"

namespace mj {

Graph schedule_exits(Graph graph) {
  if (exit_count(graph) == 0) return graph;
  const std::vector<std::int32_t> maker = producers(graph);
  std::vector<char> placed(graph.nodes.size(), 0);
  std::vector<Node> order;
  for (const ValueId output : graph.outputs) {
    std::vector<char> needed(graph.nodes.size(), 0);
    needed[static_cast<std::size_t>(maker[static_cast<std::size_t>(output)])] = 1;
    for (std::size_t n = graph.nodes.size(); n-- > 0;) {
      if (!needed[n]) continue;
      for (const ValueId input : graph.nodes[n].inputs) {
        if (const std::int32_t by = maker[static_cast<std::size_t>(input)]; by >= 0) needed[static_cast<std::size_t>(by)] = 1;
      }
    }
    for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
      if (needed[n] && !placed[n]) order.push_back(graph.nodes[n]);
      if (needed[n]) placed[n] = 1;
    }
  }
  // What no output needs goes last.
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    if (!placed[n]) order.push_back(graph.nodes[n]);
  }
  if (order == graph.nodes) return graph;
  graph.nodes = std::move(order);
  graph.plan.reset();
  return graph;
}

}  // namespace mj
