// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/exit_head.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <variant>

#include "mj/base/error.h"
#include "mj/base/random.h"
#include "mj/pass/channel_affine.h"

namespace mj {
namespace {

constexpr std::pair<ExitMethod, const char*> kMethods[] = {{ExitMethod::kHead, "head"},
                                                           {ExitMethod::kGnet, "gnet"},
                                                           {ExitMethod::kFlat, "flat"},
                                                           {ExitMethod::kPooled, "pooled"}};

std::string exit_name(std::size_t k) { return fmt::format("exit{}", k + 1); }

/// A window that divides `size` into `cells`: the last may be larger where that does not come out even.
struct Window {
  std::int64_t kernel, stride;
  Window(std::int64_t size, std::int64_t cells) : kernel(size - (cells - 1) * (size / cells)), stride(size / cells) {}
};

/// Rows and columns of the features of all exits: one head reads them, so they have one grid.
Pair common_grid(const Graph& graph, std::span<const ExitPoint> exits, int grid) {
  Pair cells{grid, grid};
  for (const ExitPoint& exit : exits) {
    const Shape& shape = graph.type(exit.value).shape;
    for (std::size_t axis : {0u, 1u}) cells[axis] = std::min(cells[axis], shape[axis]);
  }
  return cells;
}

/// Means over the cells of a grid.
ValueId average(Graph& graph, const std::string& name, ValueId image, const Pair& cells) {
  const Shape shape = graph.type(image).shape;
  const Window rows(shape[0], cells[0]), columns(shape[1], cells[1]);
  const AvgPool pool{.kernel = {rows.kernel, columns.kernel}, .stride = {rows.stride, columns.stride}};
  return graph.add_node(name, pool, {image});
}

/// Rows and columns of what is read of each exit: the shared head looks at cells twice as fine as those it keeps, and pools
/// behind its rectifier.
Pair read_grid(const Pair& cells, const HeadOptions& options) {
  if (options.method != ExitMethod::kHead) return cells;
  return {2 * cells[0], 2 * cells[1]};
}

/// What the head reads of exit k, as an image: of every 2x2 pixels the largest (where there are enough), then means over
/// the cells. A mean alone is linear and keeps less of early features, whose blocks end without pooling.
ValueId pool_exit(Graph& graph, const ExitPoint& exit, std::size_t k, const Pair& grid, const HeadOptions& options) {
  const Shape shape = graph.type(exit.value).shape;
  const Pair fine = read_grid(grid, options);
  const Pair cells{std::min(fine[0], shape[0]), std::min(fine[1], shape[1])};
  const std::string name = exit_name(k) + "/pool";
  if (options.method == ExitMethod::kFlat) {
    const Pair window{std::min<std::int64_t>(2, shape[0]), std::min<std::int64_t>(2, shape[1])};
    return graph.add_node(name, MaxPool{.kernel = window, .stride = window}, {exit.value});
  }
  ValueId image = exit.value;
  if (shape[0] >= 2 * cells[0] && shape[1] >= 2 * cells[1]) {
    image = graph.add_node(exit_name(k) + "/peaks", MaxPool{}, {image});
  }
  return average(graph, name, image, cells);
}

std::vector<ValueId> pool_exits(Graph& graph, std::span<const ExitPoint> exits, const HeadOptions& options) {
  const Pair cells = common_grid(graph, exits, options.grid);
  std::vector<ValueId> features;
  for (std::size_t k = 0; k < exits.size(); ++k) features.push_back(pool_exit(graph, exits[k], k, cells, options));
  return features;
}

/// Gives a head's constant: a fresh one of this shape and deviation, or the trained one of that name.
using Parameter = std::function<ValueId(const std::string& name, Shape shape, double deviation, double centre)>;

/// Builds a head's operators, exit by exit; the same for training and for the device but for the constants and for what
/// becomes of a batch-norm.
class HeadBuilder {
 public:
  using Norm = std::function<ValueId(const std::string& name, ValueId x, bool rectify, const std::string& shared)>;

  HeadBuilder(Graph& graph, const HeadOptions& options, Pair cells, std::int64_t classes, std::vector<Shape> shapes,
              Parameter parameter, Norm norm)
      : graph_(graph),
        options_(options),
        cells_(cells),
        classes_(classes),
        shapes_(std::move(shapes)),
        parameter_(std::move(parameter)),
        norm_(std::move(norm)) {}

