// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/infer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "mj/base/error.h"

namespace mj {
namespace {

// Attributes come from files. Up to this bound sums of a few and products of two stay inside 64 bits.
constexpr std::int64_t kMaxAttribute = kMaxElements;

void check_attribute(const char* name, std::int64_t value, std::int64_t least) {
  if (value < least || value > kMaxAttribute) {
    fail("{} is {}; expected {} to {}", name, value, least, kMaxAttribute);
  }
}

template <class List>
void check_attributes(const char* name, const List& values, std::int64_t least) {
  for (const std::int64_t value : values) check_attribute(name, value, least);
}

void check_finite(const char* name, float value) {
  if (!std::isfinite(value)) fail("{} is {}; expected a finite number", name, value);
}

void check_range(const char* name, const Range& range) {
  // Written so that a NaN on either side fails too; [inf, inf] holds no real number.
  if (!(range.low <= range.high) || range.low == kInfinity || range.high == -kInfinity) {
    fail("{} is from {} to {}; expected limits that are in order", name, range.low, range.high);
  }
}

/// Windows that fit along one axis; `window` is its whole extent, dilation included.
std::int64_t window_count(const char* axis, std::int64_t size, std::int64_t before, std::int64_t after,
                          std::int64_t window, std::int64_t stride) {
  const std::int64_t padded = size + before + after;
  if (window > padded) fail("window of {} {} does not fit into {} (padding included)", window, axis, padded);
  return (padded - window) / stride + 1;
}

bool is_permutation_of(const std::vector<std::int64_t>& order, std::size_t rank) {
  std::vector<char> seen(rank, 0);
  for (const std::int64_t i : order) {
    if (i < 0 || i >= static_cast<std::int64_t>(rank) || std::exchange(seen[static_cast<std::size_t>(i)], 1))
      return false;
  }
  return order.size() == rank;
}

Shape broadcast(const Shape& a, const Shape& b) {
  Shape result(std::max(a.size(), b.size()), 1);
  for (std::size_t i = 0; i < result.size(); ++i) {
    // Aligned at the last dimension, missing ones count as 1 (numpy.org/doc/stable/user/basics.broadcasting.html).
    const std::int64_t da = i < a.size() ? a[a.size() - 1 - i] : 1;
    const std::int64_t db = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (da != db && da != 1 && db != 1) fail("shapes {} and {} do not broadcast", shape_text(a), shape_text(b));
    result[result.size() - 1 - i] = da == 1 ? db : da;
  }
  return result;
}

/// The output type of every operator. Types of inputs are checked as they are read, attributes before they are used.
class Inference {
 public:
  Inference(const Graph& graph, std::span<const ValueId> inputs) : graph_(graph), inputs_(inputs) {}

  Type operator()(const Conv2d& op) const {
    expect_inputs(2, 3);
    const Type& x = activation_of_rank(3, "{height, width, channels}");
    const Type& weight = parameter(1, "weight");
    check_attributes("stride", op.stride, 1);
    check_attributes("dilation", op.dilation, 1);
    check_attributes("pad", op.pad, 0);
    check_attribute("groups", op.groups, 1);
    check_range("clamp", op.clamp);
    if (weight.shape.size() != 4) {
      fail("weight has shape {}; expected {{outputs, rows, columns, channels}}", shape_text(weight.shape));
    }
    const std::int64_t channels = x.shape[2], outputs = weight.shape[0];
    if (channels % op.groups != 0) fail("input has {} channels; expected a multiple of groups {}", channels, op.groups);
    if (outputs % op.groups != 0) fail("weight has {} outputs; expected a multiple of groups {}", outputs, op.groups);
    if (weight.shape[3] * op.groups != channels) {
      fail("input has {} channels; weight expects {}", channels, weight.shape[3] * op.groups);
    }
    check_weight_dtypes(x, weight, outputs);
    const std::int64_t rows = op.dilation[0] * (weight.shape[1] - 1) + 1;
    const std::int64_t columns = op.dilation[1] * (weight.shape[2] - 1) + 1;
    return made(x.dtype, {window_count("rows", x.shape[0], op.pad[0], op.pad[2], rows, op.stride[0]),
                          window_count("columns", x.shape[1], op.pad[1], op.pad[3], columns, op.stride[1]), outputs});
  }

