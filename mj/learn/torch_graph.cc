// SPDX-License-Identifier: Apache-2.0
#include "mj/learn/torch_graph.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "mj/base/error.h"

namespace mj {
namespace {

/// A tensor with the dimensions in the graph's order, behind the batch; a view.
at::Tensor natural(const at::Tensor& tensor) { return tensor.dim() == 4 ? tensor.permute({0, 2, 3, 1}) : tensor; }

/// The inverse: from the graph's order to libtorch's, where images have their channels second.
at::Tensor torch_order(const at::Tensor& tensor) { return tensor.dim() == 4 ? tensor.permute({0, 3, 1, 2}) : tensor; }

/// Limits a tensor nobody else holds.
at::Tensor limited(at::Tensor fresh, const Range& range) {
  if (range.none()) return fresh;
  if (range == Range{0, kInfinity}) return fresh.relu_();
  if (range.high == kInfinity) return at::clamp_min(fresh, range.low);
  if (range.low == -kInfinity) return at::clamp_max(fresh, range.high);
  return at::clamp(fresh, range.low, range.high);
}

bool symmetric(const Padding& pad) { return pad[0] == pad[2] && pad[1] == pad[3]; }
bool none(const Padding& pad) { return pad == Padding{0, 0, 0, 0}; }

at::Tensor padded(const at::Tensor& x, const Padding& pad, double value) {
  return at::constant_pad_nd(x, {pad[1], pad[3], pad[0], pad[2]}, value);
}

/// Vectors stay in float32: they cost little, and a stack of linear layers with batch-norms trained visibly worse in bfloat16 (a loss
/// of 1.15 instead of 0.99 after six epochs of a compressed network).
at::ScalarType activation_type(const Type& type, at::ScalarType images) { return type.shape.size() == 3 ? images : at::kFloat; }

/// One node. `x(i)` gives input i as an activation in libtorch's layout, `c(i)` as a constant in the graph's order.
struct Execute {
  const Graph& graph;
  const Node& node;
  const Weights& weights;
  const std::map<ValueId, at::Tensor>& seen;  ///< constants that are seen in another form than they are trained
  std::vector<at::Tensor>& slots;
  std::int64_t batch;
  at::ScalarType images;
  bool training;
  bool may_overwrite;

  at::Tensor x(std::size_t i) const {
    const ValueId id = node.inputs[i];
    if (!graph.value(id).constant()) return slots[static_cast<std::size_t>(id)];
    at::Tensor constant = weights[id].to(activation_type(graph.type(id), images)).unsqueeze(0);
    std::vector<std::int64_t> sizes = constant.sizes().vec();
    sizes[0] = batch;
    return torch_order(constant.expand(sizes));
  }
  at::Tensor c(std::size_t i) const {
    const ValueId id = node.inputs[i];
    if (!graph.value(id).constant()) {
      fail("{}: input {} is computed by the network; training needs a constant there", describe(node), i);
    }
    const auto found = seen.find(id);
    return found == seen.end() ? weights[id] : found->second;
  }
  /// The constant in the type of the activation it meets.
  at::Tensor w(std::size_t i) const { return c(i).to(x(0).scalar_type()); }
  at::Tensor optional_w(std::size_t i) const { return i < node.inputs.size() ? w(i) : at::Tensor(); }

  /// A 1x1 kernel with a stride reads some pixels only. oneDNN 2.6, which Debian's libtorch uses, writes beyond its
  /// scratch memory there when the channels do not fill an AVX-512 vector and the threads share the batch unevenly.
  static bool skips_pixels(const Conv2d& op, const at::Tensor& input, const at::Tensor& weight) {
    constexpr std::int64_t kVector = 16;
    return input.is_cpu() && weight.size(2) == 1 && weight.size(3) == 1 && (op.stride[0] > 1 || op.stride[1] > 1) &&
           op.pad == decltype(op.pad){} && input.size(1) % kVector != 0;
  }
  template <class Stride>
  static at::Tensor every(const Stride& stride, const at::Tensor& input) {
    return input.slice(2, 0, input.size(2), stride[0])
        .slice(3, 0, input.size(3), stride[1])
        .contiguous(at::MemoryFormat::ChannelsLast);
  }

