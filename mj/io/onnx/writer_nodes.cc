// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <numeric>

#include "mj/base/error.h"
#include "mj/io/onnx/layout.h"
#include "mj/io/onnx/node_view.h"
#include "mj/io/onnx/writer.h"

namespace mj::onnx {
namespace {

std::vector<std::int64_t> listed(const Pair& pair) { return {pair[0], pair[1]}; }
std::vector<std::int64_t> listed(const Padding& pad) { return {pad[0], pad[1], pad[2], pad[3]}; }

Shape stored_shape(const Shape& shape, const std::vector<int>& order) {
  Shape stored;
  for (int d : order) stored.push_back(shape[static_cast<std::size_t>(d)]);
  return stored;
}

const std::vector<int> kImageOrder{2, 0, 1};

}  // namespace

mj_onnx::NodeProto& NodeWriter::own(const char* op, const std::vector<std::string>& inputs,
                                    const std::string& y) const {
  auto& proto = w.add_node(op, inputs, y);
  proto.set_name(name);
  return proto;
}

Written NodeWriter::image(std::size_t i) const { return w.real_tensor(w.in_order(input(i), kImageOrder)); }

void NodeWriter::finish_image(const std::string& computed, const Range& clamp) const {
  w.finish(node, computed, &clamp, stored_in_order(output_shape(), kImageOrder),
           stored_shape(output_shape(), kImageOrder));
}

void NodeWriter::operator()(const Conv2d& op) const {
  const Written x = image(0);
  const Literal weight = permuted(w.literal(node.inputs[1]), std::array<std::int64_t, 4>{0, 3, 1, 2});
  std::vector<std::string> inputs{x.name, w.constant(weight)};
  if (node.inputs.size() > 2) inputs.push_back(w.constant(w.literal(node.inputs[2])));
  const std::string y = w.result_name(node, &op.clamp);
  auto& conv = own("Conv", inputs, y);
  set_attribute(conv, "dilations", listed(op.dilation));
  set_attribute(conv, "group", op.groups);
  set_attribute(conv, "kernel_shape", std::vector<std::int64_t>{weight.dims[2], weight.dims[3]});
  set_attribute(conv, "pads", listed(op.pad));
  set_attribute(conv, "strides", listed(op.stride));
  finish_image(y, op.clamp);
}

void NodeWriter::operator()(const Linear& op) const {
  const Written& x = input(0);
  const std::size_t last = x.layout.dims.size() - 1;
  std::vector<std::vector<int>> groups(x.layout.axes.begin(),
                                       x.layout.axes.begin() + static_cast<std::ptrdiff_t>(last));
  groups.push_back(sorted(x.layout.axes[last]));
  // The features stay in the order they are stored in; the weight's columns follow.
  const Literal weight = along_stored_order(w.literal(node.inputs[1]), 1, x.layout, last);
  const Written in = w.real_tensor(w.arranged(x, groups));
  std::vector<int> order(last + 1);
  std::iota(order.begin(), order.end(), 0);

  const bool bias = node.inputs.size() > 2;
  const std::string y = w.result_name(node, &op.clamp);
  if (last == 0) {
    std::vector<std::string> inputs{in.name, w.constant(weight)};
    if (bias) inputs.push_back(w.constant(w.literal(node.inputs[2])));
    set_attribute(own("Gemm", inputs, y), "transB", std::int64_t{1});
  } else {
    const std::string matrix = w.constant(permuted(weight, std::array<std::int64_t, 2>{1, 0}));
    const std::string product = bias ? w.unique(y + "_product") : y;
    own("MatMul", {in.name, matrix}, product);
    if (bias) w.add_node("Add", {product, w.constant(w.literal(node.inputs[2]))}, y);
  }
  w.finish(node, y, &op.clamp, stored_in_order(output_shape(), order), output_shape());
}

void NodeWriter::operator()(const BatchNorm& op) const {
  const Written& x = input(0);
  const std::size_t last = x.layout.dims.size() - 1;
  std::vector<std::vector<int>> groups{sorted(x.layout.axes[last])};
  groups.insert(groups.end(), x.layout.axes.begin(), x.layout.axes.begin() + static_cast<std::ptrdiff_t>(last));
  const Written in = w.arranged(x, groups);
  std::vector<std::string> inputs{w.real(in)};
  for (std::size_t i = 1; i < 5; ++i) {
    inputs.push_back(w.constant(along_stored_order(w.literal(node.inputs[i]), 0, in.layout, last)));
  }
  const std::string y = w.result_name(node, nullptr);
  set_attribute(own("BatchNormalization", inputs, y), "epsilon", op.epsilon);
  w.finish(node, y, nullptr, in.layout, in.stored);
}

void NodeWriter::operator()(const Clamp& op) const {
  const Written& x = input(0);
  const std::string y = w.result_name(node, nullptr);
  w.add_clamp(op.range, w.real(x), y).set_name(name);
  w.finish(node, y, nullptr, x.layout, x.stored);
}

void NodeWriter::unary(const char* op, const std::vector<std::pair<const char*, float>>& attributes) const {
  const Written& x = input(0);
  const std::string y = w.result_name(node, nullptr);
  auto& proto = own(op, {w.real(x)}, y);
  for (const auto& [attribute, value] : attributes) set_attribute(proto, attribute, value);
  w.finish(node, y, nullptr, x.layout, x.stored);
}

void NodeWriter::operator()(const LeakyRelu& op) const { unary("LeakyRelu", {{"alpha", op.alpha}}); }
void NodeWriter::operator()(const HardSigmoid& op) const {
  unary("HardSigmoid", {{"alpha", op.alpha}, {"beta", op.beta}});
}
void NodeWriter::operator()(const HardSwish&) const { unary("HardSwish", {}); }
void NodeWriter::operator()(const Sigmoid&) const { unary("Sigmoid", {}); }
void NodeWriter::operator()(const Tanh&) const { unary("Tanh", {}); }

void NodeWriter::operator()(const PRelu&) const {
  const Written& x = input(0);
  const std::string real = w.real(x);
  const std::string slope = w.constant(broadcast_in_stored_order(w.literal(node.inputs[1]), x.layout, x.stored));
  const std::string y = w.result_name(node, nullptr);
  own("PRelu", {real, slope}, y);
  w.finish(node, y, nullptr, x.layout, x.stored);
}

void NodeWriter::operator()(const Softmax& op) const {
  const Written& x = input(0);
  const auto reduced = sorted(x.layout.axes.back());
  // The stored dimension that is the last one of the graph, if there is one; else it becomes the last one here.
  std::vector<std::vector<int>> stored_groups;
  int next = 0;
  for (std::int64_t size : x.stored) {
    auto& group = stored_groups.emplace_back();
    for (std::int64_t covered = 1; covered < size; ++next) {
      covered *= x.layout.factors[static_cast<std::size_t>(next)];
      group.push_back(next);
    }
  }
  auto found = std::find(stored_groups.begin(), stored_groups.end(), reduced);
  Written in = x;
  if (found == stored_groups.end()) {
    std::vector<std::vector<int>> groups(x.layout.axes.begin(), x.layout.axes.end() - 1);
    groups.push_back(reduced);
    in = w.arranged(x, groups);
    stored_groups = groups;
    found = stored_groups.end() - 1;
  }
  std::string real = w.real(in);
  if (op.beta != 1) {
    const std::string factor = w.scalar(real + "_beta", op.beta);
    const std::string scaled = w.unique(real + "_scaled");
    w.add_node("Mul", {real, factor}, scaled).set_doc_string(kFusedMark);
    real = scaled;
  }
  const std::string y = w.result_name(node, nullptr);
  set_attribute(own("Softmax", {real}, y), "axis", std::int64_t{found - stored_groups.begin() + 1});
  w.finish(node, y, nullptr, in.layout, in.stored);
}

template <class Pool>
void NodeWriter::pool(const char* op_type, const Pool& op) const {
  const Written x = image(0);
  const std::string y = w.result_name(node, &op.clamp);
  auto& proto = own(op_type, {x.name}, y);
  if constexpr (requires { op.count_include_pad; }) {
    set_attribute(proto, "count_include_pad", std::int64_t{op.count_include_pad});
  }
  set_attribute(proto, "kernel_shape", listed(op.kernel));
  set_attribute(proto, "pads", listed(op.pad));
  set_attribute(proto, "strides", listed(op.stride));
  finish_image(y, op.clamp);
}

void NodeWriter::operator()(const MaxPool& op) const { pool("MaxPool", op); }
void NodeWriter::operator()(const AvgPool& op) const { pool("AveragePool", op); }

void NodeWriter::operator()(const Mean& op) const {
  const auto order = w.cheapest_order(input(0));
  const Written x = w.real_tensor(w.in_order(input(0), order));
  const auto is_reduced = [&](int d) { return std::find(op.axes.begin(), op.axes.end(), d) != op.axes.end(); };
  std::vector<std::int64_t> axes;
  std::vector<int> kept;  // stored order of the result
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (is_reduced(order[i])) axes.push_back(static_cast<std::int64_t>(i) + 1);
    if (is_reduced(order[i]) && !op.keep_dims) continue;
    const auto dropped =
        op.keep_dims ? 0 : std::count_if(op.axes.begin(), op.axes.end(), [&](std::int64_t a) { return a < order[i]; });
    kept.push_back(order[i] - static_cast<int>(dropped));
  }
  const std::string y = w.result_name(node, nullptr);
  auto& proto = own("ReduceMean", {x.name}, y);
  set_attribute(proto, "axes", axes);
  set_attribute(proto, "keepdims", std::int64_t{op.keep_dims});
  w.finish(node, y, nullptr, stored_in_order(output_shape(), kept), stored_shape(output_shape(), kept));
}

