// SPDX-License-Identifier: Apache-2.0

// Preprocessing on the device: pixels through NAME_set_input_u8 give the outputs of mj::input_tensor's int8.
#include <gtest/gtest.h>

#include <numeric>

#include "compiled.h"
#include "mj/base/error.h"
#include "mj/pass/passes.h"

namespace mj {
namespace {

Graph copying_network(std::vector<float> mean, std::vector<float> std) {
  Graph graph;
  graph.preprocess = {1.0f / 255, std::move(mean), std::move(std)};
  const Type type{DType::kI8, {8, 32, 3}, Quantization{{0.0173f}, {-9}, -1}};
  const ValueId x = graph.add_input("pixels", type);
  const ValueId y = graph.add_node("same", Transpose{{0, 1, 2}}, {x});
  graph.value(y).type = type;
  graph.outputs = {y};
  return plan_memory(std::move(graph));
}

void expect_same_input(const Graph& graph) {
  // Every value in every channel.
  std::vector<std::byte> pixels(768);
  std::vector<float> reals(768);
  for (std::size_t i = 0; i < 768; ++i) {
    pixels[i] = static_cast<std::byte>(i / 3);
    reals[i] = static_cast<float>(i / 3);
  }
  const ScratchFolder folder;
  make_for_host(emit(graph, {.name = "net"}), folder.path() / "net", "-O1");
  EXPECT_EQ(run_on_host(folder.path() / "net", "net", pixels, true), input_tensor(graph, reals).data);
}

TEST(Pixels, AreNormalisedPerChannel) { expect_same_input(copying_network({0.485f, 0.456f, 0.406f}, {0.229f, 0.3f, 0.1f})); }
TEST(Pixels, AreNormalisedAlikeWithOneMean) { expect_same_input(copying_network({0.2860f}, {0.3530f})); }

TEST(Driver, RefusesHalfARecord) {
  const ScratchFolder folder;
  make_for_host(emit(copying_network({0}, {1}), {.name = "net"}), folder.path() / "net", "-O1");
  try {
    run_on_host(folder.path() / "net", "net", std::vector<std::byte>(769));
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("the input ends within a record of 768 bytes"), std::string::npos);
  }
}

}  // namespace
}  // namespace mj