  at::Tensor operator()(const Conv2d& op) const {
    const bool even = symmetric(op.pad);
    const at::Tensor input = even ? x(0) : padded(x(0), op.pad, 0);
    const std::vector<std::int64_t> pad = even ? std::vector{op.pad[0], op.pad[1]} : std::vector<std::int64_t>{0, 0};
    const at::Tensor weight = w(1).permute({0, 3, 1, 2});
    const bool skips = skips_pixels(op, input, weight);
    at::Tensor y = at::conv2d(skips ? every(op.stride, input) : input, weight, optional_w(2), skips ? Pair{1, 1} : op.stride,
                              pad, op.dilation, op.groups);
    // With one channel or one pixel both layouts are the same and libtorch may choose the other for the output.
    return limited(y.contiguous(at::MemoryFormat::ChannelsLast), op.clamp);
  }

  at::Tensor operator()(const Linear& op) const {
    return limited(torch_order(at::linear(natural(x(0)), w(1), optional_w(2))), op.clamp);
  }

  at::Tensor operator()(const BatchNorm& op) const {
    const at::Tensor input = x(0);
    const at::Tensor rows = input.dim() == 4 ? input : input.reshape({-1, input.size(-1)});
    // One element per channel has no variance: a last batch of one sample behind the pooling uses running statistics.
    const bool batch_statistics = training && rows.numel() > rows.size(1);
    const at::Tensor y = at::batch_norm(rows, c(1), c(2), c(3), c(4), batch_statistics, TorchGraph::kStatisticsMomentum,
                                        op.epsilon, /*cudnn_enabled=*/true);
    return input.dim() == 4 ? y : y.reshape(input.sizes());
  }

  at::Tensor operator()(const Clamp& op) const {
    if (op.range.none()) return x(0);
    if (op.range == Range{0, kInfinity}) return may_overwrite ? x(0).relu_() : x(0).relu();
    return limited(x(0), op.range);
  }

  at::Tensor operator()(const LeakyRelu& op) const { return at::leaky_relu(x(0), op.alpha); }
  at::Tensor operator()(const PRelu&) const {
    const at::Tensor input = natural(x(0));
    return torch_order(at::where(input < 0, input * w(1), input));
  }
  at::Tensor operator()(const HardSigmoid& op) const { return at::clamp(x(0) * op.alpha + op.beta, 0, 1); }
  at::Tensor operator()(const HardSwish&) const { return at::hardswish(x(0)); }
  at::Tensor operator()(const Sigmoid&) const { return at::sigmoid(x(0)); }
  at::Tensor operator()(const Tanh&) const { return at::tanh(x(0)); }
  at::Tensor operator()(const Softmax& op) const { return torch_order(at::softmax(natural(x(0)) * op.beta, -1)); }

  at::Tensor operator()(const MaxPool& op) const {
    const bool direct = symmetric(op.pad) && 2 * op.pad[0] <= op.kernel[0] && 2 * op.pad[1] <= op.kernel[1];
    const at::Tensor input = direct ? x(0) : padded(x(0), op.pad, -std::numeric_limits<double>::infinity());
    const std::vector<std::int64_t> pad = direct ? std::vector{op.pad[0], op.pad[1]} : std::vector<std::int64_t>{0, 0};
    return limited(at::max_pool2d(input, op.kernel, op.stride, pad), op.clamp);
  }