void NodeWriter::binary(const char* op, const Range& clamp) const {
  const Shape& shape = output_shape();
  const auto is_constant = [&](std::size_t i) { return w.graph_.value(node.inputs[i]).constant(); };
  const auto widened = [&](Written x) {
    const auto missing = shape.size() - x.layout.dims.size();
    x.layout.dims.insert(x.layout.dims.begin(), missing, 1);
    x.layout.axes.insert(x.layout.axes.begin(), missing, std::vector<int>{});
    return x;
  };
  const std::size_t lead = is_constant(0) ? 1 : 0;
  std::array<std::string, 2> names;
  Layout layout;
  Shape stored;
  if (is_constant(1 - lead) && input(lead).layout.dims == shape) {
    const Written& x = input(lead);
    names[lead] = w.real(x);
    names[1 - lead] = w.constant(broadcast_in_stored_order(w.literal(node.inputs[1 - lead]), x.layout, x.stored));
    layout = x.layout;
    stored = x.stored;
  } else {
    if (is_constant(0) || is_constant(1))
      fail("broadcasts its computed input to a constant's shape; ONNX is written with the reverse only");
    std::array<Written, 2> x{widened(input(0)), widened(input(1))};
    std::optional<std::size_t> whole;
    for (std::size_t i : {0, 1}) {
      if (whole || x[i].layout.dims != shape) continue;
      if (auto groups = conforming_groups(x[1 - i].layout, x[i].layout, x[i].stored)) {
        x[1 - i] = w.arranged(x[1 - i], *groups);
        whole = i;
      }
    }
    if (whole) {
      layout = x[*whole].layout;
      stored = x[*whole].stored;
    } else {
      std::vector<int> order(shape.size());
      std::iota(order.begin(), order.end(), 0);
      for (auto& each : x) each = w.in_order(each, order);
      layout = stored_in_order(shape, order);
      stored = shape;
    }
    for (std::size_t i : {0, 1}) names[i] = w.real(x[i]);
  }
  const std::string y = w.result_name(node, &clamp);
  own(op, {names[0], names[1]}, y);
  w.finish(node, y, &clamp, std::move(layout), std::move(stored));
}