  Type operator()(const Linear& op) const {
    expect_inputs(2, 3);
    const Type& x = activation(0);
    const Type& weight = parameter(1, "weight");
    check_range("clamp", op.clamp);
    if (x.shape.empty()) fail("input is a scalar; expected one dimension or more");
    if (weight.shape.size() != 2) {
      fail("weight has shape {}; expected {{outputs, features}}", shape_text(weight.shape));
    }
    if (x.shape.back() != weight.shape[1]) {
      fail("input has {} features; weight expects {}", x.shape.back(), weight.shape[1]);
    }
    check_weight_dtypes(x, weight, weight.shape[0]);
    Shape shape = x.shape;
    shape.back() = weight.shape[0];
    return made(x.dtype, std::move(shape));
  }

  Type operator()(const BatchNorm& op) const {
    expect_inputs(5, 5);
    const Type& x = activation(0);
    if (!(op.epsilon >= 0 && std::isfinite(op.epsilon))) {
      fail("epsilon is {}; expected a finite number that is not negative", op.epsilon);
    }
    if (x.dtype != DType::kF32) fail("input is {}; expected f32 (fold it before quantising)", dtype_name(x.dtype));
    if (x.shape.empty()) fail("input is a scalar; expected one dimension or more");
    const char* names[] = {"input", "gamma", "beta", "mean", "variance"};
    for (std::size_t i = 1; i < 5; ++i) {
      const Type& factor = parameter(i, names[i]);
      if (factor.dtype != DType::kF32 || factor.shape != Shape{x.shape.back()}) {
        fail("{} is {}; expected f32[{}]", names[i], type_text(factor), x.shape.back());
      }
    }
    return made(DType::kF32, x.shape);
  }

  Type operator()(const PRelu&) const {
    expect_inputs(2, 2);
    const Type& x = activation(0);
    const Type& slope = parameter(1, "slope");
    if (slope.dtype != x.dtype)
      fail("slope is {}; expected {}, as the input", dtype_name(slope.dtype), dtype_name(x.dtype));
    if (broadcast(x.shape, slope.shape) != x.shape) {
      fail("slope has shape {}; expected one that broadcasts to {}", shape_text(slope.shape), shape_text(x.shape));
    }
    return made(x.dtype, x.shape);
  }

  Type operator()(const Clamp& op) const {
    check_range("range", op.range);
    return unary();
  }
  Type operator()(const LeakyRelu& op) const {
    check_finite("alpha", op.alpha);
    return unary();
  }
  Type operator()(const HardSigmoid& op) const {
    check_finite("alpha", op.alpha);
    check_finite("beta", op.beta);
    return unary();
  }
  Type operator()(const HardSwish&) const { return unary(); }
  Type operator()(const Sigmoid&) const { return unary(); }
  Type operator()(const Tanh&) const { return unary(); }

  Type operator()(const Softmax& op) const {
    check_finite("beta", op.beta);
    const Type type = unary();
    if (type.shape.empty()) fail("input is a scalar; expected one dimension or more");
    return type;
  }

  Type operator()(const MaxPool& op) const { return keep_quantization(pool(op)); }
  Type operator()(const AvgPool& op) const { return pool(op); }

  Type operator()(const Mean& op) const {
    expect_inputs(1, 1);
    const Type& x = activation(0);
    if (op.axes.empty()) fail("axes is empty; expected one axis or more");
    std::vector<char> reduced(x.shape.size(), 0);
    for (const std::int64_t axis : op.axes) {
      check_axis(axis, x.shape);
      if (std::exchange(reduced[static_cast<std::size_t>(axis)], 1)) fail("axes lists {} twice", axis);
    }
    Shape shape;
    for (std::size_t i = 0; i < x.shape.size(); ++i) {
      if (!reduced[i]) shape.push_back(x.shape[i]);
      if (reduced[i] && op.keep_dims) shape.push_back(1);
    }
    return made(x.dtype, std::move(shape));
  }

  Type operator()(const Add& op) const { return binary(op.clamp); }
  Type operator()(const Sub& op) const { return binary(op.clamp); }
  Type operator()(const Mul& op) const { return binary(op.clamp); }

