// SPDX-License-Identifier: Apache-2.0
// Operators that work on every element by itself, and softmax.
#include <algorithm>
#include <cmath>

#include "mj/base/error.h"
#include "mj/io/onnx/importer.h"

namespace mj::onnx {
namespace {

void unary(Importer& importer, const NodeView& node, Op op) {
  const Activation& x = importer.real_activation(node, 0);
  importer.set(node, 0, importer.same_layout(node, std::move(op), x));
}

void clamp(Importer& importer, const NodeView& node, const Range& range) {
  const Activation& x = importer.real_activation(node, 0);
  Activation y = importer.same_layout(node, Clamp{range}, x);
  if (node.fused()) importer.marked.push_back(y.id);
  importer.set(node, 0, std::move(y));
}

void relu(Importer& importer, const NodeView& node) { clamp(importer, node, {0, kInfinity}); }
void sigmoid(Importer& importer, const NodeView& node) { unary(importer, node, Sigmoid{}); }
void tanh_(Importer& importer, const NodeView& node) { unary(importer, node, Tanh{}); }
void hard_swish(Importer& importer, const NodeView& node) { unary(importer, node, HardSwish{}); }
void leaky_relu(Importer& importer, const NodeView& node) {
  unary(importer, node, LeakyRelu{node.real("alpha", 0.01f)});
}
void hard_sigmoid(Importer& importer, const NodeView& node) {
  unary(importer, node, HardSigmoid{node.real("alpha", 0.2f), node.real("beta", 0.5f)});
}

float scalar(Importer& importer, const NodeView& node, int i, const char* role, const Activation& x) {
  const Literal& literal = importer.literal(node, i, role);
  check_same_elem(x, literal);
  if (literal.count() != 1) fail("{} '{}' has {} elements; expected 1", role, literal.name, literal.count());
  return reals(literal)[0];
}

void clip(Importer& importer, const NodeView& node) {
  const Activation& x = importer.real_activation(node, 0);
  Range range;
  if (importer.opset() < 11) {
    range = {node.real("min", -kInfinity), node.real("max", kInfinity)};
  } else {
    if (node.has_input(1)) range.low = scalar(importer, node, 1, "minimum", x);
    if (node.has_input(2)) range.high = scalar(importer, node, 2, "maximum", x);
  }
  // What PyTorch writes for "no limit".
  if (range.low == std::numeric_limits<float>::lowest()) range.low = -kInfinity;
  if (range.high == std::numeric_limits<float>::max()) range.high = kInfinity;
  clamp(importer, node, range);
}

void limit(Importer& importer, const NodeView& node) {
  if (node.input_count() != 2) unsupported("{} inputs; expected 2, one of them a constant", node.input_count());
  const int constant = importer.is_literal(node, 1) ? 1 : 0;
  const Activation& x = importer.real_activation(node, 1 - constant);
  const Literal& bound = importer.literal(node, constant, "limit");
  if (bound.count() != 1) unsupported("limit '{}' has {} elements; expected 1", bound.name, bound.count());
  const float value = scalar(importer, node, constant, "limit", x);
  const Range range = node.op() == "Max" ? Range{value, kInfinity} : Range{-kInfinity, value};
  importer.set(node, 0, importer.same_layout(node, Clamp{range}, x));
}

void prelu(Importer& importer, const NodeView& node) {
  const Activation& x = importer.real_activation(node, 0);
  const Literal& slope = importer.literal(node, 1, "slope");
  check_same_elem(x, slope);
  importer.set(node, 0, importer.same_layout(node, PRelu{}, x, {importer.broadcast_constant(slope, x)}));
}

/// Ones in front of the dimensions, as broadcasting adds them.
Activation widened(const Importer& importer, Activation x, int rank) {
  const int missing = rank - x.rank();
  if (missing > 0 && importer.batch() > 1) {
    unsupported("inputs of {} and {} dimensions with a batch of {}; export with a free batch", x.rank(), rank,
                importer.batch());
  }
  x.layout.dims.insert(x.layout.dims.begin(), static_cast<std::size_t>(missing), 1);
  x.layout.axes.insert(x.layout.axes.begin(), static_cast<std::size_t>(missing), {});
  return x;
}

/// `other` stored in the order of `reference`, whose dimensions it broadcasts to; nothing when their factors differ.
std::optional<Activation> conformed(Importer& importer, const NodeView& node, const Activation& other,
                                    const Activation& reference) {
  auto groups = conforming_groups(other.layout, reference.layout, importer.graph.type(reference.id).shape);
  if (!groups) return std::nullopt;
  if (!importer.plan(other, *groups).none()) {
    // Leading dimensions of size 1 need not be stored.
    while (groups->size() > 1 && groups->front().empty()) groups->erase(groups->begin());
  }
  return importer.arrange(node.name(), other, *groups);
}

/// a op b for two computed tensors, by NumPy's broadcasting.
Activation combined(Importer& importer, const NodeView& node, const Op& op, Activation a, Activation b) {
  if (a.elem != b.elem) fail("inputs hold {} and {}; expected one type", elem_name(a.elem), elem_name(b.elem));
  const int rank = std::max(a.rank(), b.rank());
  a = widened(importer, std::move(a), rank);
  b = widened(importer, std::move(b), rank);
  Shape dims;
  for (std::size_t d = 0; d < static_cast<std::size_t>(rank); ++d) {
    const std::int64_t da = a.dims()[d], db = b.dims()[d];
    if (da != db && da != 1 && db != 1) {
      fail("shapes {} and {} do not broadcast", shape_text(a.dims()), shape_text(b.dims()));
    }
    dims.push_back(std::max(da, db));
  }
  const auto result = [&](const Activation& left, const Activation& right, const Layout& layout) {
    return Activation{importer.add(node, op, {left.id, right.id}), layout, a.elem, {}};
  };
  const bool a_whole = a.dims() == dims, b_whole = b.dims() == dims;
  const auto lies_well = [&](const Activation& x) {
    return rank == 4 && importer.has_batch(x) &&
           importer.plan(x, {x.layout.axes[2], x.layout.axes[3], x.layout.axes[1]}).none();
  };
  // Where both have the full shape, the one that lies channels-last already stays as it is.
  if (a_whole && !(b_whole && lies_well(b) && !lies_well(a))) {
    if (auto right = conformed(importer, node, b, a)) return result(a, *right, a.layout);
  }
  if (b_whole) {
    if (auto left = conformed(importer, node, a, b)) return result(*left, b, b.layout);
  }
  a = importer.logical(node.name(), a);
  b = importer.logical(node.name(), b);
  std::vector<int> order;
  for (int d = importer.has_batch(a) && importer.has_batch(b) ? 1 : 0; d < rank; ++d) order.push_back(d);
  a = importer.in_order(node.name(), a, order);
  b = importer.in_order(node.name(), b, order);
  return result(a, b, stored_in_order(dims, order));
}

Activation sum(Importer& importer, const NodeView& node, const Op& op, int left, int right) {
  if (importer.is_literal(node, left) || importer.is_literal(node, right)) {
    const int constant = importer.is_literal(node, right) ? right : left;
    const Activation& x = importer.real_activation(node, left + right - constant);
    const Literal& literal = importer.literal(node, constant, "constant");
    check_same_elem(x, literal);
    const ValueId value = importer.broadcast_constant(literal, x);
    std::vector<ValueId> inputs{x.id, value};
    if (constant == left) std::swap(inputs[0], inputs[1]);
    return {importer.add(node, op, inputs), x.layout, x.elem, {}};
  }
  return combined(importer, node, op, importer.real_activation(node, left), importer.real_activation(node, right));
}

void check_legacy_broadcast(const NodeView& node) {
  // Opset 6 and before aligned by an axis; a file that says so does not mean NumPy's rule.
  if (node.has("axis") || node.has("broadcast")) fail("attribute 'axis' or 'broadcast' of opset 6 in a later opset");
}

void add(Importer& importer, const NodeView& node) {
  check_legacy_broadcast(node);
  importer.set(node, 0, sum(importer, node, Add{}, 0, 1));
}
void sub(Importer& importer, const NodeView& node) {
  check_legacy_broadcast(node);
  importer.set(node, 0, sum(importer, node, Sub{}, 0, 1));
}
void mul(Importer& importer, const NodeView& node) {
  check_legacy_broadcast(node);
  Activation y = sum(importer, node, Mul{}, 0, 1);
  if (node.fused()) importer.marked.push_back(y.id);
  importer.set(node, 0, std::move(y));
}

void divide(Importer& importer, const NodeView& node) {
  if (!importer.is_literal(node, 1)) unsupported("a computed divisor; expected a constant");
  const Activation& x = importer.real_activation(node, 0);
  const Literal& divisor = importer.literal(node, 1, "divisor");
  check_same_elem(x, divisor);
  auto factors = reals(divisor);
  for (float& f : factors) f = 1 / f;
  const ValueId factor = importer.broadcast_constant(float_literal(divisor.name, divisor.dims, factors), x);
  importer.set(node, 0, importer.same_layout(node, Mul{}, x, {factor}));
}

void negate(Importer& importer, const NodeView& node) {
  const Activation& x = importer.real_activation(node, 0);
  const float minus_one = -1;
  const ValueId factor = importer.broadcast_constant(float_literal(node.name(), {1}, {&minus_one, 1}), x);
  importer.set(node, 0, importer.same_layout(node, Mul{}, x, {factor}));
}

void sum_of_many(Importer& importer, const NodeView& node) {
  if (node.input_count() == 1) return importer.set(node, 0, importer.activation(node, 0));
  if (node.input_count() != 2) unsupported("a sum of {} tensors; expected 2 (write it as Add)", node.input_count());
  importer.set(node, 0, sum(importer, node, Add{}, 0, 1));
}

void softmax(Importer& importer, const NodeView& node) {
  const Activation& x = importer.real_activation(node, 0);
  const bool one_axis = importer.opset() >= 13;
  const auto axis = static_cast<std::size_t>(checked_axis(node.integer("axis", one_axis ? -1 : 1), x.rank()));
  // Before opset 13 the dimensions from `axis` on are one. Their order does not matter to the result.
  const std::size_t end = one_axis ? axis + 1 : static_cast<std::size_t>(x.rank());
  if (axis == 0 && importer.batch() > 1) unsupported("works across the batch; export with a free batch");
  Groups groups;
  std::vector<int> reduced;
  for (std::size_t d = 0; d < static_cast<std::size_t>(x.rank()); ++d) {
    const auto& axes = x.layout.axes[d];
    if (d >= axis && d < end) {
      reduced.insert(reduced.end(), axes.begin(), axes.end());
    } else if (!axes.empty()) {
      groups.push_back(axes);
    }
  }
  std::sort(groups.begin(), groups.end());
  std::sort(reduced.begin(), reduced.end());
  groups.push_back(reduced);
  std::int64_t reduced_size = 1;
  for (int f : reduced) reduced_size *= x.layout.factors[static_cast<std::size_t>(f)];
  const Shape& stored = importer.graph.type(x.id).shape;
  const auto first = static_cast<int>(x.layout.factors.size() - reduced.size());
  const bool lies_last =
      !stored.empty() && stored.back() == reduced_size && (reduced.empty() || reduced.front() == first);
  const Activation in = lies_last ? x : importer.arrange(node.name(), x, groups);
  importer.set(node, 0, importer.same_layout(node, Softmax{}, in));
}

void identity(Importer& importer, const NodeView& node) { importer.set(node, 0, importer.activation(node, 0)); }

void dropout(Importer& importer, const NodeView& node) {
  node.ignore("ratio");
  node.ignore("seed");
  node.ignore("is_test");
  if (node.has_input(2)) {
    const auto training = integers(importer.literal(node, 2, "training_mode"));
    if (training.size() != 1 || training[0] != 0) unsupported("training_mode; export the model in eval mode");
  }
  identity(importer, node);
}

void cast(Importer& importer, const NodeView& node) {
  Activation x = importer.activation(node, 0);
  const auto to = static_cast<Elem>(node.integer("to", 0));
  node.ignore("saturate");
  if (!is_float(to)) unsupported("a cast of computed numbers to {}; expected a float type", elem_name(to));
  if (!is_float(x.elem)) {
    if (x.id != importer.graph.inputs[0] || importer.integer_input == Importer::IntegerInput::kQuantized) {
      unsupported("a cast of quantised numbers; use DequantizeLinear");
    }
    importer.integer_input = Importer::IntegerInput::kReal;
  }
  // Everything is computed in float32 here; a float16 model keeps its weights and gains precision.
  x.elem = to;
  importer.set(node, 0, std::move(x));
}

constexpr ConverterEntry kElementwiseConverters[] = {
    {"Relu", relu},
    {"Sigmoid", sigmoid},
    {"Tanh", tanh_},
    {"HardSwish", hard_swish},
    {"HardSigmoid", hard_sigmoid},
    {"LeakyRelu", leaky_relu},
    {"PRelu", prelu},
    {"Clip", clip},
    {"Min", limit},
    {"Max", limit},
    {"Add", add},
    {"Sub", sub},
    {"Mul", mul},
    {"Div", divide},
    {"Neg", negate},
    {"Sum", sum_of_many},
    {"Softmax", softmax},
    {"Identity", identity},
    {"Dropout", dropout},
    {"Cast", cast},
};

}  // namespace

std::span<const ConverterEntry> elementwise_converters() { return kElementwiseConverters; }

}  // namespace mj::onnx