void NodeWriter::operator()(const Add& op) const { binary("Add", op.clamp); }
void NodeWriter::operator()(const Sub& op) const { binary("Sub", op.clamp); }
void NodeWriter::operator()(const Mul& op) const { binary("Mul", op.clamp); }

void NodeWriter::operator()(const Concat& op) const {
  const auto order = w.cheapest_order(input(0));
  std::vector<std::string> names;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) names.push_back(w.real(w.in_order(input(i), order)));
  const std::string y = w.result_name(node, nullptr);
  const auto axis = std::find(order.begin(), order.end(), static_cast<int>(op.axis)) - order.begin();
  set_attribute(own("Concat", names, y), "axis", std::int64_t{axis + 1});
  w.finish(node, y, nullptr, stored_in_order(output_shape(), order), stored_shape(output_shape(), order));
}

void NodeWriter::operator()(const Reshape& op) const {
  Written x = input(0);
  auto layout = reshaped(x.layout, op.shape, 0);
  if (!layout) {
    std::vector<int> all;
    for (const auto& axes : x.layout.axes) all.insert(all.end(), axes.begin(), axes.end());
    x = w.arranged(x, {all});
    layout = stored_flat(op.shape, 0);
  }
  x.layout = *layout;
  // The file's tensor follows where nothing has to move for it: a vector in any order, an image as C,H,W or H,W,C.
  std::vector<std::vector<std::vector<int>>> candidates;
  if (op.shape.size() == 1) candidates = {{sorted(layout->axes[0])}};
  if (op.shape.size() == 3) candidates = {{layout->axes[2], layout->axes[0], layout->axes[1]}};
  candidates.push_back(layout->axes);
  for (const auto& groups : candidates) {
    if (rearrange(x.layout, x.stored, groups).moves() > 0) continue;
    const Written before = x;
    x = w.arranged(x, groups);
    if (x.name != before.name) {
      x.source_name = x.quant ? before.name : w.real(before);  // an integer input was dequantised on the way
      x.source_stored = before.stored;
    }
    break;
  }
  w.written_[node.output] = std::move(x);
}