  at::Tensor operator()(const AvgPool& op) const {
    const at::Tensor input = x(0);
    const auto pooled = [&](const at::Tensor& values) {
      return at::avg_pool2d(none(op.pad) ? values : padded(values, op.pad, 0), op.kernel, op.stride);
    };
    at::Tensor y = pooled(input);
    if (!none(op.pad) && !op.count_include_pad) {
      // Mean over the window over the share of the window that lies inside.
      const at::NoGradGuard no_gradient;
      y = y / pooled(at::ones({1, 1, input.size(2), input.size(3)}, input.options()));
    }
    return limited(y, op.clamp);
  }

  at::Tensor operator()(const Mean& op) const {
    std::vector<std::int64_t> axes;
    for (std::int64_t axis : op.axes) axes.push_back(axis + 1);
    return torch_order(at::mean(natural(x(0)), axes, op.keep_dims));
  }

  template <class Function>
  at::Tensor elementwise(Function&& function, const Range& range) const {
    const at::Tensor a = x(0), b = x(1);
    if (a.sizes() == b.sizes()) return limited(function(a, b), range);
    const auto aligned = [](const at::Tensor& tensor, std::int64_t dims) {
      at::Tensor view = natural(tensor);
      while (view.dim() < dims) view = view.unsqueeze(1);
      return view;
    };
    const std::int64_t dims = std::max(a.dim(), b.dim());
    return limited(torch_order(function(aligned(a, dims), aligned(b, dims))), range);
  }
  at::Tensor operator()(const Add& op) const {
    return elementwise([](const at::Tensor& a, const at::Tensor& b) { return a + b; }, op.clamp);
  }
  at::Tensor operator()(const Sub& op) const {
    return elementwise([](const at::Tensor& a, const at::Tensor& b) { return a - b; }, op.clamp);
  }
  at::Tensor operator()(const Mul& op) const {
    return elementwise([](const at::Tensor& a, const at::Tensor& b) { return a * b; }, op.clamp);
  }

  at::Tensor operator()(const Concat& op) const {
    std::vector<at::Tensor> parts;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) parts.push_back(natural(x(i)));
    return torch_order(at::cat(parts, op.axis + 1));
  }

  at::Tensor operator()(const Reshape& op) const {
    std::vector<std::int64_t> sizes{batch};
    sizes.insert(sizes.end(), op.shape.begin(), op.shape.end());
    return torch_order(natural(x(0)).reshape(sizes));
  }

  at::Tensor operator()(const Transpose& op) const {
    std::vector<std::int64_t> dims{0};
    for (std::int64_t axis : op.perm) dims.push_back(axis + 1);
    return torch_order(natural(x(0)).permute(dims).contiguous());
  }

  at::Tensor operator()(const Pad& op) const {
    std::vector<std::int64_t> pad;  // last dimension first
    for (std::size_t i = op.before.size(); i-- > 0;) pad.insert(pad.end(), {op.before[i], op.after[i]});
    return torch_order(at::constant_pad_nd(natural(x(0)), pad, op.value));
  }

  at::Tensor operator()(const Slice& op) const {
    at::Tensor y = natural(x(0));
    for (std::size_t i = 0; i < op.begin.size(); ++i) {
      y = y.slice(static_cast<std::int64_t>(i) + 1, op.begin[i], op.end[i], op.stride[i]);
    }
    return torch_order(y.contiguous());
  }

  // Between float types there is nothing to convert.
  at::Tensor operator()(const Quantize&) const { return x(0); }
};

/// Operators whose gradient does not need their output, so that a rectifier may overwrite it.
bool output_unused_by_gradient(const Op& op) {
  if (const Range* clamp = fused_clamp(op); clamp && !clamp->none()) return false;
  return std::holds_alternative<Conv2d>(op) || std::holds_alternative<BatchNorm>(op) ||
         std::holds_alternative<Linear>(op) || std::holds_alternative<Add>(op) || std::holds_alternative<Sub>(op);
}

}  // namespace

