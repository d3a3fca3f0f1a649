// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>
#include <variant>

#include "mj/ir/evaluate.h"
#include "mj/pass/passes.h"
#include "mj/pass/rewrite.h"

// Importers translate node by node and other passes leave remains (a transpose that has become trivial, a clamp that
// was merged away). One place that knows what changes nothing keeps all of them simple, and every node removed here is
// a buffer, a kernel call and a line of the user's table less.

namespace mj {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;  // clang 14, which builds the fuzz targets, does not deduce it

bool zeros(std::span<const std::int64_t> values) {
  return std::all_of(values.begin(), values.end(), [](std::int64_t value) { return value == 0; });
}

bool window_of_one(Pair kernel, Pair stride, Padding pad, Range clamp) {
  return kernel == Pair{1, 1} && stride == Pair{1, 1} && zeros(pad) && clamp.none();
}

/// Whether the node's output always holds exactly the elements of its first input, in the same order. Types decide the
/// rest: an integer operator may requantise.
bool passes_through(const Op& op, const Shape& in, const Shape& out) {
  return std::visit(
      Overloaded{
          [](const Clamp& clamp) { return clamp.range.none(); },
          [](const MaxPool& pool) { return window_of_one(pool.kernel, pool.stride, pool.pad, pool.clamp); },
          [](const AvgPool& pool) { return window_of_one(pool.kernel, pool.stride, pool.pad, pool.clamp); },
          [&](const Mean& mean) {
            return std::all_of(mean.axes.begin(), mean.axes.end(),
                               [&](std::int64_t axis) { return in.at(static_cast<std::size_t>(axis)) == 1; });
          },
          [&](const Concat&) { return in == out; },  // of one input (or of others that are empty)
          [](const Reshape&) { return true; },
          [&](const Transpose& transpose) {
            // Only the order of dimensions larger than 1 decides the order of elements.
            std::int64_t last = -1;
            for (const std::int64_t axis : transpose.perm) {
              if (in.at(static_cast<std::size_t>(axis)) == 1) continue;
              if (axis < last) return false;
              last = axis;
            }
            return true;
          },
          [](const Pad& pad) { return zeros(pad.before) && zeros(pad.after); },
          [&](const Slice&) { return in == out; },
          [](const Quantize&) { return true; },
          [](const auto&) { return false; },
      },
      op);
}

/// dtype and quantisation equal, the shape aside.
bool same_encoding(const Type& a, const Type& b) { return a.dtype == b.dtype && a.quant == b.quant; }

bool all_constant(const Graph& graph, const Node& node) {
  return !node.inputs.empty() && std::all_of(node.inputs.begin(), node.inputs.end(),
                                             [&](ValueId input) { return graph.value(input).constant(); });
}

/// The output of a node of constants, by the evaluator on a graph of that node alone.
Constant computed(const Graph& graph, const Node& node) {
  Graph alone;
  alone.add_input("unused", {DType::kF32, {1}, {}});  // a graph has one
  Node copy = node;
  std::vector<Tensor> inputs;
  for (ValueId& input : copy.inputs) {
    const Value& value = graph.value(input);
    inputs.push_back({value.type, {value.data.bytes().begin(), value.data.bytes().end()}});
    input = alone.add_constant(value.name, value.type, value.data);
  }
  copy.output = alone.add_value(node.name, graph.type(node.output));
  alone.outputs = {copy.output};
  alone.nodes.push_back(std::move(copy));
  return Constant(Evaluator(alone).run_node(0, inputs).data);
}

}  // namespace

Graph remove_identities(Graph graph) {
  Rewriter rewriter(std::move(graph));
  Graph& g = rewriter.graph();
  for (std::size_t i = 0; i < rewriter.size(); ++i) {
    Node node = rewriter.take(i);
    const bool is_output = std::find(g.outputs.begin(), g.outputs.end(), node.output) != g.outputs.end();
    if (all_constant(g, node) && !is_output) {
      g.value(node.output).data = computed(g, node);
      continue;
    }
    const Type& out = g.type(node.output);
    if (!same_encoding(g.type(node.inputs[0]), out) ||
        !passes_through(node.op, g.type(node.inputs[0]).shape, out.shape)) {
      rewriter.keep(std::move(node));
      continue;
    }
    // What only renames elements is a reshape of the first value in the chain that holds them.
    ValueId source = node.inputs[0];
    if (const Node* before = rewriter.producer(source); before != nullptr &&
                                                        std::holds_alternative<Reshape>(before->op) &&
                                                        same_encoding(g.type(before->inputs[0]), out)) {
      source = before->inputs[0];
    }
    if (g.type(source).shape == out.shape) {
      rewriter.drop(std::move(node), source);
    } else {
      node.op = Reshape{out.shape};
      node.inputs = {source};
      rewriter.keep(std::move(node));
    }
  }
  return rewriter.finish();
}

}  // namespace mj
