// SPDX-License-Identifier: Apache-2.0
#include "mj/io/onnx/importer.h"

#include <algorithm>
#include <queue>

#include "mj/base/error.h"
#include "mj/io/onnx/fold_quantize.h"
#include "mj/io/onnx/fuse_bias.h"
#include "mj/io/onnx/merge_reshapes.h"
#include "mj/io/onnx/metadata.h"
#include "mj/ir/verify.h"
#include "onnx.pb.h"

namespace mj::onnx {
namespace {

constexpr int kFirstOpset = 7;
constexpr int kLastOpset = 19;
constexpr int kMaxInputRank = 4;

Converter find_converter(std::string_view op) {
  for (auto family : {convolution_converters(), linear_converters(), elementwise_converters(), shape_converters(),
                      selection_converters(), quantize_converters()}) {
    for (const auto& entry : family) {
      if (entry.op == op) return entry.convert;
    }
  }
  return nullptr;
}

bool standard_domain(const std::string& domain) { return domain.empty() || domain == "ai.onnx"; }

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += fmt::format("{}'{}'", text.empty() ? "" : ", ", name);
  return text;
}

}  // namespace

int checked_axis(std::int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) fail("axis {} is outside of {} dimensions", axis, rank);
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

Importer::Importer(mj_onnx::ModelProto& model, std::filesystem::path folder)
    : model_(model), folder_(std::move(folder)) {}

ImportResult Importer::run() {
  read_opsets();
  const auto order = sorted_nodes();
  const auto live = live_nodes(order);
  std::vector<const mj_onnx::ValueInfoProto*> inputs;
  std::vector<std::string> names;
  for (const auto& info : model_.graph().input()) {
    if (initializers_.contains(info.name())) continue;
    inputs.push_back(&info);
    names.push_back(info.name());
  }
  if (inputs.size() != 1)
    fail("has {} inputs{}{}; expected 1", inputs.size(), inputs.empty() ? "" : ": ", listed(names));
  add_graph_input(*inputs[0]);

  for (int index : order) {
    if (live[static_cast<std::size_t>(index)]) convert(index);
  }
  if (!unsupported_.empty()) return {{}, std::move(unsupported_)};
  add_outputs();
  read_metadata(model_, graph);
  graph = fuse_marked(fuse_bias(std::move(graph)), marked);
  graph = fold_quantize(std::move(graph));
  graph = merge_reshapes(std::move(graph));
  graph = compact(std::move(graph));
  read_encodings(model_, graph);
  verify(graph);
  return {std::move(graph), {}};
}

void Importer::read_opsets() {
  std::int64_t version = 0;
  for (const auto& opset : model_.opset_import()) {
    if (standard_domain(opset.domain())) version = opset.version();
  }
  if (version == 0) fail("names no opset; expected {} to {}", kFirstOpset, kLastOpset);
  if (version < kFirstOpset || version > kLastOpset) {
    fail("uses opset {}; expected {} to {} (export again with opset_version=17)", version, kFirstOpset, kLastOpset);
  }
  opset_ = static_cast<int>(version);
}

