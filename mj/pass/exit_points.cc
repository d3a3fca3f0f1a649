// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/exit_points.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <variant>

#include "mj/base/error.h"

namespace mj {
namespace {

constexpr double kLeastShare = 0.05, kMostShare = 0.95;

/// Whether the value's next work is a convolution or a linear layer; reshapes are no work.
bool begins_block(const Graph& graph, const std::vector<std::vector<std::int32_t>>& readers, ValueId value) {
  return std::ranges::any_of(readers[static_cast<std::size_t>(value)], [&](std::int32_t reader) {
    const Node& node = graph.nodes[static_cast<std::size_t>(reader)];
    if (std::holds_alternative<Reshape>(node.op) || std::holds_alternative<Transpose>(node.op)) {
      return begins_block(graph, readers, node.output);
    }
    return std::holds_alternative<Conv2d>(node.op) || std::holds_alternative<Linear>(node.op);
  });
}

}  // namespace

Graph network_until(const Graph& graph, ValueId value) {
  Graph part = graph;
  part.outputs = {value};
  part.class_names.clear();
  return compact(std::move(part));
}

std::vector<ExitPoint> block_boundaries(const Graph& graph, const WorkOf& work) {
  const auto readers = consumers(graph);
  const auto end = static_cast<std::int32_t>(graph.nodes.size());
  std::vector<std::int32_t> last(graph.values.size(), -1);
  for (std::size_t v = 0; v < graph.values.size(); ++v) {
    if (!graph.values[v].constant() && !readers[v].empty()) last[v] = readers[v].back();
  }
  for (const ValueId output : graph.outputs) last[static_cast<std::size_t>(output)] = end;

  const double whole = work(graph);
  std::vector<std::vector<ValueId>> dies(graph.nodes.size());
  std::int64_t alive = 0;
  const auto born = [&](ValueId value) {
    const std::int32_t until = last[static_cast<std::size_t>(value)];
    if (until < 0) return;
    ++alive;
    if (until < end) dies[static_cast<std::size_t>(until)].push_back(value);
  };
  for (const ValueId input : graph.inputs) born(input);
  std::vector<ExitPoint> found;
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    born(node.output);
    alive -= static_cast<std::int64_t>(dies[n].size());
    const Shape& shape = graph.type(node.output).shape;
    const bool image = shape.size() == 3 && shape[0] * shape[1] > 1;
    const bool only = alive == 1 && last[static_cast<std::size_t>(node.output)] > static_cast<std::int32_t>(n);
    if (!only || !image || !begins_block(graph, readers, node.output)) continue;
    found.push_back({node.output, node.name, whole > 0 ? work(network_until(graph, node.output)) / whole : 0});
  }
  return found;
}

std::vector<ExitPoint> spaced_exits(std::span<const ExitPoint> boundaries, int most) {
  MJ_CHECK(most >= 1);
  std::vector<ExitPoint> usable;
  std::ranges::copy_if(boundaries, std::back_inserter(usable),
                       [](const ExitPoint& p) { return p.share >= kLeastShare && p.share <= kMostShare; });
  if (usable.empty()) {
    fail("the network is too short for exits: none of its {} block boundaries lies between 5 % and 95 % of its work",
         boundaries.size());
  }
  const std::size_t n = usable.size();
  const std::size_t count = std::min(n, static_cast<std::size_t>(most));
  const auto squared = [](double gap) { return gap * gap; };
  // best[c][i]: least sum of squared gaps up to boundary i when it is the c-th exit chosen.
  std::vector<std::vector<double>> best(count, std::vector<double>(n, std::numeric_limits<double>::infinity()));
  std::vector<std::vector<std::size_t>> before(count, std::vector<std::size_t>(n, 0));
  for (std::size_t i = 0; i < n; ++i) best[0][i] = squared(usable[i].share);
  for (std::size_t c = 1; c < count; ++c) {
    for (std::size_t i = c; i < n; ++i) {
      for (std::size_t j = c - 1; j < i; ++j) {
        const double sum = best[c - 1][j] + squared(usable[i].share - usable[j].share);
        if (sum < best[c][i]) best[c][i] = sum, before[c][i] = j;
      }
    }
  }
  std::size_t at = count - 1;
  for (std::size_t i = at; i < n; ++i) {
    const auto total = [&](std::size_t k) { return best[count - 1][k] + squared(1 - usable[k].share); };
    if (total(i) < total(at)) at = i;
  }
  std::vector<ExitPoint> chosen(count);
  for (std::size_t c = count; c-- > 0;) {
    chosen[c] = usable[at];
    at = before[c][at];
  }
  return chosen;
}

std::vector<ExitPoint> named_exits(const Graph& graph, std::span<const ExitPoint> boundaries,
                                   std::span<const std::string> names) {
  std::vector<char> taken(boundaries.size(), 0);
  for (const std::string& name : names) {
    const auto found = std::ranges::find_if(boundaries, [&](const ExitPoint& point) {
      return point.name == name || graph.value(point.value).name == name;
    });
    if (found == boundaries.end()) {
      std::vector<std::string> known;
      for (const ExitPoint& point : boundaries) known.push_back(point.name);
      if (known.empty()) fail("no exit is possible at '{}': the network has no block boundaries", name);
      fail("no exit is possible at '{}'; expected one of {}", name, fmt::join(known, ", "));
    }
    char& mark = taken[static_cast<std::size_t>(found - boundaries.begin())];
    if (mark) fail("exit '{}' is named twice", name);
    mark = 1;
  }
  std::vector<ExitPoint> chosen;
  for (std::size_t i = 0; i < boundaries.size(); ++i) {
    if (taken[i]) chosen.push_back(boundaries[i]);
  }
  return chosen;
}

}  // namespace mj
