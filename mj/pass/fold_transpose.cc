// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <utility>
#include <variant>

#include "mj/pass/channel_affine.h"
#include "mj/pass/passes.h"
#include "mj/pass/rewrite.h"

// Frameworks that keep channels first flatten {C,H,W}; here channels come last, so an importer has to put a transpose
// before the flattening. On the device that is a copy of the whole activation; in the weight of the linear layer behind
// it it is another order of columns, settled now.

namespace mj {
namespace {

/// Row-major index into the transpose's input of every element of its output, in the output's order.
std::vector<std::size_t> sources(const Shape& in, const std::vector<std::int64_t>& perm) {
  std::vector<std::size_t> stride(in.size(), 1);
  for (std::size_t axis = in.size(); axis-- > 1;) stride[axis - 1] = stride[axis] * static_cast<std::size_t>(in[axis]);
  std::vector<std::size_t> result{0};
  for (const std::int64_t axis : perm) {
    std::vector<std::size_t> longer;
    longer.reserve(result.size() * static_cast<std::size_t>(in[static_cast<std::size_t>(axis)]));
    for (const std::size_t start : result) {
      for (std::int64_t k = 0; k < in[static_cast<std::size_t>(axis)]; ++k) {
        longer.push_back(start + static_cast<std::size_t>(k) * stride[static_cast<std::size_t>(axis)]);
      }
    }
    result = std::move(longer);
  }
  return result;
}

/// The constant {O, I} with column j moved to column `to[j]`, in its stored form (scales belong to rows).
Constant permuted_columns(const Value& weight, const std::vector<std::size_t>& to) {
  const auto bytes = weight.data.bytes();
  const auto size = static_cast<std::size_t>(byte_size(weight.type.dtype));
  std::vector<std::byte> result(bytes.size());
  const std::size_t columns = to.size();
  for (std::size_t i = 0; i < bytes.size() / size; ++i) {
    const std::size_t target = i / columns * columns + to[i % columns];
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(i * size), size,
                result.begin() + static_cast<std::ptrdiff_t>(target * size));
  }
  return Constant(std::move(result));
}

}  // namespace

Graph fold_transpose(Graph graph) {
  Rewriter rewriter(std::move(graph));
  Graph& g = rewriter.graph();
  for (std::size_t i = 0; i < rewriter.size(); ++i) {
    Node node = rewriter.take(i);
    const Node* before = rewriter.producer(node.inputs[0]);
    if (auto* outer = std::get_if<Transpose>(&node.op); outer != nullptr && before != nullptr) {
      if (const auto* inner = std::get_if<Transpose>(&before->op)) {
        for (std::int64_t& axis : outer->perm) axis = inner->perm[static_cast<std::size_t>(axis)];
        node.inputs[0] = before->inputs[0];
      }
    }
    if (std::holds_alternative<Linear>(node.op) && before != nullptr && std::holds_alternative<Reshape>(before->op) &&
        g.type(before->output).shape.size() == 1 && g.value(node.inputs[1]).constant()) {
      const Node* moved = rewriter.producer(before->inputs[0]);
      if (const auto* transpose = moved ? std::get_if<Transpose>(&moved->op) : nullptr) {
        const ValueId source = moved->inputs[0];
        // A copy: the constants added below may move the values.
        const Value weight = g.value(node.inputs[1]);
        node.inputs[1] = g.add_constant(weight.name, weight.type,
                                        permuted_columns(weight, sources(g.type(source).shape, transpose->perm)));
        g.value(node.inputs[1]).encoding = weight.encoding;
        Node flat{before->name, Reshape{g.type(before->output).shape}, {source}, -1};
        flat.output = g.add_value(g.value(before->output).name, g.type(before->output));
        node.inputs[0] = flat.output;
        rewriter.keep(std::move(flat));
      }
    }
    rewriter.keep(std::move(node));
  }
  return rewriter.finish();
}

}  // namespace mj