void NodeWriter::operator()(const Transpose& op) const {
  Written x = input(0);
  x.layout = transposed(x.layout, op.perm);
  w.written_[node.output] = std::move(x);
}

void NodeWriter::operator()(const Pad& op) const {
  const auto order = w.cheapest_order(input(0));
  const Written x = w.real_tensor(w.in_order(input(0), order));
  std::vector<std::int64_t> pads{0};
  for (int d : order) pads.push_back(op.before[static_cast<std::size_t>(d)]);
  pads.push_back(0);
  for (int d : order) pads.push_back(op.after[static_cast<std::size_t>(d)]);
  const std::string y = w.result_name(node, nullptr);
  const std::string list = w.integers(y + "_pads", pads);
  own("Pad", {x.name, list, w.scalar(y + "_value", op.value)}, y);
  w.finish(node, y, nullptr, stored_in_order(output_shape(), order), stored_shape(output_shape(), order));
}

void NodeWriter::operator()(const Slice& op) const {
  const auto order = w.cheapest_order(input(0));
  const Written x = w.real_tensor(w.in_order(input(0), order));
  std::vector<std::int64_t> begin, end, axes, stride;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto d = static_cast<std::size_t>(order[i]);
    if (op.begin[d] == 0 && op.end[d] == input(0).layout.dims[d] && op.stride[d] == 1) continue;
    begin.push_back(op.begin[d]);
    end.push_back(op.end[d]);
    stride.push_back(op.stride[d]);
    axes.push_back(static_cast<std::int64_t>(i) + 1);
  }
  const std::string y = w.result_name(node, nullptr);
  if (axes.empty()) {
    own("Identity", {x.name}, y);
  } else {
    own("Slice",
        {x.name, w.integers(y + "_starts", begin), w.integers(y + "_ends", end), w.integers(y + "_axes", axes),
         w.integers(y + "_steps", stride)},
        y);
  }
  w.finish(node, y, nullptr, stored_in_order(output_shape(), order), stored_shape(output_shape(), order));
}

void NodeWriter::operator()(const Quantize&) const {
  const Written& x = input(0);
  if (w.graph_.type(node.output).quant) {
    w.finish(node, w.real(x), nullptr, x.layout, x.stored);
    w.proto_->mutable_node()->rbegin()->set_name(name);
    return;
  }
  const std::string& y = w.names_.at(node.output);
  w.add_dequantize(x, y).set_name(name);
  w.written_[node.output] = {y, x.layout, x.stored, std::nullopt, {}, {}};
}

}  // namespace mj::onnx
