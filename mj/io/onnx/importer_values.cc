// SPDX-License-Identifier: Apache-2.0
// What converters read, order and write through the importer.
#include <algorithm>
#include <limits>

#include "mj/base/error.h"
#include "mj/io/onnx/importer.h"

namespace mj::onnx {
namespace {

/// One stored dimension for each entry of `order`, none for -1.
Groups groups_in_order(const Layout& layout, const std::vector<int>& order) {
  Groups groups;
  for (int d : order) groups.push_back(d < 0 ? std::vector<int>{} : layout.axes[static_cast<std::size_t>(d)]);
  return groups;
}

}  // namespace

bool Importer::is_literal(const NodeView& node, int i) const {
  if (!node.has_input(i)) return false;
  const auto found = symbols_.find(node.input(i));
  return found == symbols_.end() || std::holds_alternative<Literal>(found->second);
}

const Activation& Importer::activation(const NodeView& node, int i) {
  if (!node.has_input(i)) fail("has no input {}; expected one", i);
  const auto* found = std::get_if<Activation>(&symbol(node, i));
  if (!found)
    unsupported("input '{}' is a constant where a computed tensor is expected; fold constants when exporting",
                node.input(i));
  return *found;
}

const Activation& Importer::real_activation(const NodeView& node, int i) {
  const Activation& x = activation(node, i);
  if (!is_float(x.elem)) fail("input '{}' holds {}; expected float", node.input(i), elem_name(x.elem));
  return x;
}

const Literal& Importer::literal(const NodeView& node, int i, const char* role) {
  if (!node.has_input(i)) fail("has no input {} ({}); expected one", i, role);
  const auto* found = std::get_if<Literal>(&symbol(node, i));
  if (!found) unsupported("{} '{}' is computed; expected a constant", role, node.input(i));
  return *found;
}

std::vector<std::int64_t> Importer::integer_list(const NodeView& node, int i, const char* role) {
  const Literal& list = literal(node, i, role);
  if (list.dims.size() > 1) fail("{} '{}' has {} dimensions; expected a list", role, list.name, list.dims.size());
  return integers(list);
}

void Importer::set(const NodeView& node, int output, Activation activation) {
  if (node.has_output(output)) symbols_[node.output(output)] = std::move(activation);
}

void Importer::set(const NodeView& node, int output, Literal literal) {
  if (!node.has_output(output)) return;
  literal.name = node.output(output);
  symbols_[node.output(output)] = std::move(literal);
}

ValueId Importer::add(const NodeView& node, Op op, std::vector<ValueId> inputs, int output) {
  const ValueId id = graph.add_node(node.name(), std::move(op), std::move(inputs));
  graph.value(id).name = value_name(node.has_output(output) ? node.output(output) : node.name());
  return id;
}

Activation Importer::relabelled(const NodeView& node, const Activation& x, Layout layout) const {
  return {x.id, std::move(layout), x.elem, node.name(), x.source};
}

Activation Importer::same_layout(const NodeView& node, Op op, const Activation& x, std::vector<ValueId> more) {
  more.insert(more.begin(), x.id);
  Activation y{add(node, std::move(op), std::move(more)), x.layout, x.elem, {}};
  return y;
}

std::string Importer::value_name(std::string name) {
  if (value_names_.insert(name).second) return name;
  for (int n = 2;; ++n) {
    std::string candidate = fmt::format("{}_{}", name, n);
    if (value_names_.insert(candidate).second) return candidate;
  }
}

ValueId Importer::constant(const Literal& literal) {
  if (!literal.real()) fail("'{}' holds {}; expected float", literal.name, elem_name(literal.elem));
  if (!literal.quant) {
    return graph.add_constant(value_name(literal.name), Type{DType::kF32, literal.dims, {}}, literal.data);
  }
  const DType dtype = literal.elem == Elem::kInt8 ? DType::kI8 : DType::kI32;
  const ValueId stored =
      graph.add_constant(value_name(literal.name), Type{dtype, literal.dims, literal.quant}, literal.data);
  const ValueId real = graph.add_value(value_name(literal.name), Type{DType::kF32, literal.dims, {}});
  graph.nodes.push_back({literal.name, Quantize{}, {stored}, real});
  return real;
}

ValueId Importer::real_constant(const Literal& literal) {
  return constant(literal.quant ? float_literal(literal.name, literal.dims, reals(literal)) : literal);
}

ValueId Importer::weight(const Literal& literal) {
  const auto& quant = literal.quant;
  const bool fits = quant && literal.elem == Elem::kInt8 && quant->axis <= 0 &&
                    std::all_of(quant->zero_point.begin(), quant->zero_point.end(), [](int z) { return z == 0; });
  if (!fits) return real_constant(literal);
  return graph.add_constant(value_name(literal.name), Type{DType::kI8, literal.dims, quant}, literal.data);
}

ValueId Importer::broadcast_constant(const Literal& literal, const Activation& x) {
  if (!literal.real()) fail("'{}' holds {}; expected float", literal.name, elem_name(literal.elem));
  const std::size_t rank = literal.dims.size();
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t size = literal.dims[rank - 1 - i];
    const bool inside = i < x.dims().size();
    if (size != 1 && (!inside || size != x.dims()[x.dims().size() - 1 - i])) {
      unsupported("constant '{}' of shape {} is not broadcast to the computed {}; expected a smaller or equal constant",
                  literal.name, shape_text(literal.dims), shape_text(x.dims()));
    }
    if (size != 1 && x.layout.axes[x.dims().size() - 1 - i].empty()) {
      unsupported("constant '{}' differs between the samples of a batch; export with a free batch", literal.name);
    }
  }
  return constant(broadcast_in_stored_order(literal, x.layout, graph.type(x.id).shape));
}