  Type operator()(const Concat& op) const {
    if (inputs_.empty()) fail("no inputs; expected 1 or more");
    const Type& first = activation(0);
    check_axis(op.axis, first.shape);
    const auto axis = static_cast<std::size_t>(op.axis);
    Shape shape = first.shape;
    for (std::size_t i = 1; i < inputs_.size(); ++i) {
      const Type& next = activation(i);
      if (next.dtype != first.dtype) {
        fail("input {} is {}; expected {}, as the first", i, dtype_name(next.dtype), dtype_name(first.dtype));
      }
      Shape expected = first.shape;
      if (next.shape.size() == expected.size()) expected[axis] = next.shape[axis];
      if (next.shape != expected) {
        fail("input {} has shape {}; expected {} up to axis {}", i, shape_text(next.shape), shape_text(first.shape),
             axis);
      }
      shape[axis] += next.shape[axis];
    }
    return keep_quantization(made(first.dtype, std::move(shape)));
  }

  Type operator()(const Reshape& op) const {
    expect_inputs(1, 1);
    const Type& x = activation(0);
    check_shape(op.shape);
    if (element_count(op.shape) != x.count()) {
      fail("input {} has {} elements; shape {} has {}", shape_text(x.shape), x.count(), shape_text(op.shape),
           element_count(op.shape));
    }
    return keep_quantization(made(x.dtype, op.shape));
  }

  Type operator()(const Transpose& op) const {
    expect_inputs(1, 1);
    const Type& x = activation(0);
    if (!is_permutation_of(op.perm, x.shape.size())) {
      fail("perm is not a permutation of the {} dimensions of the input", x.shape.size());
    }
    Shape shape;
    for (const std::int64_t i : op.perm) shape.push_back(x.shape[static_cast<std::size_t>(i)]);
    return keep_quantization(made(x.dtype, std::move(shape)));
  }

  Type operator()(const Pad& op) const {
    expect_inputs(1, 1);
    const Type& x = activation(0);
    expect_entries("before", op.before, x.shape);
    expect_entries("after", op.after, x.shape);
    check_attributes("before", op.before, 0);
    check_attributes("after", op.after, 0);
    check_finite("value", op.value);
    Shape shape = x.shape;
    for (std::size_t i = 0; i < shape.size(); ++i) shape[i] += op.before[i] + op.after[i];
    return keep_quantization(made(x.dtype, std::move(shape)));
  }

  Type operator()(const Slice& op) const {
    expect_inputs(1, 1);
    const Type& x = activation(0);
    expect_entries("begin", op.begin, x.shape);
    expect_entries("end", op.end, x.shape);
    expect_entries("stride", op.stride, x.shape);
    check_attributes("stride", op.stride, 1);
    Shape shape;
    for (std::size_t i = 0; i < x.shape.size(); ++i) {
      if (op.begin[i] < 0 || op.begin[i] >= op.end[i] || op.end[i] > x.shape[i]) {
        fail("dimension {} is sliced from {} to {}; expected a part of 0 to {}", i, op.begin[i], op.end[i], x.shape[i]);
      }
      shape.push_back((op.end[i] - op.begin[i] - 1) / op.stride[i] + 1);
    }
    return keep_quantization(made(x.dtype, std::move(shape)));
  }

  // The target is the pass's decision: real numbers until it sets another type.
  Type operator()(const Quantize&) const {
    expect_inputs(1, 1);
    return made(DType::kF32, activation(0).shape);
  }

 private:
  void expect_inputs(std::size_t least, std::size_t most) const {
    if (inputs_.size() >= least && inputs_.size() <= most) return;
    if (least == most) fail("has {} inputs; expected {}", inputs_.size(), least);
    fail("has {} inputs; expected {} to {}", inputs_.size(), least, most);
  }

  const Value& input(std::size_t i) const {
    const ValueId id = inputs_[i];
    if (id < 0 || static_cast<std::size_t>(id) >= graph_.values.size()) {
      fail("input {} is value {}; the graph has {} values", i, id, graph_.values.size());
    }
    const Value& value = graph_.value(id);
    check_shape(value.type.shape);
    return value;
  }

  /// Input `i` as something to compute with: i32 is for biases only.
  const Type& activation(std::size_t i) const {
    const Type& type = input(i).type;
    if (type.dtype == DType::kI32) fail("input {} is i32; expected f32, i8 or i16", i);
    return type;
  }

