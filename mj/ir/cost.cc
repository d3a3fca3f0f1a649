// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/cost.h"

#include <algorithm>
#include <array>
#include <limits>
#include <variant>

#include "mj/base/error.h"
#include "mj/ir/boxes.h"
#include "mj/ir/pieces.h"

namespace mj {
namespace {

// Hostile windows over hostile shapes can exceed 64 bits; a cost that stays at the largest number is still "too much".
std::int64_t times(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<std::int64_t>::max() : product;
}
std::int64_t plus(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<std::int64_t>::max() : sum;
}

/// What an operator itself says about its cost.
struct Work {
  Kernel kernel = Kernel::kNone;
  std::int64_t macs = 0;
  std::int64_t gathered = 0;
  std::int64_t runs = 0;
  std::int64_t windows = 0;
};

/// How many of start, start + step, ... (`count` of them) lie in 0..size-1.
std::int64_t terms_inside(std::int64_t start, std::int64_t step, std::int64_t count, std::int64_t size) {
  const std::int64_t first = start >= 0 ? 0 : (-start + step - 1) / step;
  const std::int64_t end = size <= start ? 0 : (size - start + step - 1) / step;
  return std::max<std::int64_t>(0, std::min(end, count) - first);
}

/// Taps of all windows along one dimension that fall into the input. Windows may be hostile, but not both many and large.
std::int64_t taps_inside(std::int64_t outputs, std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t dilation,
                         std::int64_t pad) {
  const bool by_tap = kernel < outputs;
  std::int64_t inside = 0;
  for (std::int64_t i = 0; i < std::min(kernel, outputs); ++i) {
    inside = plus(inside, by_tap ? terms_inside(i * dilation - pad, stride, outputs, size)
                                 : terms_inside(i * stride - pad, dilation, kernel, size));
  }
  return inside;
}

/// Lines that the copy of a box falls into: dimensions that lie one after the other are one, but for the outermost.
struct Lines {
  std::int64_t count = 0;
  bool contiguous = false;
};

Lines lines_of(const Box& box) {
  std::vector<std::size_t> dimensions;
  for (std::size_t d = 0; d < box.shape.size(); ++d) {
    if (box.shape[d] != 1) dimensions.push_back(d);
  }
  if (dimensions.empty()) return {1, true};
  const std::size_t innermost = dimensions.back();
  std::int64_t line = box.shape[innermost];
  for (std::size_t i = dimensions.size() - 1; i-- > 1;) {
    const std::size_t d = dimensions[i];
    if (box.from_steps[d] != line * box.from_steps[innermost] || box.to_steps[d] != line * box.to_steps[innermost]) break;
    line *= box.shape[d];
  }
  return {element_count(box.shape) / line, box.from_steps[innermost] == 1 && box.to_steps[innermost] == 1};
}

/// The work of one node, for every operator.
class Counter {
 public:
  Counter(const Graph& graph, const Node& node) : graph_(graph), node_(node) {}

  Work operator()(const Conv2d& op) const {
    const Type& weight = input(1);
    const std::int64_t macs = times(outputs(), weight.count() / weight.shape[0]);
    const Pair kernel{weight.shape[1], weight.shape[2]};
    if (op.groups > 1 && weight.shape[3] == 1) return clipped(Kernel::kDepthwise, macs, kernel, op.stride, op.dilation, op.pad);
    const std::int64_t windows = times(output().shape[0], output().shape[1]) * op.groups;
    return {Kernel::kConv, macs, times(windows, times(times(kernel[0], kernel[1]), weight.shape[3])), times(windows, kernel[0]), windows};
  }
  Work operator()(const Linear&) const { return {Kernel::kLinear, times(outputs(), input(1).shape[1])}; }
  Work operator()(const BatchNorm&) const { return {Kernel::kElementwise}; }
  Work operator()(const Clamp&) const { return {Kernel::kTable}; }
  Work operator()(const LeakyRelu&) const { return {Kernel::kTable}; }
  Work operator()(const PRelu&) const { return {Kernel::kProduct, 0, 0, lines()}; }
  Work operator()(const HardSigmoid&) const { return {Kernel::kTable}; }
  Work operator()(const HardSwish&) const { return {Kernel::kTable}; }
  Work operator()(const Sigmoid&) const { return {Kernel::kTable}; }
  Work operator()(const Tanh&) const { return {Kernel::kTable}; }
  Work operator()(const Softmax&) const { return {Kernel::kSoftmax}; }
  Work operator()(const MaxPool& op) const {
    return clipped(Kernel::kMaxPool, windows(op.kernel), op.kernel, op.stride, {1, 1}, op.pad);
  }
  Work operator()(const AvgPool& op) const {
    return clipped(Kernel::kPool, windows(op.kernel), op.kernel, op.stride, {1, 1}, op.pad);
  }
  Work operator()(const Mean& op) const {
    const std::int64_t line = op.axes.empty() ? 1 : input(0).shape[static_cast<std::size_t>(op.axes.back())];
    return {Kernel::kMean, input(0).count(), 0, input(0).count() / std::max<std::int64_t>(1, line)};
  }
  Work operator()(const Add&) const { return {Kernel::kElementwise, 0, 0, lines()}; }
  Work operator()(const Sub&) const { return {Kernel::kElementwise, 0, 0, lines()}; }
  Work operator()(const Mul&) const { return {Kernel::kProduct, 0, 0, lines()}; }
  Work operator()(const Concat&) const { return moved(); }
  Work operator()(const Reshape&) const { return {Kernel::kNone}; }
  Work operator()(const Transpose&) const { return moved(); }
  Work operator()(const Pad&) const { return moved(); }
  Work operator()(const Slice&) const { return moved(); }
  Work operator()(const Quantize&) const { return {Kernel::kTable}; }