Importer::Plan Importer::plan(const Activation& x, const Groups& groups) const {
  Plan result{rearrange(x.layout, graph.type(x.id).shape, groups), x.id};
  if (result.moves.perm && x.source >= 0) {
    result = {rearrange(x.layout, graph.type(x.source).shape, groups), x.source};
  }
  return result;
}

Activation Importer::arrange(const std::string& name, const Activation& x, const Groups& groups) {
  auto planned = plan(x, groups);
  auto& moves = planned.moves;
  ValueId id = planned.from;
  if (moves.none()) return {id, std::move(moves.layout), x.elem, x.via, x.source};
  const std::string& label = x.via.empty() ? name : x.via;
  const auto append = [&](Op op, std::vector<std::int64_t> perm, Shape shape) {
    const auto [known, is_new] = arranged_.try_emplace({id, std::move(perm), std::move(shape)}, -1);
    if (is_new) {
      known->second = graph.add_node(label, std::move(op), {id});
      graph.value(known->second).name = value_name(label);
    }
    id = known->second;
  };
  if (moves.split) append(Reshape{*moves.split}, {}, *moves.split);
  if (moves.perm) append(Transpose{*moves.perm}, *moves.perm, {});
  if (moves.shape) append(Reshape{*moves.shape}, {}, *moves.shape);
  return {id, std::move(moves.layout), x.elem, {}};
}

Activation Importer::in_order(const std::string& name, const Activation& x, const std::vector<int>& order) {
  return arrange(name, x, groups_in_order(x.layout, order));
}

std::vector<int> Importer::cheapest_order(const Activation& x) const {
  const int rank = x.rank();
  const int first = has_batch(x) ? 1 : 0;
  std::vector<int> named;
  for (int d = first; d < rank; ++d) named.push_back(d);
  std::vector<std::vector<int>> candidates;
  if (first == 1 && rank == 4) candidates = {{2, 3, 1}, {3, 2, 1}};
  if (first == 1 && rank == 3) candidates = {{-1, 2, 1}};
  candidates.push_back(named);
  if (rank > 2) {
    auto as_stored = named;
    const auto place = [&](int d) {
      const auto& axes = x.layout.axes[static_cast<std::size_t>(d)];
      return axes.empty() ? -1 : axes.front();
    };
    std::stable_sort(as_stored.begin(), as_stored.end(), [&](int a, int b) { return place(a) < place(b); });
    candidates.push_back(as_stored);
  }
  const auto price = [&](const std::vector<int>& order) {
    const auto moves = plan(x, groups_in_order(x.layout, order)).moves;
    return 2 * moves.moves() + (moves.none() ? 0 : 1);
  };
  std::size_t best = 0;
  int least = std::numeric_limits<int>::max();
  for (std::size_t i = 0; i < candidates.size() && least > 0; ++i) {
    if (const int cost = price(candidates[i]); cost < least) {
      least = cost;
      best = i;
    }
  }
  return candidates[best];
}

Activation Importer::logical(const std::string& name, const Activation& x) {
  std::vector<int> order;
  for (int d = has_batch(x) ? 1 : 0; d < x.rank(); ++d) order.push_back(d);
  return in_order(name, x, order);
}

void Importer::check_batch_kept(const Shape& dims) const {
  if (batch_ > 1 && (dims.empty() || dims[0] != batch_)) {
    unsupported("mixes the {} samples of the batch; export with a free batch or a batch of 1", batch_);
  }
}

void check_same_elem(const Activation& x, const Literal& literal) {
  const Elem elem = literal.quant ? Elem::kFloat : literal.elem;
  if (elem != x.elem) {
    fail("'{}' holds {}; expected {}, as the computed input", literal.name, elem_name(elem), elem_name(x.elem));
  }
}

}  // namespace mj::onnx