  /// The answer at the next exit, given its features.
  ValueId add(ValueId features) {
    const std::string name = exit_name(count_);
    ValueId answer = -1;
    switch (options_.method) {
      case ExitMethod::kHead: answer = add_head(name, features); break;
      case ExitMethod::kGnet: answer = add_gnet(name, features); break;
      case ExitMethod::kFlat: answer = linear(name, flat(name, features), name); break;
      case ExitMethod::kPooled: answer = linear(name, graph_.add_node(name + "/mean", Mean{}, {features}), name); break;
    }
    graph_.value(answer).name = name;
    ++count_;
    previous_ = answer;
    return answer;
  }

 private:
  Graph& graph_;
  const HeadOptions& options_;
  Pair cells_;
  std::int64_t classes_;
  std::vector<Shape> shapes_;
  Parameter parameter_;
  Norm norm_;
  std::size_t count_ = 0;
  ValueId previous_ = -1;  ///< logits of the exit before
  ValueId sum_ = -1;       ///< s_(k-1)
  std::vector<ValueId> reached_;

  ValueId flat(const std::string& name, ValueId x) {
    return graph_.add_node(name + "/flatten", Reshape{{graph_.type(x).count()}}, {x});
  }

  /// A linear layer to the classes; the weight may be another exit's.
  ValueId linear(const std::string& name, ValueId x, const std::string& weight_of, bool shared_bias = false) {
    const std::int64_t inputs = graph_.type(x).count();
    const double deviation = 1 / std::sqrt(static_cast<double>(inputs));
    const ValueId weight = parameter_(weight_of + "/answer.weight", {classes_, inputs}, deviation, 0);
    const ValueId bias = parameter_((shared_bias ? weight_of : name) + "/answer.bias", {classes_}, 0, 0);
    return graph_.add_node(name + "/answer", Linear{}, {x, weight, bias});
  }

  ValueId project(const std::string& name, ValueId x, const std::string& weight) {
    const std::int64_t inputs = graph_.type(x).shape.back();
    const double deviation = std::sqrt(2.0 / static_cast<double>(inputs));
    return graph_.add_node(name + "/project", Conv2d{},
                           {x, parameter_(weight + "/project.weight", {options_.width, 1, 1, inputs}, deviation, 0)});
  }

  /// P_k x_k + d_k, rectified where it is still fine, then averaged over the cells that are kept.
  ValueId rectified(const std::string& name, ValueId x) {
    const std::int64_t inputs = graph_.type(x).shape.back();
    const double deviation = std::sqrt(2.0 / static_cast<double>(inputs));
    const ValueId weight = parameter_(name + "/project.weight", {options_.width, 1, 1, inputs}, deviation, 0);
    const ValueId bias = parameter_(name + "/project.bias", {options_.width}, 0, 0);
    const ValueId fine = graph_.add_node(name + "/project", Conv2d{}, {x, weight, bias});
    const ValueId active = graph_.add_node(name + "/project/relu", Clamp{}, {fine});
    return average(graph_, name + "/mean", active, cells_);
  }

  ValueId add_head(const std::string& name, ValueId features) {
    const ValueId projected = rectified(name, features);
    sum_ = count_ == 0 ? projected : graph_.add_node(name + "/sum", Add{}, {sum_, projected});
    const ValueId active = norm_(name + "/norm", sum_, /*rectify=*/true, name + "/norm");
    const ValueId own = linear(name, flat(name, active), "exits");
    if (count_ == 0) return own;
    const ValueId carry = parameter_(name + "/carry", {1}, 0, 0.5);
    const ValueId carried = graph_.add_node(name + "/carried", Mul{}, {previous_, carry});
    return graph_.add_node(name + "/logits", Add{}, {own, carried});
  }