std::vector<int> Importer::sorted_nodes() {
  const auto& graph_proto = model_.graph();
  const int count = graph_proto.node_size();
  const auto node_at = [&](int i) { return NodeView(*model_.mutable_graph()->mutable_node(i)); };

  std::set<std::string> given;
  for (const auto& info : graph_proto.input()) given.insert(info.name());
  for (int i = 0; i < graph_proto.initializer_size(); ++i) {
    const auto& name = graph_proto.initializer(i).name();
    if (!initializers_.emplace(name, i).second) fail("initialiser '{}' is given twice", name);
    given.insert(name);
  }
  std::unordered_map<std::string, int> writer;
  for (int i = 0; i < count; ++i) {
    for (const auto& name : graph_proto.node(i).output()) {
      if (name.empty()) continue;
      if (given.contains(name)) fail("{} writes '{}', which is given already", node_at(i).where(), name);
      const auto [other, is_new] = writer.emplace(name, i);
      if (!is_new) fail("'{}' is written by {} and by {}", name, node_at(other->second).where(), node_at(i).where());
    }
  }
  std::vector<std::vector<int>> readers(static_cast<std::size_t>(count));
  std::vector<int> missing(static_cast<std::size_t>(count), 0);
  for (int i = 0; i < count; ++i) {
    for (const auto& name : graph_proto.node(i).input()) {
      if (name.empty() || given.contains(name)) continue;
      const auto found = writer.find(name);
      if (found == writer.end()) {
        fail("{} reads '{}', which is no input, no initialiser and no node's output", node_at(i).where(), name);
      }
      readers[static_cast<std::size_t>(found->second)].push_back(i);
      ++missing[static_cast<std::size_t>(i)];
    }
  }
  // ONNX wants nodes in order; files that are not are taken in the order nearest to theirs.
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (int i = 0; i < count; ++i) {
    if (missing[static_cast<std::size_t>(i)] == 0) ready.push(i);
  }
  std::vector<int> order;
  while (!ready.empty()) {
    const int i = ready.top();
    ready.pop();
    order.push_back(i);
    for (int reader : readers[static_cast<std::size_t>(i)]) {
      if (--missing[static_cast<std::size_t>(reader)] == 0) ready.push(reader);
    }
  }
  if (static_cast<int>(order.size()) < count) {
    // Going back from a node that is left over ends in a cycle.
    std::vector<bool> visited(static_cast<std::size_t>(count), false);
    int at =
        static_cast<int>(std::find_if(missing.begin(), missing.end(), [](int m) { return m > 0; }) - missing.begin());
    while (!visited[static_cast<std::size_t>(at)]) {
      visited[static_cast<std::size_t>(at)] = true;
      for (const auto& name : graph_proto.node(at).input()) {
        const auto found = writer.find(name);
        if (found == writer.end() || missing[static_cast<std::size_t>(found->second)] == 0) continue;
        at = found->second;
        break;
      }
    }
    fail("{} depends on its own output; expected a graph without cycles", node_at(at).where());
  }
  return order;
}

std::vector<bool> Importer::live_nodes(const std::vector<int>& order) {
  std::set<std::string> needed;
  for (const auto& info : model_.graph().output()) needed.insert(info.name());
  std::vector<bool> live(order.size(), false);
  for (auto index = order.rbegin(); index != order.rend(); ++index) {
    const auto& node = model_.graph().node(*index);
    const bool wanted = std::any_of(node.output().begin(), node.output().end(),
                                    [&](const std::string& name) { return needed.contains(name); });
    if (!wanted) continue;
    live[static_cast<std::size_t>(*index)] = true;
    for (const auto& name : node.input()) {
      needed.insert(name);
      ++readers_[name];
    }
  }
  return live;
}

void Importer::add_graph_input(const mj_onnx::ValueInfoProto& info) {
  with_context(fmt::format("input '{}'", info.name()), [&] {
    if (!info.type().has_tensor_type() || !info.type().tensor_type().has_shape()) fail("has no shape; expected one");
    const auto& type = info.type().tensor_type();
    const auto elem = static_cast<Elem>(type.elem_type());
    if (!is_float(elem) && elem != Elem::kUint8 && elem != Elem::kInt8) {
      fail("holds {}; expected float, uint8 or int8", elem_name(elem));
    }
    const int rank = type.shape().dim_size();
    if (rank < 1 || rank > kMaxInputRank) fail("has {} dimensions; expected 1 to {}", rank, kMaxInputRank);
    Shape dims;
    for (int d = 0; d < rank; ++d) {
      const auto& dim = type.shape().dim(d);
      if (dim.has_dim_value() && dim.dim_value() > 0) {
        dims.push_back(dim.dim_value());
      } else if (d == 0 && rank > 1) {
        dims.push_back(1);
        batch_is_free_ = true;
      } else {
        fail("has a free size in dimension {}{}; expected a fixed one for all but the batch", d,
             dim.has_dim_param() ? fmt::format(" ('{}')", dim.dim_param()) : "");
      }
    }
    const auto count = checked_count(dims);
    if (!count || *count > kMaxElements) fail("has impossible dimensions {}", shape_text(dims));

    std::vector<int> order;
    if (rank == 1) {
      order = {0};
    } else {
      batch_ = dims[0];
      int channels = channel_dimension(model_, info.name(), dims);
      if (rank == 4 && channels <= 0) channels = dims[3] <= 4 && dims[1] > 4 ? 3 : 1;
      if (rank == 3 && channels > 0) order.push_back(-1);
      for (int d = 1; d < rank; ++d) {
        if (d != channels) order.push_back(d);
      }
      // An image without a channel dimension gets one of size 1.
      if (rank > 2) order.push_back(channels);
    }
    Activation input;
    std::vector<int> stored;
    Shape shape;
    for (int d : order) {
      shape.push_back(d < 0 ? 1 : dims[static_cast<std::size_t>(d)]);
      if (d >= 0) stored.push_back(d);
    }
    input.layout = stored_in_order(dims, stored);
    input.elem = elem;
    input.id = graph.add_input(value_name(info.name()), Type{DType::kF32, shape, {}});
    if (!is_float(elem)) integer_input = IntegerInput::kOpen;
    symbols_[info.name()] = std::move(input);
  });
}

