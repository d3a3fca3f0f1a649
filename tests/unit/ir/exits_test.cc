// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/exits.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/error_of.h"

namespace mj {
namespace {

/// x -> exit1 -> exit2 -> logits, each the double of the one before, int8 with these scales.
Graph three_answers(std::vector<float> scales = {0.1f, 0.05f, 0.02f}) {
  Graph graph;
  ValueId value = graph.add_input("x", {DType::kI8, {3}, Quantization{{0.1f}, {0}, -1}});
  const char* names[] = {"exit1", "exit2", "logits"};
  for (std::size_t k = 0; k < 3; ++k) {
    value = graph.add_node(names[k], Add{}, {value, value});
    graph.value(value).name = names[k];
    graph.value(value).type = {DType::kI8, {3}, Quantization{{scales[k]}, {4}, -1}};
    graph.outputs.push_back(value);
  }
  return graph;
}

TEST(Exits, AreToldByTheNamesOfTheOutputs) {
  Graph graph = three_answers();
  EXPECT_EQ(exit_count(graph), 2u);
  EXPECT_EQ(answer_nodes(graph), (std::vector<std::int32_t>{0, 1, 2}));
  graph.value(graph.outputs[1]).name = "exit3";
  EXPECT_EQ(exit_count(graph), 0u);
  graph = three_answers();
  graph.outputs = {graph.outputs[2]};
  EXPECT_EQ(exit_count(graph), 0u);
  graph = three_answers();
  graph.outputs.insert(graph.outputs.begin(), graph.inputs[0]);
  EXPECT_EQ(exit_count(graph), 0u);
}

TEST(Exits, TellTemperaturesAndThresholds) {
  Graph graph = three_answers();
  EXPECT_EQ(exit_temperatures(graph), (std::vector<double>{1, 1, 1}));
  EXPECT_TRUE(exit_thresholds(graph).empty());
  graph.metadata["exit_temperatures"] = "1.5,0.75";
  graph.metadata["exit_thresholds"] = "0.9,1";
  EXPECT_EQ(exit_temperatures(graph), (std::vector<double>{1.5, 0.75, 1}));
  EXPECT_EQ(exit_thresholds(graph), (std::vector<double>{0.9, 1}));
}

TEST(Exits, RefuseOtherNumbers) {
  Graph graph = three_answers();
  const auto thresholds = [&](const std::string& text) {
    graph.metadata["exit_thresholds"] = text;
    return error_of([&] { exit_thresholds(graph); });
  };
  EXPECT_EQ(thresholds("0.9"), "metadata 'exit_thresholds' holds 1 numbers; expected 2, one per exit");
  EXPECT_EQ(thresholds("0.9,1.5"), "metadata 'exit_thresholds' holds '0.9,1.5'; expected numbers of 0 to 1 separated by commas");
  EXPECT_EQ(thresholds("0.9,nan"), "metadata 'exit_thresholds' holds '0.9,nan'; expected numbers of 0 to 1 separated by commas");
  EXPECT_EQ(thresholds("0.9,"), "metadata 'exit_thresholds' holds '0.9,'; expected numbers of 0 to 1 separated by commas");
  graph.metadata["exit_temperatures"] = "1,0";
  EXPECT_EQ(error_of([&] { exit_temperatures(graph); }),
            "metadata 'exit_temperatures' holds '1,0'; expected numbers of 0.001 to 1000 separated by commas");
}

TEST(Exits, WeighScoresByTheExponentialOfTheirDistance) {
  Graph graph = three_answers();
  graph.metadata["exit_temperatures"] = "2,0.5";
  for (std::size_t exit : {0u, 1u}) {
    const Exponents table = exit_exponents(graph, exit);
    const double step = exit == 0 ? 0.1 / 2 : 0.05 / 0.5;
    for (std::size_t d = 0; d < 256; ++d) {
      const double weight = table.high[d / 16] / 32768.0 * table.low[d % 16] / 32768.0;
      EXPECT_NEAR(weight, std::exp(-static_cast<double>(d) * step), 2.0 / 32768) << d;
    }
  }
}

}  // namespace
}  // namespace mj