 private:
  const Type& input(std::size_t i) const { return graph_.type(node_.inputs[i]); }
  const Type& output() const { return graph_.type(node_.output); }
  std::int64_t outputs() const { return output().count(); }
  /// A kernel that reads what of its windows lies inside the input, channel by channel.
  Work clipped(Kernel kernel, std::int64_t macs, const Pair& window, const Pair& stride, const Pair& dilation, const Padding& pad) const {
    const Shape &from = input(0).shape, &to = output().shape;
    const std::int64_t rows = taps_inside(to[0], from[0], window[0], stride[0], dilation[0], pad[0]);
    const std::int64_t columns = taps_inside(to[1], from[1], window[1], stride[1], dilation[1], pad[1]);
    return {kernel, macs, times(times(rows, columns), to[2]), times(times(rows, to[1]), to[2]), times(to[0], to[1])};
  }
  /// Of an element-wise operator of two: rows, or where one operand repeats, lines along the last dimension.
  std::int64_t lines() const {
    const Shape& shape = output().shape;
    if (shape.empty() || outputs() == 0) return 0;
    const bool plain = input(0).shape == shape && input(1).shape == shape;
    return plain && shape.size() > 1 ? shape[0] : outputs() / shape.back();
  }
  Work moved() const {
    Work work{Kernel::kMove};
    for (const Box& box : boxes(graph_, node_)) {
      const Lines lines = lines_of(box);
      work.runs += lines.count;
      if (!lines.contiguous) work.gathered += element_count(box.shape);
    }
    return work;
  }
  std::int64_t windows(const Pair& kernel) const { return times(outputs(), times(kernel[0], kernel[1])); }