  ValueId add_gnet(const std::string& name, ValueId features) {
    reached_.push_back(features);
    std::int64_t missing = 0;
    for (std::size_t k = reached_.size(); k < shapes_.size(); ++k) missing += shapes_[k].back();
    ValueId all = reached_.size() == 1 ? features : graph_.add_node(name + "/concat", Concat{2}, reached_);
    if (missing > 0) all = graph_.add_node(name + "/zeros", Pad{{0, 0, 0}, {0, 0, missing}, 0}, {all});
    const ValueId mixed = norm_(name + "/norm", project(name, all, "exits"), /*rectify=*/false, "exits/norm");
    const Shape& shape = graph_.type(mixed).shape;
    const Pair window{std::min<std::int64_t>(2, shape[0]), std::min<std::int64_t>(2, shape[1])};
    const ValueId pooled = graph_.add_node(name + "/mean", AvgPool{.kernel = window, .stride = window}, {mixed});
    return linear(name, flat(name, pooled), "exits", /*shared_bias=*/true);
  }
};

/// The shapes the features will have.
std::vector<Shape> feature_shapes(const Graph& backbone, std::span<const ExitPoint> exits, const HeadOptions& options) {
  Graph scratch = backbone;
  std::vector<Shape> shapes;
  for (const ValueId id : pool_exits(scratch, exits, options)) shapes.push_back(scratch.type(id).shape);
  return shapes;
}

/// What the backbone says before any final softmax.
ValueId scores(const Graph& graph) {
  const ValueId output = graph.outputs.back();
  for (const Node& node : graph.nodes) {
    if (node.output == output && std::holds_alternative<Softmax>(node.op)) return node.inputs[0];
  }
  return output;
}

void check_backbone(const Graph& graph) {
  if (graph.outputs.size() != 1) fail("the network has {} outputs; expected 1 to add exits to", graph.outputs.size());
  for (const Value& value : graph.values) {
    if (value.type.dtype != DType::kF32) {
      fail("value '{}' is {}; exits are trained on float networks and quantised afterwards", value.name,
           dtype_name(value.type.dtype));
    }
  }
}

}  // namespace

ExitMethod parse_exit_method(std::string_view name) {
  for (const auto& [method, known] : kMethods) {
    if (name == known) return method;
  }
  fail("no method '{}' of exits; expected head, gnet, flat or pooled", name);
}

const char* exit_method_name(ExitMethod method) {
  return std::ranges::find(kMethods, method, [](const auto& entry) { return entry.first; })->second;
}

Graph feature_network(const Graph& backbone, std::span<const ExitPoint> exits, const HeadOptions& options) {
  check_backbone(backbone);
  Graph graph = backbone;
  std::vector<ValueId> parts;
  for (const ValueId image : pool_exits(graph, exits, options)) {
    const std::string& name = graph.value(image).name;
    parts.push_back(graph.add_node(name + "/flatten", Reshape{{graph.type(image).count()}}, {image}));
  }
  const ValueId final_scores = scores(graph);
  parts.push_back(graph.add_node("scores", Reshape{{graph.type(final_scores).count()}}, {final_scores}));
  graph.outputs = {graph.add_node("features", Concat{0}, parts)};
  graph.class_names.clear();
  return compact(std::move(graph));
}

Head make_head(const Graph& backbone, std::span<const ExitPoint> exits, const HeadOptions& options, std::uint64_t seed) {
  check_backbone(backbone);
  const std::vector<Shape> shapes = feature_shapes(backbone, exits, options);
  std::int64_t count = 0;
  for (const Shape& shape : shapes) count += element_count(shape);
  Head head;
  Graph& graph = head.graph;
  const ValueId input = graph.add_input("features", {DType::kF32, {count}, {}});
  std::map<std::string, ValueId> made;
  const auto parameter = [&](const std::string& name, Shape shape, double deviation, double centre) {
    const auto [entry, fresh] = made.try_emplace(name, -1);
    if (!fresh) return entry->second;
    RandomStream stream(seed, made.size());
    std::vector<float> elements(static_cast<std::size_t>(element_count(shape)));
    for (float& element : elements) element = static_cast<float>(centre + deviation * stream.normal());
    entry->second = graph.add_constant(name, std::move(shape), elements);
    if (name.ends_with("/carry")) head.carries.push_back(entry->second);
    return entry->second;
  };
  const auto norm = [&](const std::string& name, ValueId x, bool rectify, const std::string& shared) {
    const Shape channels{graph.type(x).shape.back()};
    const ValueId normalised = graph.add_node(
        name, BatchNorm{},
        {x, parameter(shared + ".gamma", channels, 0, 1), parameter(shared + ".beta", channels, 0, 0),
         parameter(shared + ".mean", channels, 0, 0), parameter(shared + ".variance", channels, 0, 1)});
    return rectify ? graph.add_node(name + "/relu", Clamp{}, {normalised}) : normalised;
  };
  HeadBuilder builder(graph, options, common_grid(backbone, exits, options.grid), class_count(backbone), shapes, parameter, norm);
  std::int64_t begin = 0;
  for (std::size_t k = 0; k < shapes.size(); ++k) {
    const std::int64_t end = begin + element_count(shapes[k]);
    const ValueId part = graph.add_node(exit_name(k) + "/features", Slice{{begin}, {end}, {1}}, {input});
    graph.outputs.push_back(builder.add(graph.add_node(exit_name(k) + "/image", Reshape{shapes[k]}, {part})));
    begin = end;
  }
  return head;
}

Graph attach_head(const Graph& backbone, std::span<const ExitPoint> exits, const HeadOptions& options, const Head& head) {
  check_backbone(backbone);
  std::map<std::string, const Value*> trained;
  for (const Value& value : head.graph.values) {
    if (value.constant()) trained.emplace(value.name, &value);
  }
  std::map<std::string, const Node*> norms;
  for (const Node& node : head.graph.nodes) {
    if (std::holds_alternative<BatchNorm>(node.op)) norms.emplace(node.name, &node);
  }
  const std::vector<Shape> shapes = feature_shapes(backbone, exits, options);
  Graph graph = backbone;
  std::map<std::string, ValueId> made;
  const auto constant = [&](const std::string& name, const Shape& shape, std::span<const float> elements) {
    const auto [entry, fresh] = made.try_emplace(name, -1);
    if (!fresh) return entry->second;
    entry->second = graph.add_constant(name, shape, elements);
    // In int8 one factor per layer: one per channel would be five bytes for each, a tenth of the head.
    graph.value(entry->second).encoding.per_tensor = name.ends_with(".weight");
    return entry->second;
  };
  const auto parameter = [&](const std::string& name, const Shape& shape, double, double) {
    const auto found = trained.find(name);
    MJ_CHECK(found != trained.end() && found->second->type.shape == shape);
    return constant(name, shape, found->second->data.as<float>());
  };
  const auto norm = [&](const std::string& name, ValueId x, bool rectify, const std::string& shared) {
    const ChannelAffine affine = affine_of(head.graph, *norms.at(name));
    const auto channels = static_cast<std::int64_t>(affine.scale.size());
    const std::vector<float> scale(affine.scale.begin(), affine.scale.end());
    const std::vector<float> shift(affine.shift.begin(), affine.shift.end());
    // In int8 two bytes a channel; as a depthwise convolution, which rounds once less, it would take ten.
    const ValueId scaled = graph.add_node(name + "/scaled", Mul{}, {x, constant(shared + ".scale", {channels}, scale)});
    const Add add{.clamp = rectify ? Range{0, kInfinity} : Range{}};
    return graph.add_node(name, add, {scaled, constant(shared + ".shift", {channels}, shift)});
  };
  // The backbone's nodes go on where they stood; the head's follow the node that makes their exit point.
  std::vector<Node> pending = std::exchange(graph.nodes, {});
  HeadBuilder builder(graph, options, common_grid(backbone, exits, options.grid), class_count(backbone), shapes, parameter, norm);
  const ValueId final_output = graph.outputs.back();
  const Pair cells = common_grid(backbone, exits, options.grid);
  graph.outputs.clear();
  std::size_t next = 0;
  for (Node& node : pending) {
    const ValueId made_here = node.output;
    graph.nodes.push_back(std::move(node));
    if (next == exits.size() || exits[next].value != made_here) continue;
    graph.outputs.push_back(builder.add(pool_exit(graph, exits[next], next, cells, options)));
    ++next;
  }
  MJ_CHECK(next == exits.size());
  graph.outputs.push_back(final_output);
  graph.value(final_output).name = "logits";
  graph.plan.reset();
  return compact(std::move(graph));
}

std::vector<char> backbone_nodes(const Graph& graph) {
  std::vector<char> needed(graph.values.size(), 0), found(graph.nodes.size(), 0);
  needed[static_cast<std::size_t>(graph.outputs.back())] = 1;
  for (std::size_t n = graph.nodes.size(); n-- > 0;) {
    const Node& node = graph.nodes[n];
    if (!needed[static_cast<std::size_t>(node.output)]) continue;
    found[n] = 1;
    for (const ValueId input : node.inputs) needed[static_cast<std::size_t>(input)] = 1;
  }
  return found;
}

std::vector<Bytes> exit_state_bytes(const Graph& lowered) {
  const auto maker = producers(lowered);
  const auto readers = consumers(lowered);
  const std::vector<char> backbone = backbone_nodes(lowered);
  std::vector<Bytes> result;
  for (std::size_t k = 0; k + 1 < lowered.outputs.size(); ++k) {
    const std::int32_t here = maker[static_cast<std::size_t>(lowered.outputs[k])];
    Bytes bytes = 0;
    for (std::size_t v = 0; v < lowered.values.size(); ++v) {
      if (maker[v] < 0 || maker[v] > here || backbone[static_cast<std::size_t>(maker[v])]) continue;
      if (!readers[v].empty() && readers[v].back() > here) bytes += lowered.values[v].type.bytes();
    }
    result.push_back(bytes);
  }
  return result;
}

}  // namespace mj