TorchGraph::TorchGraph(const Graph& graph, c10::Device device, at::ScalarType images, std::span<const ValueId> also_trained)
    : graph_(graph), images_(images), weights_(graph, device, also_trained) {
  if (graph.inputs.size() != 1) fail("the network has {} inputs; expected 1", graph.inputs.size());
  if (graph.outputs.empty()) fail("the network has no output");
  const std::vector<std::int32_t> maker = producers(graph);
  const std::vector<std::vector<std::int32_t>> readers = consumers(graph);
  logits_ = graph.outputs.back();
  const std::int32_t last = maker[static_cast<std::size_t>(logits_)];
  if (last < 0) fail("the output '{}' is not computed by any node", graph.value(logits_).name);
  const Node& final_node = graph.nodes[static_cast<std::size_t>(last)];
  // Losses want scores; a final softmax does not change which is largest.
  if (std::holds_alternative<Softmax>(final_node.op)) logits_ = final_node.inputs[0];

  last_node_.assign(graph.values.size(), -1);
  for (std::size_t v = 0; v < graph.values.size(); ++v) {
    if (!readers[v].empty()) last_node_[v] = readers[v].back();
  }
  for (const Node& node : graph.nodes) {
    const auto x = static_cast<std::size_t>(node.inputs.at(0));
    const bool output = std::ranges::find(graph.outputs, node.inputs[0]) != graph.outputs.end();
    const bool alone = readers[x].size() == 1 && node.inputs[0] != logits_ && !output;
    may_overwrite_.push_back(alone && maker[x] >= 0 &&
                             output_unused_by_gradient(graph.nodes[static_cast<std::size_t>(maker[x])].op));
  }
}

at::Tensor TorchGraph::logits(const at::Tensor& input, bool training) const {
  return run(input, {{logits_}}, training)[0];
}

std::vector<at::Tensor> TorchGraph::outputs(const at::Tensor& input, std::span<const std::size_t> wanted,
                                            bool training) const {
  std::vector<ValueId> values;
  for (const std::size_t k : wanted) values.push_back(graph_.outputs.at(k));
  return run(input, values, training);
}

std::vector<at::Tensor> TorchGraph::run(const at::Tensor& input, std::span<const ValueId> wanted, bool training) const {
  std::vector<char> needed(graph_.values.size(), 0), kept(graph_.values.size(), 0);
  for (const ValueId id : wanted) needed[static_cast<std::size_t>(id)] = kept[static_cast<std::size_t>(id)] = 1;
  for (std::size_t n = graph_.nodes.size(); n-- > 0;) {
    const Node& node = graph_.nodes[n];
    if (!needed[static_cast<std::size_t>(node.output)]) continue;
    for (const ValueId id : node.inputs) needed[static_cast<std::size_t>(id)] = 1;
  }
  const std::map<ValueId, at::Tensor> seen = view_ ? view_(weights_) : std::map<ValueId, at::Tensor>();
  std::vector<at::Tensor> slots(graph_.values.size());
  slots[static_cast<std::size_t>(graph_.inputs[0])] = torch_order(input).to(activation_type(graph_.type(graph_.inputs[0]), images_));
  for (std::size_t n = 0; n < graph_.nodes.size(); ++n) {
    const Node& node = graph_.nodes[n];
    if (!needed[static_cast<std::size_t>(node.output)]) continue;
    const Execute execute{graph_, node, weights_, seen, slots, input.size(0), images_, training, may_overwrite_[n] != 0};
    slots[static_cast<std::size_t>(node.output)] = std::visit(execute, node.op).to(activation_type(graph_.type(node.output), images_));
    for (ValueId id : node.inputs) {
      const auto v = static_cast<std::size_t>(id);
      if (last_node_[v] == static_cast<std::int32_t>(n) && !kept[v]) slots[v] = at::Tensor();
    }
  }
  std::vector<at::Tensor> result;
  for (const ValueId id : wanted) {
    result.push_back(natural(slots[static_cast<std::size_t>(id)]).reshape({input.size(0), -1}).to(at::kFloat));
  }
  return result;
}

}  // namespace mj
