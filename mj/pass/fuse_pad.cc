// SPDX-License-Identifier: Apache-2.0
#include <utility>
#include <variant>

#include "mj/pass/passes.h"
#include "mj/pass/rewrite.h"

// A pad writes a copy of its input with a frame around it; a window that runs over the border does the same for
// nothing. conv2d pads with zeros itself. avg_pool can count its padding as zeros. max_pool ignores its padding, which
// is the same only if the pad's value never wins against what the window holds.

namespace mj {
namespace {

/// The frame of a pad of rows and columns alone.
bool frame_of(const Pad& pad, Padding& frame) {
  if (pad.before.size() != 3 || pad.before[2] != 0 || pad.after[2] != 0) return false;
  frame = {pad.before[0], pad.before[1], pad.after[0], pad.after[1]};
  return true;
}

Padding sum(const Padding& a, const Padding& b) { return {a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]}; }

/// Every window must keep at least one element of the input.
bool smaller(const Padding& pad, const Pair& kernel) {
  return pad[0] < kernel[0] && pad[2] < kernel[0] && pad[1] < kernel[1] && pad[3] < kernel[1];
}

/// A number that no element of the value is below, as far as its producers tell.
float lower_bound(Rewriter& rewriter, ValueId value) {
  while (const Node* node = rewriter.producer(value)) {
    if (const auto* clamp = std::get_if<Clamp>(&node->op)) return clamp->range.low;
    if (const Range* clamp = fused_clamp(node->op); clamp != nullptr && clamp->low != -kInfinity) return clamp->low;
    if (std::holds_alternative<Sigmoid>(node->op) || std::holds_alternative<HardSigmoid>(node->op) ||
        std::holds_alternative<Softmax>(node->op)) {
      return 0;
    }
    const bool keeps = std::holds_alternative<MaxPool>(node->op) || std::holds_alternative<Reshape>(node->op) ||
                       std::holds_alternative<Transpose>(node->op) || std::holds_alternative<Slice>(node->op);
    if (!keeps) return -kInfinity;
    value = node->inputs[0];
  }
  return -kInfinity;
}

/// Takes the pad's frame into the operator if that computes the same; false leaves it alone.
bool take_frame(Rewriter& rewriter, const Pad& pad, ValueId padded, Op& op) {
  Padding frame;
  if (!frame_of(pad, frame)) return false;
  if (auto* conv = std::get_if<Conv2d>(&op)) {
    if (pad.value != 0) return false;
    conv->pad = sum(conv->pad, frame);
    return true;
  }
  if (auto* pool = std::get_if<MaxPool>(&op)) {
    const Padding total = sum(pool->pad, frame);
    if (!(pad.value <= lower_bound(rewriter, padded)) || !smaller(total, pool->kernel)) return false;
    pool->pad = total;
    return true;
  }
  if (auto* pool = std::get_if<AvgPool>(&op)) {
    const Padding total = sum(pool->pad, frame);
    const bool counts = pool->count_include_pad || pool->pad == Padding{};
    if (pad.value != 0 || !counts || !smaller(total, pool->kernel)) return false;
    pool->pad = total;
    pool->count_include_pad = true;
    return true;
  }
  return false;
}

}  // namespace

Graph fuse_pad(Graph graph) {
  Rewriter rewriter(std::move(graph));
  for (std::size_t i = 0; i < rewriter.size(); ++i) {
    Node node = rewriter.take(i);
    while (const Node* before = rewriter.producer(node.inputs[0])) {
      const auto* pad = std::get_if<Pad>(&before->op);
      if (pad == nullptr || !take_frame(rewriter, *pad, before->inputs[0], node.op)) break;
      node.inputs[0] = before->inputs[0];
    }
    rewriter.keep(std::move(node));
  }
  return rewriter.finish();
}

}  // namespace mj