  const Type& activation_of_rank(std::size_t rank, const char* dimensions) const {
    const Type& x = activation(0);
    if (x.shape.size() != rank) fail("input has shape {}; expected {}", shape_text(x.shape), dimensions);
    return x;
  }

  /// Input `i` as what was learnt: prepared and stored ahead of time, so it has to be a constant.
  const Type& parameter(std::size_t i, const char* role) const {
    const Value& value = input(i);
    if (!value.constant()) fail("{} '{}' is computed; expected a constant", role, value.name);
    return value.type;
  }

  /// The mixes that have kernels: all f32; integer weights behind f32 (hybrid: weights are dequantised); all integer.
  void check_weight_dtypes(const Type& x, const Type& weight, std::int64_t outputs) const {
    const bool real = x.dtype == DType::kF32;
    if (weight.dtype != DType::kI8 && !(real && weight.dtype == DType::kF32)) {
      fail("weight is {} where the input is {}; expected {}", dtype_name(weight.dtype), dtype_name(x.dtype),
           real ? "f32 or i8" : "i8");
    }
    if (inputs_.size() < 3) return;
    const Type& bias = parameter(2, "bias");
    const DType expected = real ? DType::kF32 : DType::kI32;
    if (bias.dtype != expected) {
      fail("bias is {} where the input is {}; expected {}", dtype_name(bias.dtype), dtype_name(x.dtype),
           dtype_name(expected));
    }
    if (bias.shape != Shape{outputs}) fail("bias has shape {}; expected {}", shape_text(bias.shape), outputs);
  }

  void check_axis(std::int64_t axis, const Shape& shape) const {
    if (axis < 0 || axis >= static_cast<std::int64_t>(shape.size())) {
      fail("axis {} is outside of the {} dimensions of the input", axis, shape.size());
    }
  }

  void expect_entries(const char* name, const std::vector<std::int64_t>& list, const Shape& shape) const {
    if (list.size() != shape.size()) {
      fail("{} has {} entries; expected {}, one per dimension of the input", name, list.size(), shape.size());
    }
  }

  Type unary() const {
    expect_inputs(1, 1);
    const Type& x = activation(0);
    return made(x.dtype, x.shape);
  }

  Type binary(const Range& clamp) const {
    expect_inputs(2, 2);
    check_range("clamp", clamp);
    const Type &a = activation(0), &b = activation(1);
    if (a.dtype != b.dtype) fail("inputs are {} and {}; expected the same", dtype_name(a.dtype), dtype_name(b.dtype));
    return made(a.dtype, broadcast(a.shape, b.shape));
  }

  template <class Pool>
  Type pool(const Pool& op) const {
    expect_inputs(1, 1);
    const Type& x = activation_of_rank(3, "{height, width, channels}");
    check_attributes("kernel", op.kernel, 1);
    check_attributes("stride", op.stride, 1);
    check_attributes("pad", op.pad, 0);
    check_range("clamp", op.clamp);
    // Every window must see the input: the maximum and the mean of nothing are not defined.
    for (std::size_t side = 0; side < 4; ++side) {
      if (op.pad[side] >= op.kernel[side % 2]) {
        fail("pad {} is not smaller than the window of {}", op.pad[side], op.kernel[side % 2]);
      }
    }
    return made(x.dtype,
                {window_count("rows", x.shape[0], op.pad[0], op.pad[2], op.kernel[0], op.stride[0]),
                 window_count("columns", x.shape[1], op.pad[1], op.pad[3], op.kernel[1], op.stride[1]), x.shape[2]});
  }

  Type made(DType dtype, Shape shape) const {
    check_shape(shape);
    return {dtype, std::move(shape), {}};
  }

  /// For operators that move elements or choose among them.
  Type keep_quantization(Type type) const {
    type.quant = activation(0).quant;
    return type;
  }

  const Graph& graph_;
  std::span<const ValueId> inputs_;
};

}  // namespace

Type infer_type(const Graph& graph, const Op& op, std::span<const ValueId> inputs) {
  return std::visit(Inference(graph, inputs), op);
}

Graph infer_shapes(Graph graph) {
  for (const Node& node : graph.nodes) {
    with_context(describe(node), [&] {
      graph.values.at(static_cast<std::size_t>(node.output)).type.shape = infer_type(graph, node.op, node.inputs).shape;
    });
  }
  graph.plan.reset();
  return graph;
}

}  // namespace mj
