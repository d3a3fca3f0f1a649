// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/reduce.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>
#include <variant>

#include "mj/base/error.h"
#include "mj/base/text.h"
#include "mj/ir/cost.h"
#include "mj/pass/at.h"
#include "mj/pass/blocks.h"
#include "mj/pass/channel_affine.h"
#include "mj/pass/channel_classes.h"
#include "mj/pass/lower.h"
#include "mj/pass/passes.h"

namespace mj {
namespace {

constexpr double kReducedWidths[] = {1, 0.75, 0.5, 0.375, 0.25, 0.125};
constexpr int kMostDepths = 6;

/// Per class: what its weights amount to.
std::vector<double> magnitudes(const Graph& graph, const ChannelClasses& classes) {
  std::vector<double> sums(at(classes.count));
  for (const Node& node : graph.nodes) {
    const bool weighted = std::holds_alternative<Conv2d>(node.op) || std::holds_alternative<Linear>(node.op);
    if (!weighted || !graph.value(node.inputs[1]).constant()) continue;
    const std::vector<float> weight = reals(graph.value(node.inputs[1]));
    double all = 0;
    for (const float w : weight) all += std::abs(w);
    const auto& ids = classes.of_value[at(node.output)];
    if (!(all > 0) || ids.empty()) continue;
    const std::size_t row = weight.size() / ids.size();
    for (std::size_t i = 0; i < weight.size(); ++i) {
      sums[at(ids[i / row])] += std::abs(weight[i]) / all * static_cast<double>(ids.size());
    }
  }
  return sums;
}

Graph narrowed(const Graph& graph, double width) {
  const ChannelClasses classes = channel_classes(graph);
  const std::vector<double> magnitude = magnitudes(graph, classes);
  const auto larger = [&](std::int32_t a, std::int32_t b) { return magnitude[at(a)] > magnitude[at(b)]; };
  std::vector<char> kept(at(classes.count), 1);
  for (std::vector<std::int32_t> group : classes.groups) {
    std::ranges::stable_sort(group, larger);
    const auto stay = std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(width * static_cast<double>(group.size()))));
    for (std::size_t i = stay; i < group.size(); ++i) kept[at(group[i])] = 0;
  }
  // A group that a concatenation holds together may have left one of its parts empty.
  for (const std::vector<std::int32_t>& ids : classes.of_value) {
    if (ids.empty() || std::ranges::any_of(ids, [&](std::int32_t id) { return kept[at(id)]; })) continue;
    kept[at(*std::ranges::min_element(ids, larger))] = 1;
  }
  return narrow_channels(graph, classes, kept);
}

}  // namespace

std::string to_text(const Reduction& reduction) {
  std::string text;
  if (reduction.dropped > 0) text = fmt::format("drop{}", reduction.dropped);
  if (reduction.width < 1) text += fmt::format("{}width{}", text.empty() ? "" : "/", float_text(reduction.width));
  return text;
}

Reduction parse_reduction(std::string_view text) {
  Reduction reduction;
  bool dropped = false, narrowed = false;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('/', begin), text.size());
    const std::string_view part = text.substr(begin, end - begin);
    begin = end + 1;
    if (part.starts_with("drop") && !dropped && !narrowed) {
      const auto count = parse_integer(part.substr(4));
      if (!count || *count < 1 || *count > 100000) fail("'{}' drops no whole number of blocks; expected e.g. drop2", part);
      reduction.dropped = static_cast<int>(*count);
      dropped = true;
    } else if (part.starts_with("width") && !narrowed) {
      const auto width = parse_number(part.substr(5));
      if (!width || !(*width > 0 && *width < 1)) fail("'{}' is no share of the channels between 0 and 1; expected e.g. width0.5", part);
      reduction.width = *width;
      narrowed = true;
    } else {
      fail("unexpected part '{}' of a reduction; expected dropN, widthX or dropN/widthX, e.g. drop2/width0.5", part);
    }
  }
  return reduction;
}

Graph reducible(const Graph& graph) {
  for (const Node& node : graph.nodes) {
    if (graph.type(node.output).dtype != DType::kF32) {
      fail("{}: its result is {}; only float networks can be reduced and trained again", describe(node),
           type_text(graph.type(node.output)));
    }
  }
  return simplify(absorb_batch_norm(fold_batch_norm(graph)));
}

Graph reduce(const Graph& graph, const Reduction& reduction) {
  Graph result = graph;
  if (reduction.dropped > 0) {
    const std::vector<Block> blocks = droppable_blocks(graph);
    if (reduction.dropped > std::ssize(blocks)) {
      fail("{} blocks cannot be dropped: the network has {} that give what they take", reduction.dropped, blocks.size());
    }
    std::vector<std::size_t> going = drop_order(blocks);
    going.resize(at(reduction.dropped));
    std::ranges::sort(going);
    std::vector<Block> dropped;
    for (const std::size_t i : going) dropped.push_back(blocks[i]);
    result = drop_blocks(std::move(result), dropped);
  }
  return reduction.width < 1 ? narrowed(result, reduction.width) : result;
}

std::vector<Reduction> reductions_of(const Graph& graph) {
  const auto blocks = static_cast<int>(droppable_blocks(graph).size());
  const bool narrows = !channel_classes(graph).groups.empty();
  if (blocks == 0 && !narrows) {
    fail("the network has no block that gives what it takes, and no channels that could be left out; name students of "
         "another architecture");
  }
  std::set<int> depths;
  for (int i = 0; i < kMostDepths; ++i) depths.insert((blocks * i + (kMostDepths - 1) / 2) / (kMostDepths - 1));
  std::vector<std::pair<std::int64_t, Reduction>> found;
  for (const int dropped : depths) {
    for (const double width : kReducedWidths) {
      const Reduction reduction{dropped, width};
      if (reduction != Reduction{} && (narrows || width == 1)) found.emplace_back(total_macs(reduce(graph, reduction)), reduction);
    }
  }
  std::ranges::stable_sort(found, std::greater<>(), &std::pair<std::int64_t, Reduction>::first);
  std::vector<Reduction> reductions;
  for (const auto& [macs, reduction] : found) reductions.push_back(reduction);
  return reductions;
}

}  // namespace mj