  const Graph& graph_;
  const Node& node_;
};

/// Depthwise convolutions read their windows in place.
bool is_depthwise(const Graph& graph, const Node& node) {
  const auto* conv = std::get_if<Conv2d>(&node.op);
  return conv && conv->groups > 1 && graph.type(node.inputs[1]).shape[3] == 1;
}

/// What decoding changes in the counts of a node with such a weight.
void count_encoded(const Graph& graph, const Node& node, const Value& weight, Cost& result) {
  const std::int64_t channels = weight.type.shape[0];
  const std::int64_t places = result.outputs / channels;
  const EncodedSize size = encoded_size(weight.data.as<std::int8_t>(), channels, weight.encoding);
  result.macs = times(size.values, places);
  result.symbols = times(size.symbols, places);
  if (is_depthwise(graph, node)) return;
  const auto* conv = std::get_if<Conv2d>(&node.op);
  result.kernel = conv ? conv_kernel(weight.encoding) : linear_kernel(weight.encoding);
  if (conv) result.gathered = times(places, times(conv->groups, weight.type.count() / channels));
}

/// The kernel of that encoding, where `first` is that of the first that is not plain.
Kernel encoded_kernel(Kernel first, Encoding encoding) {
  const auto all = all_encodings();
  const auto at = std::find(all.begin() + 1, all.end(), encoding) - (all.begin() + 1);
  return static_cast<Kernel>(static_cast<std::ptrdiff_t>(first) + at);
}

/// Constants that are learnt: read by some node, but not the running statistics of a batch-norm.
std::vector<ValueId> parameters(const Graph& graph) {
  std::vector<char> learnt(graph.values.size(), 0);
  for (const Node& node : graph.nodes) {
    const std::size_t end = std::holds_alternative<BatchNorm>(node.op) ? 3 : node.inputs.size();
    for (std::size_t i = 0; i < end; ++i) learnt.at(static_cast<std::size_t>(node.inputs[i])) = 1;
  }
  std::vector<ValueId> result;
  for (std::size_t i = 0; i < learnt.size(); ++i) {
    if (learnt[i] && graph.values[i].constant()) result.push_back(static_cast<ValueId>(i));
  }
  return result;
}

}  // namespace

const char* kernel_name(Kernel kernel) {
  static constexpr std::array<const char*, kKernelCount> kNames{
      "conv", "depthwise", "linear", "conv_encoded", "linear_encoded", "pool", "max_pool", "mean", "elementwise", "product",
      "table", "move", "softmax", "none",
      "conv_dense_int4", "conv_bitmap_int8", "conv_bitmap_int4", "conv_relative_int8", "conv_relative_int4", "conv_block4_int8",
      "conv_block4_int4",
      "linear_dense_int4", "linear_bitmap_int8", "linear_bitmap_int4", "linear_relative_int8", "linear_relative_int4",
      "linear_block4_int8", "linear_block4_int4"};
  return kNames.at(static_cast<std::size_t>(kernel));
}

Kernel general_kernel(Kernel kernel) {
  if (kernel >= Kernel::kLinearDenseInt4) return Kernel::kLinearEncoded;
  if (kernel >= Kernel::kConvDenseInt4) return Kernel::kConvEncoded;
  switch (kernel) {
    case Kernel::kMaxPool:
    case Kernel::kMean:
      return Kernel::kPool;
    case Kernel::kProduct:
    case Kernel::kTable:
      return Kernel::kElementwise;
    default:
      return kernel;
  }
}

Kernel conv_kernel(Encoding encoding) { return encoding.plain() ? Kernel::kConv : encoded_kernel(Kernel::kConvDenseInt4, encoding); }
Kernel linear_kernel(Encoding encoding) {
  return encoding.plain() ? Kernel::kLinear : encoded_kernel(Kernel::kLinearDenseInt4, encoding);
}
bool copies_windows(Kernel kernel) { return kernel == Kernel::kConv || general_kernel(kernel) == Kernel::kConvEncoded; }

Cost cost(const Graph& graph, const Node& node) {
  const Work work = std::visit(Counter(graph, node), node.op);
  Cost result;
  result.kernel = work.kernel;
  result.macs = work.macs;
  result.gathered = work.gathered;
  result.runs = work.runs;
  result.windows = work.windows;
  result.outputs = graph.type(node.output).count();
  result.activation_out_bytes = graph.type(node.output).bytes();
  for (const ValueId id : node.inputs) {
    const Value& value = graph.value(id);
    Bytes& sum = value.constant() ? result.weight_bytes : result.activation_in_bytes;
    sum += value.constant() ? stored_bytes(graph, id) : value.type.bytes();
  }
  if (const Value* weight = encoded_weight(graph, node)) count_encoded(graph, node, *weight, result);
  return result;
}

const Value* encoded_weight(const Graph& graph, const Node& node) {
  if (!std::holds_alternative<Conv2d>(node.op) && !std::holds_alternative<Linear>(node.op)) return nullptr;
  const Value& weight = graph.value(node.inputs[1]);
  const bool encoded = weight.constant() && weight.type.dtype == DType::kI8 && !weight.encoding.plain();
  return encoded ? &weight : nullptr;
}

std::int64_t total_macs(const Graph& graph) {
  std::int64_t sum = 0;
  for (const Node& node : graph.nodes) {
    const Cost counts = cost(graph, node);
    const bool multiplies = std::holds_alternative<Conv2d>(node.op) || std::holds_alternative<Linear>(node.op);
    if (multiplies) sum = plus(sum, counts.macs);
  }
  return sum;
}

std::int64_t parameter_count(const Graph& graph) {
  std::int64_t sum = 0;
  for (const ValueId id : parameters(graph)) sum += graph.type(id).count();
  return sum;
}

Bytes parameter_bytes(const Graph& graph) {
  Bytes sum = 0;
  for (const ValueId id : parameters(graph)) sum += stored_bytes(graph.value(id));
  return sum;
}

}  // namespace mj
