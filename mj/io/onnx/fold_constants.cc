// SPDX-License-Identifier: Apache-2.0
// Nodes whose inputs are all known: the arithmetic on shapes that exporters leave in a file, and prepared weights.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <numeric>

#include "mj/base/error.h"
#include "mj/io/onnx/importer.h"
#include "mj/io/onnx/shape_rules.h"

namespace mj::onnx {
namespace {

/// Nobody needs more to compute a shape; a hostile file could otherwise ask for gigabytes by a few bytes.
constexpr std::int64_t kMaxMade = 1 << 24;

void check_size(const Shape& dims) {
  const auto count = checked_count(dims);
  if (!count || *count > kMaxMade)
    fail("makes a constant of shape {}; expected at most {} elements", shape_text(dims), kMaxMade);
}

/// Elements of a known dtype in row-major order; what folding computes with.
template <class T>
struct Array {
  Shape dims;
  std::vector<T> data;
};

Array<float> float_array(const Literal& literal) { return {literal.dims, reals(literal)}; }
Array<std::int64_t> integer_array(const Literal& literal) { return {literal.dims, integers(literal)}; }

Literal made(const Array<float>& a) { return float_literal({}, a.dims, a.data); }
Literal made(const Array<std::int64_t>& a) { return integer_literal({}, a.dims, a.data); }

/// Where element `index` of a broadcast result lies in a tensor of shape `dims`.
std::int64_t broadcast_offset(const Shape& dims, const Shape& index) {
  std::int64_t offset = 0;
  const std::size_t missing = index.size() - dims.size();
  for (std::size_t d = 0; d < dims.size(); ++d) offset = offset * dims[d] + (dims[d] == 1 ? 0 : index[d + missing]);
  return offset;
}

Shape broadcast_dims(const Shape& a, const Shape& b) {
  Shape dims(std::max(a.size(), b.size()), 1);
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const std::int64_t da = i < a.size() ? a[a.size() - 1 - i] : 1, db = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (da != db && da != 1 && db != 1) fail("shapes {} and {} do not broadcast", shape_text(a), shape_text(b));
    dims[dims.size() - 1 - i] = da == 1 ? db : da;
  }
  check_size(dims);
  return dims;
}

/// Calls `body(index)` for every element of `dims`, in order.
template <class Body>
void for_each_index(const Shape& dims, Body body) {
  Shape index(dims.size(), 0);
  for (std::int64_t n = element_count(dims); n > 0; --n) {
    body(index);
    for (std::size_t d = dims.size(); d-- > 0;) {
      if (++index[d] < dims[d]) break;
      index[d] = 0;
    }
  }
}

template <class T, class Op>
Array<T> combined(const Array<T>& a, const Array<T>& b, Op op) {
  Array<T> result{broadcast_dims(a.dims, b.dims), {}};
  for_each_index(result.dims, [&](const Shape& index) {
    result.data.push_back(op(a.data[static_cast<std::size_t>(broadcast_offset(a.dims, index))],
                             b.data[static_cast<std::size_t>(broadcast_offset(b.dims, index))]));
  });
  return result;
}

/// 64-bit arithmetic on numbers from a file wraps instead of being undefined.
std::int64_t wrapped(std::uint64_t x) { return static_cast<std::int64_t>(x); }

struct Arithmetic {
  float (*on_floats)(float, float);
  std::int64_t (*on_integers)(std::int64_t, std::int64_t);
};

std::int64_t quotient(std::int64_t a, std::int64_t b) {
  if (b == 0) fail("divides by zero");
  return b == -1 ? wrapped(0 - static_cast<std::uint64_t>(a)) : a / b;
}

using U = std::uint64_t;
const std::map<std::string_view, Arithmetic> kArithmetic{
    {"Add",
     {[](float a, float b) { return a + b; }, [](std::int64_t a, std::int64_t b) { return wrapped(U(a) + U(b)); }}},
    {"Sub",
     {[](float a, float b) { return a - b; }, [](std::int64_t a, std::int64_t b) { return wrapped(U(a) - U(b)); }}},
    {"Mul",
     {[](float a, float b) { return a * b; }, [](std::int64_t a, std::int64_t b) { return wrapped(U(a) * U(b)); }}},
    {"Div", {[](float a, float b) { return a / b; }, quotient}},
    {"Min",
     {[](float a, float b) { return std::min(a, b); }, [](std::int64_t a, std::int64_t b) { return std::min(a, b); }}},
    {"Max",
     {[](float a, float b) { return std::max(a, b); }, [](std::int64_t a, std::int64_t b) { return std::max(a, b); }}},
    {"Pow", {[](float a, float b) { return std::pow(a, b); }, nullptr}},
};

const std::map<std::string_view, bool (*)(float, float)> kComparisons{
    {"Equal", [](float a, float b) { return a == b; }},
    {"Less", [](float a, float b) { return a < b; }},
    {"Greater", [](float a, float b) { return a > b; }},
};

const std::map<std::string_view, float (*)(float)> kFunctions{
    {"Neg", [](float x) { return -x; }},
    {"Abs", [](float x) { return std::abs(x); }},
    {"Sqrt", [](float x) { return std::sqrt(x); }},
    {"Exp", [](float x) { return std::exp(x); }},
    {"Reciprocal", [](float x) { return 1 / x; }},
    {"Floor", [](float x) { return std::floor(x); }},
    {"Ceil", [](float x) { return std::ceil(x); }},
    {"Relu", [](float x) { return std::max(x, 0.0f); }},
};

const Literal& input(Importer& importer, const NodeView& node, int i) { return importer.literal(node, i, "input"); }

void arithmetic(Importer& importer, const NodeView& node) {
  const Arithmetic& op = kArithmetic.at(node.op());
  const Literal &a = input(importer, node, 0), &b = input(importer, node, 1);
  if (node.input_count() != 2) unsupported("{} constant inputs; expected 2", node.input_count());
  if (a.real() != b.real()) fail("'{}' and '{}' hold different types; expected one", a.name, b.name);
  if (a.real()) {
    importer.set(node, 0, made(combined(float_array(a), float_array(b), op.on_floats)));
  } else if (op.on_integers) {
    importer.set(node, 0, made(combined(integer_array(a), integer_array(b), op.on_integers)));
  } else {
    unsupported("on constant integers; fold constants when exporting");
  }
}

void comparison(Importer& importer, const NodeView& node) {
  const Literal &a = input(importer, node, 0), &b = input(importer, node, 1);
  if (a.real() != b.real()) fail("'{}' and '{}' hold different types; expected one", a.name, b.name);
  const auto as_floats = [](const Literal& literal) {
    if (literal.real()) return float_array(literal);
    const auto whole = integers(literal);
    return Array<float>{literal.dims, {whole.begin(), whole.end()}};
  };
  const auto result = combined(as_floats(a), as_floats(b), kComparisons.at(node.op()));
  importer.set(node, 0, made(Array<std::int64_t>{result.dims, {result.data.begin(), result.data.end()}}));
}

void function(Importer& importer, const NodeView& node) {
  const Literal& x = input(importer, node, 0);
  if (!x.real()) {
    if (node.op() != "Neg") unsupported("on constant integers; fold constants when exporting");
    auto y = integer_array(x);
    for (auto& e : y.data) e = wrapped(0 - static_cast<U>(e));
    return importer.set(node, 0, made(y));
  }
  auto y = float_array(x);
  for (float& e : y.data) e = kFunctions.at(node.op())(e);
  importer.set(node, 0, made(y));
}

void constant(Importer& importer, const NodeView& node) {
  if (auto tensor = node.literal("value", importer.folder())) return importer.set(node, 0, std::move(*tensor));
  if (node.has("value_float")) {
    const float value = node.real("value_float", 0);
    importer.set(node, 0, float_literal({}, {}, {&value, 1}));
  } else if (node.has("value_int")) {
    const std::int64_t value = node.integer("value_int", 0);
    importer.set(node, 0, integer_literal({}, {}, {&value, 1}));
  } else if (const auto floats = node.reals("value_floats")) {
    importer.set(node, 0, float_literal({}, {static_cast<std::int64_t>(floats->size())}, *floats));
  } else if (const auto list = node.integers("value_ints")) {
    importer.set(node, 0, integer_literal({}, {static_cast<std::int64_t>(list->size())}, *list));
  } else {
    unsupported("a constant that is not a dense tensor of numbers");
  }
}

void constant_of_shape(Importer& importer, const NodeView& node) {
  const Shape dims = importer.integer_list(node, 0, "shape");
  check_size(dims);
  const float zero = 0;
  Literal value = node.literal("value", importer.folder()).value_or(float_literal({}, {1}, {&zero, 1}));
  if (value.count() != 1) fail("value has {} elements; expected 1", value.count());
  value.dims.assign(dims.size(), 1);
  importer.set(node, 0, repeated(value, dims));
}

void cast(Importer& importer, const NodeView& node) {
  const Literal& x = input(importer, node, 0);
  const auto to = static_cast<Elem>(node.integer("to", 0));
  node.ignore("saturate");
  if (is_float(to)) {
    Literal y;
    if (x.real()) {
      y = made(float_array(x));
    } else {
      const auto whole = integers(x);
      y = made(Array<float>{x.dims, {whole.begin(), whole.end()}});
    }
    y.elem = to;
    return importer.set(node, 0, std::move(y));
  }
  if (!is_integer(to)) unsupported("a cast to {}", elem_name(to));
  Array<std::int64_t> y{x.dims, {}};
  if (x.real()) {
    for (float e : reals(x)) {
      if (!(std::abs(e) < 9.2e18f)) fail("casts {} to {}", e, elem_name(to));
      y.data.push_back(static_cast<std::int64_t>(e));
    }
  } else {
    y.data = integers(x);
  }
  if (to == Elem::kBool) {
    for (auto& e : y.data) e = e != 0;
  }
  importer.set(node, 0, made(y));  // integers of every width are computed in 64 bits
}

void pass_on(Importer& importer, const NodeView& node) {
  for (const char* attribute : {"ratio", "seed", "is_test"}) node.ignore(attribute);
  importer.set(node, 0, input(importer, node, 0));
}

/// Same elements, other dimensions.
void set_dims(Importer& importer, const NodeView& node, const Literal& x, Shape dims) {
  Literal y = x;
  if (y.quant && y.quant->per_channel()) y = made(float_array(x));
  importer.set(node, 0, with_dims(std::move(y), std::move(dims)));
}

void reshape(Importer& importer, const NodeView& node) {
  const Literal& x = input(importer, node, 0);
  const auto target = importer.integer_list(node, 1, "shape");
  set_dims(importer, node, x, reshape_dims(x.dims, target, node.integer("allowzero", 0) != 0));
}

void flatten(Importer& importer, const NodeView& node) {
  const Literal& x = input(importer, node, 0);
  set_dims(importer, node, x, flatten_dims(x.dims, node.integer("axis", 1)));
}

std::optional<std::vector<std::int64_t>> axes_of(Importer& importer, const NodeView& node) {
  if (importer.opset() < 13) return node.integers("axes");
  if (!node.has_input(1)) return std::nullopt;
  return importer.integer_list(node, 1, "axes");
}

void squeeze(Importer& importer, const NodeView& node) {
  const Literal& x = input(importer, node, 0);
  const auto removed = squeeze_axes(x.dims, axes_of(importer, node));
  Shape dims;
  for (std::size_t d = 0; d < x.dims.size(); ++d) {
    if (std::find(removed.begin(), removed.end(), static_cast<int>(d)) == removed.end()) dims.push_back(x.dims[d]);
  }
  set_dims(importer, node, x, dims);
}

void unsqueeze(Importer& importer, const NodeView& node) {
  const Literal& x = input(importer, node, 0);
  const auto axes = axes_of(importer, node);
  if (!axes) fail("has no axes; expected some");
  Shape dims = x.dims;
  for (int a : unsqueeze_axes(static_cast<int>(x.dims.size()), *axes)) dims.insert(dims.begin() + a, 1);
  set_dims(importer, node, x, dims);
}

void transpose(Importer& importer, const NodeView& node) {
  const Literal& x = input(importer, node, 0);
  importer.set(node, 0, permuted(x, transpose_perm(static_cast<int>(x.dims.size()), node.integers("perm"))));
}

/// Copies elements of `x`: element `index` of the result is element source(index), an offset.
template <class Source>
Literal picked(const Literal& x, Shape dims, Source source) {
  check_size(dims);
  Literal from = x;
  if (x.quant && x.quant->per_channel()) from = made(float_array(x));
  const auto size = static_cast<std::size_t>(stored_size(from.elem));
  std::vector<std::byte> bytes;
  bytes.reserve(static_cast<std::size_t>(element_count(dims)) * size);
  for_each_index(dims, [&](const Shape& index) {
    const auto* element = from.data.bytes().data() + static_cast<std::size_t>(source(index)) * size;
    bytes.insert(bytes.end(), element, element + size);
  });
  from.dims = std::move(dims);
  from.data = Constant(std::move(bytes));
  return from;
}

void concat(Importer& importer, const NodeView& node) {
  const Literal& first = input(importer, node, 0);
  const int axis = checked_axis(node.integer("axis", 0), static_cast<int>(first.dims.size()));
  const auto a = static_cast<std::size_t>(axis);
  Shape dims = first.dims;
  dims[a] = 0;
  std::vector<std::int64_t> begins;
  for (int i = 0; i < node.input_count(); ++i) {
    const Literal& part = input(importer, node, i);
    Shape expected = dims;
    if (part.dims.size() == dims.size()) expected[a] = part.dims[a];
    if (part.dims != expected || part.elem != first.elem || part.quant || first.quant) {
      fail("input '{}' is {} of shape {}; expected {} of shape {} up to dimension {}", node.input(i),
           elem_name(part.elem), shape_text(part.dims), elem_name(first.elem), shape_text(first.dims), axis);
    }
    begins.push_back(dims[a]);
    dims[a] += part.dims[a];
  }
  check_size(dims);
  const auto size = static_cast<std::size_t>(stored_size(first.elem));
  Literal result = first;
  std::vector<std::byte> bytes;
  for_each_index(dims, [&](const Shape& index) {
    auto i = static_cast<std::size_t>(std::upper_bound(begins.begin(), begins.end(), index[a]) - begins.begin() - 1);
    while (input(importer, node, static_cast<int>(i)).dims[a] == 0) --i;
    const Literal& part = input(importer, node, static_cast<int>(i));
    Shape inner = index;
    inner[a] -= begins[i];
    const auto* element =
        part.data.bytes().data() + static_cast<std::size_t>(broadcast_offset(part.dims, inner)) * size;
    bytes.insert(bytes.end(), element, element + size);
  });
  result.dims = std::move(dims);
  result.data = Constant(std::move(bytes));
  importer.set(node, 0, std::move(result));
}

void gather(Importer& importer, const NodeView& node) {
  const Literal& x = input(importer, node, 0);
  const Literal& list = input(importer, node, 1);
  const auto indices = integers(list);
  const int axis = checked_axis(node.integer("axis", 0), static_cast<int>(x.dims.size()));
  const auto a = static_cast<std::size_t>(axis);
  Shape dims(x.dims.begin(), x.dims.begin() + axis);
  dims.insert(dims.end(), list.dims.begin(), list.dims.end());
  dims.insert(dims.end(), x.dims.begin() + axis + 1, x.dims.end());
  for (std::int64_t i : indices) {
    if (i < -x.dims[a] || i >= x.dims[a]) fail("index {} is outside of dimension {} of size {}", i, axis, x.dims[a]);
  }
  importer.set(node, 0, picked(x, dims, [&](const Shape& index) {
                 const auto inner_rank = list.dims.size();
                 std::int64_t which = 0;
                 for (std::size_t d = 0; d < inner_rank; ++d) which = which * list.dims[d] + index[a + d];
                 std::int64_t position = indices[static_cast<std::size_t>(which)];
                 if (position < 0) position += x.dims[a];
                 std::int64_t offset = 0;
                 for (std::size_t d = 0; d < x.dims.size(); ++d) {
                   const std::int64_t at = d < a ? index[d] : d == a ? position : index[d + inner_rank - 1];
                   offset = offset * x.dims[d] + at;
                 }
                 return offset;
               }));
}

void slice(Importer& importer, const NodeView& node) {
  const Literal& x = input(importer, node, 0);
  std::vector<std::int64_t> starts, ends;
  std::optional<std::vector<std::int64_t>> axes, steps;
  if (importer.opset() < 10) {
    starts = node.integers("starts").value_or(std::vector<std::int64_t>{});
    ends = node.integers("ends").value_or(std::vector<std::int64_t>{});
    axes = node.integers("axes");
  } else {
    starts = importer.integer_list(node, 1, "starts");
    ends = importer.integer_list(node, 2, "ends");
    if (node.has_input(3)) axes = importer.integer_list(node, 3, "axes");
    if (node.has_input(4)) steps = importer.integer_list(node, 4, "steps");
  }
  const auto ranges = slice_ranges(x.dims, starts, ends, axes, steps);
  Shape dims;
  for (const auto& range : ranges) dims.push_back(range.count);
  importer.set(node, 0, picked(x, dims, [&](const Shape& index) {
                 std::int64_t offset = 0;
                 for (std::size_t d = 0; d < dims.size(); ++d) {
                   offset = offset * x.dims[d] + ranges[d].begin + index[d] * ranges[d].stride;
                 }
                 return offset;
               }));
}

void expand(Importer& importer, const NodeView& node) {
  const Literal& x = input(importer, node, 0);
  const Shape dims = broadcast_dims(x.dims, importer.integer_list(node, 1, "shape"));
  importer.set(node, 0, picked(x, dims, [&](const Shape& index) { return broadcast_offset(x.dims, index); }));
}

void where(Importer& importer, const NodeView& node) {
  const Literal& condition = input(importer, node, 0);
  const Literal &yes = input(importer, node, 1), &no = input(importer, node, 2);
  if (yes.real() != no.real()) fail("'{}' and '{}' hold different types; expected one", yes.name, no.name);
  const auto flags = integers(condition);
  const Shape dims = broadcast_dims(condition.dims, broadcast_dims(yes.dims, no.dims));
  const auto choose = [&](auto a, auto b) {
    decltype(a) result{dims, {}};
    for_each_index(dims, [&](const Shape& index) {
      const bool flag = flags[static_cast<std::size_t>(broadcast_offset(condition.dims, index))] != 0;
      const auto& from = flag ? a : b;
      result.data.push_back(from.data[static_cast<std::size_t>(broadcast_offset(from.dims, index))]);
    });
    importer.set(node, 0, made(result));
  };
  yes.real() ? choose(float_array(yes), float_array(no)) : choose(integer_array(yes), integer_array(no));
}

void range(Importer& importer, const NodeView& node) {
  std::int64_t bounds[3];
  for (int i = 0; i < 3; ++i) {
    const Literal& bound = input(importer, node, i);
    if (bound.count() != 1) fail("'{}' has {} elements; expected 1", bound.name, bound.count());
    if (bound.real()) unsupported("a range of real numbers; fold constants when exporting");
    bounds[i] = integers(bound)[0];
    if (std::abs(static_cast<double>(bounds[i])) > 1e15)
      fail("'{}' is {}; too large for a range", bound.name, bounds[i]);
  }
  const auto [start, limit, delta] = bounds;
  if (delta == 0) fail("has a step of 0; expected another");
  const std::int64_t span = delta > 0 ? limit - start : start - limit;
  const std::int64_t step = std::abs(delta);
  const std::int64_t count = span <= 0 ? 0 : (span - 1) / step + 1;
  check_size({count});
  Array<std::int64_t> y{{count}, {}};
  for (std::int64_t i = 0; i < count; ++i) y.data.push_back(start + i * delta);
  importer.set(node, 0, made(y));
}

void reduce_prod(Importer& importer, const NodeView& node) {
  const auto x = integer_array(input(importer, node, 0));
  const auto axes = importer.opset() < 18 || !node.has_input(1) ? node.integers("axes")
                                                                : std::optional(importer.integer_list(node, 1, "axes"));
  if (x.dims.size() > 1 || (axes && axes->size() != 1))
    unsupported("on more than a list; fold constants when exporting");
  U result = 1;
  for (std::int64_t e : x.data) result *= static_cast<U>(e);
  const bool keep = node.integer("keepdims", 1) != 0 && !x.dims.empty();
  importer.set(node, 0, made(Array<std::int64_t>{keep ? Shape{1} : Shape{}, {wrapped(result)}}));
}

void shape(Importer& importer, const NodeView& node) {
  const Shape& dims = input(importer, node, 0).dims;
  if (node.has("start") || node.has("end")) unsupported("a part of a constant's shape; fold constants when exporting");
  importer.set(node, 0, integer_literal({}, {static_cast<std::int64_t>(dims.size())}, dims));
}

void quantize_linear(Importer& importer, const NodeView& node) {
  const Literal& x = input(importer, node, 0);
  node.ignore("saturate");
  const auto [quant, elem] = quantize_parameters(importer, node, x.dims);
  if (elem != Elem::kInt8 && elem != Elem::kUint8)
    unsupported("elements of type {}; expected int8 or uint8", elem_name(elem));
  Literal y{{}, Elem::kInt8, x.dims, {}, quant};
  std::int64_t inner = 1;
  if (quant.per_channel()) {
    for (std::size_t d = static_cast<std::size_t>(quant.axis) + 1; d < x.dims.size(); ++d) inner *= x.dims[d];
  } else {
    inner = std::max<std::int64_t>(x.count(), 1);
  }
  const auto values = reals(x);
  std::vector<std::int8_t> data(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t c = i / static_cast<std::size_t>(inner) % quant.scale.size();
    const float q = std::nearbyint(values[i] / quant.scale[c]) + static_cast<float>(quant.zero_point[c]);
    data[i] = static_cast<std::int8_t>(std::isnan(q) ? 0 : std::clamp(q, -128.0f, 127.0f));
  }
  // The integers as the file sees them: their scale comes with the DequantizeLinear that reads them.
  if (elem == Elem::kUint8) {
    for (auto& q : data) q = static_cast<std::int8_t>(static_cast<std::uint8_t>(q) ^ 0x80);
  }
  y.elem = elem;
  y.quant.reset();
  y.data = Constant::of(std::span<const std::int8_t>(data));
  importer.set(node, 0, std::move(y));
}

void dequantize_linear(Importer& importer, const NodeView& node) {
  Literal y = input(importer, node, 0);
  if (y.quant) fail("'{}' is dequantised twice", y.name);
  if (y.elem != Elem::kInt8 && y.elem != Elem::kUint8 && y.elem != Elem::kInt32) {
    unsupported("elements of type {}; expected int8, uint8 or int32", elem_name(y.elem));
  }
  auto [quant, elem] = quantize_parameters(importer, node, y.dims);
  if (node.has_input(2) && elem != y.elem) {
    fail("'{}' holds {}, but its zero point {}", y.name, elem_name(y.elem), elem_name(elem));
  }
  if (!node.has_input(2)) {
    for (auto& z : quant.zero_point) z = y.elem == Elem::kUint8 ? -128 : 0;
  }
  if (y.elem == Elem::kUint8) {
    std::vector<std::byte> shifted(y.data.bytes().begin(), y.data.bytes().end());
    for (auto& b : shifted) b ^= std::byte{0x80};
    y.data = Constant(std::move(shifted));
    y.elem = Elem::kInt8;
  }
  y.quant = quant;
  // Integer operators want symmetric channels and biases; the rest is plain numbers.
  const bool symmetric = std::all_of(quant.zero_point.begin(), quant.zero_point.end(), [](int z) { return z == 0; });
  const bool in_range = quant.zero_point[0] >= -128 && quant.zero_point[0] <= 127;
  if (!symmetric && (quant.per_channel() || y.elem == Elem::kInt32 || !in_range)) y = made(float_array(y));
  importer.set(node, 0, std::move(y));
}

const std::map<std::string_view, Converter> kFolders = [] {
  std::map<std::string_view, Converter> folders{
      {"Constant", constant},
      {"ConstantOfShape", constant_of_shape},
      {"Cast", cast},
      {"Identity", pass_on},
      {"Dropout", pass_on},
      {"Reshape", reshape},
      {"Flatten", flatten},
      {"Squeeze", squeeze},
      {"Unsqueeze", unsqueeze},
      {"Transpose", transpose},
      {"Concat", concat},
      {"Gather", gather},
      {"Slice", slice},
      {"Expand", expand},
      {"Where", where},
      {"Range", range},
      {"ReduceProd", reduce_prod},
      {"Shape", shape},
      {"QuantizeLinear", quantize_linear},
      {"DequantizeLinear", dequantize_linear},
  };
  for (const auto& [op, entry] : kArithmetic) folders[op] = arithmetic;
  for (const auto& [op, entry] : kComparisons) folders[op] = comparison;
  for (const auto& [op, entry] : kFunctions) folders[op] = function;
  return folders;
}();

}  // namespace

void fold_constants(Importer& importer, const NodeView& node) {
  const auto found = kFolders.find(node.op());
  if (found == kFolders.end()) {
    unsupported("its inputs are constants, and it is not folded here; fold constants when exporting");
  }
  found->second(importer, node);
}

}  // namespace mj::onnx
