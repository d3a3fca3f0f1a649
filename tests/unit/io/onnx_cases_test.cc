// SPDX-License-Identifier: Apache-2.0
// Every case of the list comes in whole, and the writer's file of it comes back as the same graph.
#include "tests/unit/io/onnx_cases.h"

#include <gtest/gtest.h>

#include "mj/ir/evaluate.h"
#include "mj/ir/text.h"
#include "mj/ir/verify.h"

namespace mj {
namespace {

class OnnxCases : public testing::TestWithParam<OnnxCase> {};

/// What may change on the way through a file: names of values, and of nodes that only move or convert, which the writer
/// and the reader insert as they need them.
Graph without_free_names(Graph graph) {
  for (Value& value : graph.values) value.name.clear();
  for (Node& node : graph.nodes) {
    const bool inserted = std::holds_alternative<Reshape>(node.op) || std::holds_alternative<Transpose>(node.op) ||
                          std::holds_alternative<Quantize>(node.op);
    if (inserted) node.name.clear();
  }
  return graph;
}

std::vector<float> evaluate(const Graph& graph) {
  const Type& type = graph.type(graph.inputs[0]);
  RandomStream stream(3);
  std::vector<float> reals(static_cast<std::size_t>(type.count()));
  for (float& x : reals) x = static_cast<float>(stream.normal());
  return dequantize(Evaluator(graph).run(quantize(reals, type)).back());
}

TEST_P(OnnxCases, ComesIn) {
  const ImportResult result = GetParam().model.import();
  for (const auto& [node, op, reason] : result.unsupported) ADD_FAILURE() << node << " (" << op << "): " << reason;
  verify(result.graph);
}

TEST_P(OnnxCases, RoundTripsThroughTheWriter) {
  const Graph graph = GetParam().model.graph();
  const auto bytes = print_onnx(graph);
  const ImportResult back = parse_onnx(bytes, {});
  for (const auto& [node, op, reason] : back.unsupported) ADD_FAILURE() << node << " (" << op << "): " << reason;
  EXPECT_EQ(evaluate(back.graph), evaluate(graph));
  // Where the reader found a shorter graph than it wrote, that one stays as it is from then on.
  const auto again = print_onnx(back.graph);
  EXPECT_EQ(print_text(without_free_names(parse_onnx(again, {}).graph)), print_text(without_free_names(back.graph)));
}

INSTANTIATE_TEST_SUITE_P(All, OnnxCases, testing::ValuesIn(onnx_cases()), [](const auto& info) {
  std::string name = info.param.name;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
});

}  // namespace
}  // namespace mj
