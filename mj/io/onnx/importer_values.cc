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
  if (!found) unsupported("input '{}' is a constant where a computed tensor is expected; fold constants when exporting", node.input(i));
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
  return {x.id, std::move(layout), x.elem, node.name()};
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

ValueId Importer::broadcast_constant(const Literal& given, const Activation& x) {
  if (!given.real()) fail("'{}' holds {}; expected float", given.name, elem_name(given.elem));
  Literal literal = given;
  if (literal.quant && literal.quant->per_channel()) {
    literal = float_literal(given.name, given.dims, reals(given));
  }
  // Without leading ones, aligned at the last dimension.
  while (!literal.dims.empty() && literal.dims.size() > x.dims().size() && literal.dims[0] == 1) {
    literal.dims.erase(literal.dims.begin());
  }
  const std::size_t missing = x.dims().size() - std::min(x.dims().size(), literal.dims.size());
  Shape dims(missing, 1);
  dims.insert(dims.end(), literal.dims.begin(), literal.dims.end());
  for (std::size_t d = 0; d < dims.size(); ++d) {
    if (dims.size() != x.dims().size() || (dims[d] != 1 && dims[d] != x.dims()[d])) {
      unsupported("constant '{}' of shape {} is not broadcast to the computed {}; expected a smaller or equal constant",
                  given.name, shape_text(given.dims), shape_text(x.dims()));
    }
    if (dims[d] != 1 && x.layout.axes[d].empty()) {
      unsupported("constant '{}' differs between the samples of a batch; export with a free batch", given.name);
    }
  }

  // Split into factors and bring them into stored order; a factor is whole or broadcast (size 1).
  const Layout& layout = x.layout;
  Shape split;
  std::vector<int> factor_of;
  for (std::size_t d = 0; d < dims.size(); ++d) {
    for (int f : layout.axes[d]) {
      split.push_back(dims[d] == 1 ? 1 : layout.factors[static_cast<std::size_t>(f)]);
      factor_of.push_back(f);
    }
  }
  std::vector<std::int64_t> perm(factor_of.size());
  for (std::size_t i = 0; i < factor_of.size(); ++i) perm[static_cast<std::size_t>(factor_of[i])] = static_cast<std::int64_t>(i);
  literal = permuted(with_dims(std::move(literal), split), perm);

  // Stored dimensions made of both kinds need the broadcast factors written out.
  const Shape& stored = graph.type(x.id).shape;
  Shape shape;
  Shape repeat(literal.dims.size(), 1);
  std::size_t next = 0;
  for (std::int64_t size : stored) {
    const std::size_t begin = next;
    std::int64_t covered = 1, held = 1;
    while (covered < size) {
      covered *= layout.factors[next];
      held *= literal.dims[next++];
    }
    if (held != 1 && held != size) {
      for (std::size_t f = begin; f < next; ++f) repeat[f] = layout.factors[f] / literal.dims[f];
      held = size;
    }
    shape.push_back(held);
  }
  while (shape.size() > 1 && shape.front() == 1) shape.erase(shape.begin());
  return constant(with_dims(repeated(literal, repeat), shape));
}

Rearrangement Importer::plan(const Activation& x, const Groups& groups) const {
  return rearrange(x.layout, graph.type(x.id).shape, groups);
}

Activation Importer::arrange(const std::string& name, const Activation& x, const Groups& groups) {
  Rearrangement moves = plan(x, groups);
  const std::string& label = x.via.empty() ? name : x.via;
  ValueId id = x.id;
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
  return {id, std::move(moves.layout), x.elem, id == x.id ? x.via : std::string()};
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
    const auto moves = plan(x, groups_in_order(x.layout, order));
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