void Importer::convert(int index) {
  const NodeView node(*model_.mutable_graph()->mutable_node(index));
  try {
    dispatch(node);
  } catch (const UnsupportedNode& refused) {
    unsupported_.push_back({node.name(), node.op(), refused.reason});
    for (int i = 0; i < node.output_count(); ++i) symbols_[node.output(i)] = Unknown{};
  } catch (Error& error) {
    // Errors of the graph's own checks name the node already.
    if (!std::string_view(error.what()).starts_with("node '")) error.add_context(node.where());
    throw;
  }
  release(node);
}

void Importer::dispatch(const NodeView& node) {
  const auto& proto_domain = node.domain();
  if (!standard_domain(proto_domain)) {
    unsupported("operators of domain '{}' are not known; export with standard operators", proto_domain);
  }
  const Converter convert = find_converter(node.op());
  bool all_known = true;
  bool any_unknown = false;
  for (int i = 0; i < node.input_count(); ++i) {
    if (!node.has_input(i)) continue;
    const Symbol& input = symbol(node, i);
    all_known &= std::holds_alternative<Literal>(input);
    any_unknown |= std::holds_alternative<Unknown>(input);
  }
  // Without inputs nothing is known or unknown; only operators that are read here can say what they miss.
  if (all_known && !(convert && node.input_count() == 0)) {
    fold_constants(*this, node);
  } else if (!convert) {
    unsupported("{}", remedy(node.op()));
  } else if (any_unknown) {
    for (int i = 0; i < node.output_count(); ++i) symbols_[node.output(i)] = Unknown{};
    return;
  } else {
    convert(*this, node);
  }
  node.check_all_known();
  for (int i = 0; i < node.output_count(); ++i) {
    // Only outputs that a converter knows exist; asking for another one is asking for something else.
    if (node.has_output(i) && !symbols_.contains(node.output(i)) && readers_.contains(node.output(i))) {
      unsupported("its output {} ('{}') is not computed here; export for inference", i, node.output(i));
    }
  }
}

Symbol& Importer::symbol(const NodeView& node, int i) {
  const std::string& name = node.input(i);
  const auto found = symbols_.find(name);
  if (found != symbols_.end()) return found->second;
  const auto given = initializers_.find(name);
  if (given == initializers_.end()) fail("reads '{}', which is not computed", name);
  return symbols_[name] = take_literal(*model_.mutable_graph()->mutable_initializer(given->second), folder_);
}

void Importer::release(const NodeView& node) {
  for (int i = 0; i < node.input_count(); ++i) {
    const auto found = readers_.find(node.input(i));
    if (found == readers_.end() || --found->second > 0) continue;
    const auto held = symbols_.find(node.input(i));
    if (held != symbols_.end() && std::holds_alternative<Literal>(held->second)) symbols_.erase(held);
  }
}

void Importer::add_outputs() {
  if (model_.graph().output_size() == 0) fail("has no outputs; expected 1 or more");
  for (const auto& info : model_.graph().output()) {
    with_context(fmt::format("output '{}'", info.name()), [&] {
      const auto found = symbols_.find(info.name());
      if (found == symbols_.end()) fail("is neither computed nor an input");
      const auto* result = std::get_if<Activation>(&found->second);
      if (!result) fail("is a constant; expected something computed from the input");
      const Activation stored = in_order(info.name(), *result, cheapest_order(*result));
      if (std::find(graph.outputs.begin(), graph.outputs.end(), stored.id) != graph.outputs.end()) {
        fail("is the same value as output '{}'; expected different ones", graph.value(stored.id).name);
      }
      graph.outputs.push_back(stored.id);
    });
  }
  name_outputs();
}

void Importer::name_outputs() {
  std::unordered_map<std::string, ValueId> wanted;
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    if (graph.outputs[i] != graph.inputs[0])
      wanted[model_.graph().output(static_cast<int>(i)).name()] = graph.outputs[i];
  }
  // What is called so on the way to an output (it was stored in another order, say) makes room.
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    const auto found = wanted.find(graph.values[i].name);
    if (found != wanted.end() && found->second != static_cast<ValueId>(i))
      graph.values[i].name = value_name(graph.values[i].name);
  }
  for (const auto& [name, id] : wanted) graph.value(id).name = name;
}

}  // namespace mj::onnx
