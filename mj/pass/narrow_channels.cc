// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <utility>
#include <variant>

#include "mj/base/error.h"
#include "mj/pass/at.h"
#include "mj/pass/channel_affine.h"
#include "mj/pass/channel_classes.h"

// Removing a channel takes a row out of the weight that makes it, a column out of every weight that reads it, and an entry
// out of every vector that goes along with it. Nodes are appended one by one to a new graph, so that shapes are inferred
// anew and a mistake in the bookkeeping is an error and not a wrong network.

namespace mj {
namespace {

class Narrower {
 public:
  Narrower(const Graph& graph, const ChannelClasses& classes, const std::vector<char>& kept)
      : graph_(graph), classes_(classes), kept_(kept) {}

  Graph run() {
    result_.class_names = graph_.class_names;
    result_.preprocess = graph_.preprocess;
    result_.metadata = graph_.metadata;
    new_id_.assign(graph_.values.size(), -1);
    for (const ValueId input : graph_.inputs) new_id_[at(input)] = result_.add_input(graph_.value(input).name, graph_.type(input));
    for (const Node& node : graph_.nodes) append(node);
    for (const ValueId output : graph_.outputs) result_.outputs.push_back(new_id_[at(output)]);
    return std::move(result_);
  }

 private:
  /// Indices of the last dimension that stay.
  std::vector<std::int64_t> kept(ValueId activation) const {
    std::vector<std::int64_t> indices;
    const auto& ids = classes_.of_value[at(activation)];
    for (std::size_t c = 0; c < ids.size(); ++c) {
      if (kept_[at(ids[c])]) indices.push_back(static_cast<std::int64_t>(c));
    }
    return indices;
  }

  /// A constant with some indices of one dimension only; -1 is the last.
  ValueId taken(ValueId constant, std::int64_t dimension, const std::vector<std::int64_t>& indices) {
    const Value& value = graph_.value(constant);
    return constant_like(constant, cut(reals(value), value.type.shape, dimension, indices));
  }

  static std::pair<Shape, std::vector<float>> cut(const std::vector<float>& elements, Shape shape, std::int64_t dimension,
                                                  const std::vector<std::int64_t>& indices) {
    const std::size_t d = dimension < 0 ? shape.size() - 1 : at(dimension);
    std::int64_t inner = 1, outer = 1;
    for (std::size_t i = 0; i < d; ++i) outer *= shape[i];
    for (std::size_t i = d + 1; i < shape.size(); ++i) inner *= shape[i];
    std::vector<float> out;
    for (std::int64_t o = 0; o < outer; ++o) {
      for (const std::int64_t index : indices) {
        const auto begin = elements.begin() + (o * shape[d] + index) * inner;
        out.insert(out.end(), begin, begin + inner);
      }
    }
    shape[d] = static_cast<std::int64_t>(indices.size());
    return {std::move(shape), std::move(out)};
  }

  ValueId constant_like(ValueId constant, std::pair<Shape, std::vector<float>> content) {
    return result_.add_constant(graph_.value(constant).name, std::move(content.first), content.second);
  }

  /// A constant read unchanged, once however many read it.
  ValueId same(ValueId constant) {
    ValueId& id = new_id_[at(constant)];
    if (id < 0) id = result_.add_constant(graph_.value(constant).name, graph_.type(constant), graph_.value(constant).data);
    return id;
  }

  /// Rows, and columns where there are any to take, of a weight; nodes that share one keep sharing it.
  ValueId weight(ValueId id, const std::vector<std::int64_t>& rows, const std::vector<std::int64_t>* columns) {
    ValueId& made = new_id_[at(id)];
    if (made < 0) {
      const Value& value = graph_.value(id);
      auto content = cut(reals(value), value.type.shape, 0, rows);
      if (columns) content = cut(content.second, content.first, -1, *columns);
      made = constant_like(id, std::move(content));
      if (value.type.dtype == DType::kF32) result_.value(made).encoding = value.encoding;  // what it asks for
    }
    return made;
  }

  void append(const Node& node) {
    const std::vector<std::int64_t> out = kept(node.output);
    if (out.empty() && !classes_.of_value[at(node.output)].empty()) {
      fail("{}: all of its channels would be removed; expected at least one to stay", describe(node));
    }
    Node copy = node;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId id = node.inputs[i];
      if (!graph_.value(id).constant()) {
        copy.inputs[i] = new_id_[at(id)];
      } else if (std::holds_alternative<Conv2d>(node.op) || std::holds_alternative<Linear>(node.op)) {
        const auto* conv = std::get_if<Conv2d>(&node.op);
        const std::vector<std::int64_t> columns = kept(node.inputs[0]);
        const bool grouped = conv && conv->groups > 1;
        copy.inputs[i] = i == 1 ? weight(id, out, grouped ? nullptr : &columns) : taken(id, 0, out);
      } else {
        // Everything else with constants has them along the channels, or one for all.
        const Shape& shape = graph_.type(id).shape;
        const bool along = !shape.empty() && shape.back() == static_cast<std::int64_t>(classes_.of_value[at(node.output)].size());
        copy.inputs[i] = along && shape.back() != static_cast<std::int64_t>(out.size()) ? taken(id, -1, out) : same(id);
      }
    }
    // Depthwise with one output each; with several its channels are pinned and so are its groups.
    const auto depthwise = [&](const Conv2d& conv) {
      const Shape& weight = graph_.type(node.inputs[1]).shape;
      return conv.groups > 1 && weight[3] == 1 && weight[0] == conv.groups;
    };
    if (auto* conv = std::get_if<Conv2d>(&copy.op); conv && depthwise(*conv)) {
      conv->groups = static_cast<std::int64_t>(out.size());
    } else if (auto* reshape = std::get_if<Reshape>(&copy.op); reshape && !reshape->shape.empty()) {
      reshape->shape.back() = static_cast<std::int64_t>(out.size());
    } else if (auto* slice = std::get_if<Slice>(&copy.op); slice && slice->end.back() > static_cast<std::int64_t>(out.size())) {
      slice->end.back() = static_cast<std::int64_t>(out.size());
    }
    new_id_[at(node.output)] = result_.add_node(copy.name, copy.op, copy.inputs);
    result_.value(new_id_[at(node.output)]).name = graph_.value(node.output).name;
  }

  const Graph& graph_;
  const ChannelClasses& classes_;
  const std::vector<char>& kept_;
  Graph result_;
  std::vector<ValueId> new_id_;
};

}  // namespace

Graph narrow_channels(const Graph& graph, const ChannelClasses& classes, const std::vector<char>& kept) {
  MJ_CHECK(static_cast<std::int32_t>(kept.size()) == classes.count);
  for (std::int32_t id = 0; id < classes.count; ++id) {
    if (!kept[at(id)] && classes.pinned[at(id)]) {
      fail("a channel cannot be removed: {}", classes.reason[at(id)]);
    }
  }
  return Narrower(graph, classes, kept).run();
}

}  // namespace mj
