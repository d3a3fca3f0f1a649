// SPDX-License-Identifier: Apache-2.0
// The ResNet-8 of MLPerf Tiny, float and int8, as published.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "mj/base/file.h"
#include "mj/base/process.h"
#include "mj/io/onnx.h"
#include "mj/ir/cost.h"
#include "mj/ir/evaluate.h"

namespace mj {
namespace {

std::filesystem::path mlperf_folder() {
  const char* given = std::getenv("MJ_SHARED");
  return (given ? std::filesystem::path(given) : std::filesystem::path(MJ_SOURCE_DIR).parent_path() / "shared") /
         "data" / "mlperf-tiny";
}

#define SKIP_UNLESS_PRESENT(path)     \
  if (!std::filesystem::exists(path)) \
  GTEST_SKIP() << "no " << (path) << "; set MJ_SHARED to the folder that holds data/mlperf-tiny"

std::size_t top_1(std::span<const float> scores) {
  return static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

TEST(TfliteResNet8, Int8GivesThePublishedOutputs) {
  const auto path = mlperf_folder() / "pretrainedResnet_quant.tflite";
  SKIP_UNLESS_PRESENT(path);
  const Graph graph = read_model(path);
  EXPECT_EQ(type_text(graph.type(graph.inputs[0])), "i8[32x32x3]");
  EXPECT_EQ(graph.type(graph.inputs[0]).quant, (Quantization{{1}, {-128}, -1}));
  EXPECT_EQ(total_macs(graph), 12501632);
  Tensor input = make_tensor(graph.type(graph.inputs[0]));
  std::uint32_t x = 12345;
  for (std::int8_t& element : input.as<std::int8_t>()) {
    x = x * 1664525 + 1013904223;
    element = static_cast<std::int8_t>(x >> 24);
  }
  const auto outputs = Evaluator(graph).run(input);
  ASSERT_EQ(outputs.size(), 1u);
  const auto elements = outputs[0].as<std::int8_t>();
  EXPECT_EQ(std::vector<int>(elements.begin(), elements.end()),
            (std::vector<int>{-128, -128, -126, -125, -128, -128, 123, -128, -128, -128}));
}

TEST(TfliteResNet8, BothClassifyTheTestImages) {
  const auto folder = mlperf_folder();
  SKIP_UNLESS_PRESENT(folder / "ic01.tar.xz");
  const auto unpacked = std::filesystem::path(MJ_BINARY_DIR) / "tests_io";
  std::filesystem::create_directories(unpacked);
  const auto result = run_process({"tar", "xJf", (folder / "ic01.tar.xz").string(), "-C", unpacked.string()});
  if (result.exit_code != 0) GTEST_SKIP() << "tar cannot unpack " << folder / "ic01.tar.xz: " << result.errors;

  const Graph real = read_model(folder / "pretrainedResnet.tflite");
  const Graph integer = read_model(folder / "pretrainedResnet_quant.tflite");
  const Evaluator evaluate_real(real), evaluate_integer(integer);
  int images = 0, real_correct = 0, integer_correct = 0, agree = 0;
  std::istringstream labels(read_text(unpacked / "ic01" / "y_labels.csv"));
  for (std::string line; std::getline(labels, line); ++images) {
    const auto label = static_cast<std::size_t>(std::atoi(line.c_str() + line.rfind(',') + 1));
    const auto bytes = read_file(unpacked / "ic01" / line.substr(0, line.find(',')));
    std::vector<float> pixels;
    for (const std::byte b : bytes) pixels.push_back(static_cast<float>(b));
    const std::size_t by_real = top_1(dequantize(evaluate_real.run(input_tensor(real, pixels))[0]));
    const std::size_t by_integer = top_1(dequantize(evaluate_integer.run(input_tensor(integer, pixels))[0]));
    real_correct += by_real == label;
    integer_correct += by_integer == label;
    agree += by_real == by_integer;
  }
  RecordProperty("float_correct", real_correct);
  RecordProperty("int8_correct", integer_correct);
  RecordProperty("agree", agree);
  std::printf("of %d images: float %d right, int8 %d right, %d agree\n", images, real_correct, integer_correct, agree);
  EXPECT_EQ(images, 200);
  // MLPerf Tiny's own threshold for this set is 85 %.
  EXPECT_GE(real_correct, 170);
  EXPECT_GE(integer_correct, 170);
  EXPECT_GE(agree, 190);
}

}  // namespace
}  // namespace mj
