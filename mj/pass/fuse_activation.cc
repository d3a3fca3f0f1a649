// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>
#include <variant>

#include "mj/pass/passes.h"
#include "mj/pass/rewrite.h"

// ReLU as a node of its own costs a buffer, a pass over it and, in int8, half of the output's codes: the range before
// it has to hold the negative values too. Fused into the operator before it, it is two comparisons on a value in a
// register, and the quantisation sees only what is left.

namespace mj {
namespace {

/// `outer` applied to the result of `inner`.
Range compose(const Range& inner, const Range& outer) {
  const auto limit = [&](float x) { return std::min(std::max(x, outer.low), outer.high); };
  return {limit(inner.low), limit(inner.high)};
}

/// Moves elements without changing them, so that a clamp may be done before it as well.
bool moves(const Op& op) { return std::holds_alternative<Reshape>(op) || std::holds_alternative<Transpose>(op); }

/// The range an operator clamps its result to, be it fused or its purpose.
Range* limits(Op& op) {
  if (auto* clamp = std::get_if<Clamp>(&op)) return &clamp->range;
  return fused_clamp(op);
}

}  // namespace

Graph fuse_activation(Graph graph) {
  Rewriter rewriter(std::move(graph));
  for (std::size_t i = 0; i < rewriter.size(); ++i) {
    Node node = rewriter.take(i);
    const auto* clamp = std::get_if<Clamp>(&node.op);
    const ValueId x = node.inputs[0];
    // Where an integer clamp requantises it stays; with equal types both limits become the same integers in the
    // operator.
    const Graph& g = rewriter.graph();
    const auto fits = [&](ValueId value) {
      const Type &before = g.type(value), &after = g.type(node.output);
      return before.dtype == after.dtype && before.quant == after.quant && rewriter.sole_reader(value);
    };
    Node* before = nullptr;
    if (clamp != nullptr && fits(x)) {
      before = rewriter.producer(x);
      while (before != nullptr && moves(before->op)) {
        before = fits(before->inputs[0]) ? rewriter.producer(before->inputs[0]) : nullptr;
      }
    }
    Range* range = before == nullptr ? nullptr : limits(before->op);
    if (range == nullptr) {
      rewriter.keep(std::move(node));
      continue;
    }
    *range = compose(*range, clamp->range);
    rewriter.drop(std::move(node), x);
  }
  return rewriter.finish();
}

}  // namespace mj
