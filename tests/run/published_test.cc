// SPDX-License-Identifier: Apache-2.0

// The C of a network made by others gives the outputs that others published for it.
#include <gtest/gtest.h>

#include <cstdlib>

#include "compiled.h"
#include "mj/io/onnx.h"
#include "mj/pass/lower.h"

namespace mj {
namespace {

TEST(Published, EmittedResNet8GivesTheVectorOfTfliteMicro) {
  const char* given = std::getenv("MJ_SHARED");
  const auto shared =
      given ? std::filesystem::path(given) : std::filesystem::path(MJ_SOURCE_DIR).parent_path() / "shared";
  const auto path = shared / "data" / "mlperf-tiny" / "pretrainedResnet_quant.tflite";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path << "; set MJ_SHARED to the folder that holds data";
  const Graph graph = lower(read_model(path), {});
  Tensor input = make_tensor(graph.type(graph.inputs[0]));
  std::uint32_t x = 12345;
  for (std::int8_t& element : input.as<std::int8_t>()) {
    x = x * 1664525 + 1013904223;
    element = static_cast<std::int8_t>(x >> 24);
  }
  const ScratchFolder folder;
  make_for_host(emit(graph, {.name = "resnet8"}), folder.path() / "resnet8", "-O2");
  const std::vector<std::byte> output = run_on_host(folder.path() / "resnet8", "resnet8", input.data);
  std::vector<int> elements;
  for (const std::byte b : output) elements.push_back(static_cast<std::int8_t>(b));
  EXPECT_EQ(elements, (std::vector<int>{-128, -128, -126, -125, -128, -128, 123, -128, -128, -128}));
}

}  // namespace
}  // namespace mj
