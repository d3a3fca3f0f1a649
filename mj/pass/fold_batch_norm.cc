// SPDX-License-Identifier: Apache-2.0
#include <utility>
#include <variant>

#include "mj/pass/channel_affine.h"
#include "mj/pass/passes.h"
#include "mj/pass/rewrite.h"

// A batch_norm behind a convolution or a linear layer is free: s * (W x + b) + t = (s W) x + (s b + t), row by row of
// W. It is exact as long as nothing lies between them (no activation) and nobody else reads what is between.

namespace mj {
namespace {

bool foldable(const Graph& graph, const Node& node) {
  const Range* clamp = fused_clamp(node.op);
  const bool weighted = std::holds_alternative<Conv2d>(node.op) || std::holds_alternative<Linear>(node.op);
  return weighted && clamp->none() && graph.type(node.output).dtype == DType::kF32;
}

/// Scales output o of a conv2d or linear by scale[o] and shifts it by shift[o].
void scale_outputs(Graph& graph, Node& node, const ChannelAffine& affine) {
  const Value weight = graph.value(node.inputs[1]);
  std::vector<float> scaled = reals(weight);
  const std::size_t outputs = affine.scale.size(), row = scaled.size() / outputs;
  for (std::size_t i = 0; i < scaled.size(); ++i) {
    scaled[i] = static_cast<float>(scaled[i] * affine.scale[i / row]);
  }
  std::vector<float> bias(outputs, 0);
  std::string bias_name = node.name + ".bias";
  if (node.inputs.size() > 2) {
    bias = reals(graph.value(node.inputs[2]));
    bias_name = graph.value(node.inputs[2]).name;
  }
  for (std::size_t o = 0; o < outputs; ++o) {
    bias[o] = static_cast<float>(bias[o] * affine.scale[o] + affine.shift[o]);
  }
  const ValueId new_weight = graph.add_constant(weight.name, weight.type.shape, scaled);
  graph.value(new_weight).encoding = weight.encoding;
  const ValueId new_bias = graph.add_constant(bias_name, {static_cast<std::int64_t>(outputs)}, bias);
  node.inputs = {node.inputs[0], new_weight, new_bias};
}

}  // namespace

Graph fold_batch_norm(Graph graph) {
  Rewriter rewriter(std::move(graph));
  for (std::size_t i = 0; i < rewriter.size(); ++i) {
    Node node = rewriter.take(i);
    if (std::holds_alternative<BatchNorm>(node.op)) {
      const ValueId x = node.inputs[0];
      Node* before = rewriter.producer(x);
      if (before != nullptr && foldable(rewriter.graph(), *before) && rewriter.sole_reader(x)) {
        scale_outputs(rewriter.graph(), *before, affine_of(rewriter.graph(), node));
        rewriter.absorb(node, *before);
        continue;
      }
    }
    rewriter.keep(std::move(node));
  }
  return rewriter.finish();
}

}  // namespace mj
