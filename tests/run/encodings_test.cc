// SPDX-License-Identifier: Apache-2.0

// Networks whose weights are stored sparse or in four bits: emitted C gives the evaluator's bytes on the host and on an
// MSP430, compiles without a warning for every target, and holds as many bytes of constants as the report says.
#include <gtest/gtest.h>

#include <sstream>

#include "compiled.h"
#include "encoded_networks.h"
#include "mj/base/error.h"
#include "mj/base/process.h"
#include "mj/emit/far.h"
#include "mj/emit/runtime_files.h"
#include "mj/pass/passes.h"
#include "mj/twin/run.h"
#include "msp430.h"
#include "random_int8_graph.h"

namespace mj {
namespace {

struct Inputs {
  std::vector<Tensor> tensors;
  std::vector<std::byte> stream;
};

Inputs inputs_for(const Graph& graph, std::uint64_t seed, int count) {
  Inputs inputs;
  RandomStream random(seed, 0x1a9);
  for (int i = 0; i < count; ++i) {
    inputs.tensors.push_back(random_int8_input(graph, random));
    const auto& data = inputs.tensors.back().data;
    inputs.stream.insert(inputs.stream.end(), data.begin(), data.end());
  }
  return inputs;
}

/// "" or the first node whose output differs.
std::string difference(const Graph& graph, const std::vector<std::byte>& got, const std::vector<std::byte>& expected) {
  if (got.size() != expected.size()) return "another number of bytes";
  for (std::size_t at = 0; at < got.size();) {
    for (const ValueId output : graph.outputs) {
      const auto size = static_cast<std::ptrdiff_t>(graph.type(output).bytes());
      const auto first = static_cast<std::ptrdiff_t>(at);
      if (!std::equal(got.begin() + first, got.begin() + first + size, expected.begin() + first)) {
        const Node& node = graph.nodes[static_cast<std::size_t>(producers(graph)[static_cast<std::size_t>(output)])];
        return describe(node) + " of " + shape_text(graph.type(output).shape);
      }
      at += static_cast<std::size_t>(size);
    }
  }
  return "";
}

constexpr const char* kSanitized = "-O1 -fsanitize=address,undefined -fno-sanitize-recover=all";

std::string on_host(const Graph& graph, std::uint64_t seed, const char* flags) {
  const ScratchFolder folder;
  const Inputs inputs = inputs_for(graph, seed, 6);
  make_for_host(emit(graph, {.name = "net"}), folder.path() / "net", flags);
  return difference(graph, run_on_host(folder.path() / "net", "net", inputs.stream),
                    expected_outputs(graph, inputs.tensors));
}

class Encodings : public testing::TestWithParam<Encoding> {};

TEST_P(Encodings, GiveTheEvaluatorsBytes) {
  for (const bool large : {false, true}) {
    EXPECT_EQ(on_host(network_of_encoded_layers(GetParam(), 11, large), 11, large ? "-O2" : kSanitized), "") << large;
  }
}

TEST_P(Encodings, GiveTheEvaluatorsBytesOnAnMsp430) {
  std::string missing;
  if (!has_msp430_tools(missing)) GTEST_SKIP() << "not installed: " << missing;
  const Graph graph = network_of_encoded_layers(GetParam(), 12, false);
  const Inputs inputs = inputs_for(graph, 12, 1);
  const ScratchFolder folder;
  const Msp430Program program =
      build_for_msp430(emit(graph, {.name = "net"}), graph, inputs.tensors[0], folder.path() / "net");
  EXPECT_EQ(
      difference(graph, outputs_in_state(graph, run_on_msp430(program).state), expected_outputs(graph, inputs.tensors)),
      "");
}

INSTANTIATE_TEST_SUITE_P(All, Encodings, testing::ValuesIn(all_encodings().begin(), all_encodings().end()),
                         [](const auto& test) { return std::string(encoding_name(test.param)); });

class RandomEncodings : public testing::TestWithParam<std::uint64_t> {};

TEST_P(RandomEncodings, GiveTheEvaluatorsBytes) {
  const std::uint64_t seed = GetParam();
  EXPECT_EQ(on_host(with_random_encodings(random_int8_graph(seed, 40), seed), seed, kSanitized), "") << "seed " << seed;
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomEncodings, testing::Range<std::uint64_t>(21, 29));

/// More than the low 64 KB hold: all weights lie where only 20-bit addresses reach.
TEST(EncodingsOnTheTwin, GiveTheEvaluatorsBytesFromFarMemory) {
  std::string missing;
  if (!has_msp430_tools(missing)) GTEST_SKIP() << "not installed: " << missing;
  Graph graph = network_of_encoded_layers({}, 13, true);
  for (std::size_t i = 0, n = 0; i < graph.values.size(); ++i) {
    Value& value = graph.values[i];
    if (value.name != "w") continue;
    const std::int64_t depth = value.type.count() / value.type.shape[0];
    const Encoding encoding = all_encodings()[n++ % 8];
    const bool depthwise = value.type.shape.size() == 4 && value.type.shape[3] == 1;
    if (!refusal(depth, encoding).empty() || (depthwise && encoding.layout != Layout::kDense)) continue;
    std::vector<std::int8_t> elements;
    for (const std::int8_t e : value.data.as<std::int8_t>())
      elements.push_back(static_cast<std::int8_t>(encoding.bits == 4 ? e >> 4 : e));
    value.data = Constant::of<std::int8_t>(elements);
    value.encoding = encoding;
  }
  // A dense layer that fills the near memory.
  const ValueId x = graph.inputs[0];
  const Quantization quant{{0.02f}, {0}, -1};
  const ValueId flat = graph.add_node("all", Reshape{{3000}}, {x});
  graph.value(flat).type.quant = graph.type(x).quant;
  std::vector<std::int8_t> elements(60000);
  for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = static_cast<std::int8_t>(i * 37 % 251);
  const ValueId w = graph.add_constant("big", {DType::kI8, {20, 3000}, quant}, Constant::of<std::int8_t>(elements));
  const ValueId y = graph.add_node("big", Linear{}, {flat, w});
  graph.value(y).type.dtype = DType::kI8;
  graph.value(y).type.quant = Quantization{{1.0f}, {0}, -1};
  // The few small outputs that the device's RAM holds.
  graph.outputs = {y};
  for (const Node& node : graph.nodes) {
    const bool small = graph.type(node.output).count() < 64 && node.inputs.size() == 3;
    if (small) graph.outputs.push_back(node.output);
  }
  graph = compact(std::move(graph));
  graph = plan_memory(std::move(graph));
  ASSERT_FALSE(far_weights(graph, "msp430").empty());
  const ScratchFolder folder;
  write_firmware(folder.path() / "net", emit(graph, {.name = "net", .target = "msp430"}));
  const Inputs inputs = inputs_for(graph, 13, 1);
  const TwinRun run = run_twin(folder.path() / "net", inputs.stream, {.machine = "msp430fr5994"});
  EXPECT_EQ(difference(graph, run.outputs, expected_outputs(graph, inputs.tensors)), "");
}

TEST(EncodingsOnTargets, CompileWithoutAWarning) {
  const Graph graph = with_random_encodings(random_int8_graph(7, 60), 7);
  const ScratchFolder folder;
  write_firmware(folder.path() / "net", emit(graph, {.name = "net"}));
  std::vector<std::vector<std::string>> compilers{
      {"gcc"},
      {"clang"},
      {"arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb"},
      {"arm-none-eabi-gcc", "-mcpu=cortex-m0", "-mthumb"},
      {"riscv64-unknown-elf-gcc", "-march=rv32imc", "-mabi=ilp32", "-ffreestanding"},
      {"clang", "--target=msp430", "-ffreestanding"},
      {"clang", "--target=msp430", "-ffreestanding", "-DMJ_FAR_WEIGHTS"}};
  for (std::vector<std::string>& compiler : compilers) {
    if (!has_program(compiler[0])) continue;
    const bool far = compiler.back() == "-DMJ_FAR_WEIGHTS";  // then the code holds numbers in place of pointers
    for (const char* flag : {"-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-O2", "-c"})
      compiler.emplace_back(flag);
    for (const auto& [name, text] : runtime_files()) {
      const bool encoded =
          name.starts_with("mj_") && name.ends_with(".c") && text.find("mj_encoded.h") != std::string::npos;
      if (encoded) compiler.push_back((std::filesystem::path(MJ_SOURCE_DIR) / "runtime" / name).string());
    }
    if (!far) compiler.emplace_back("net.c");
    EXPECT_NO_THROW(run_or_fail(compiler, folder.path() / "net")) << compiler[0];
  }
}

/// Constants as the compiled object holds them, by the folder's own `make size`.
TEST(EncodingsOnTargets, TakeTheBytesThatAreReported) {
  if (!has_program("arm-none-eabi-gcc")) GTEST_SKIP() << "not installed: arm-none-eabi-gcc";
  for (const Encoding encoding : all_encodings()) {
    Graph graph = network_of_encoded_layers(encoding, 14, true);
    const ScratchFolder folder;
    write_firmware(folder.path() / "net", emit(graph, {.name = "net", .target = "cortex-m"}));
    const ProcessResult made = run_process({"make", "-s", "size"}, {}, folder.path() / "net");
    ASSERT_EQ(made.exit_code, 0) << made.errors;
    const std::string text(reinterpret_cast<const char*>(made.output.data()), made.output.size());
    const std::string label = "constant_bytes ";
    const auto found = static_cast<double>(std::stoll(text.substr(text.find(label) + label.size())));
    const auto planned = static_cast<double>(exported_bytes(graph));
    EXPECT_NEAR(found / planned, 1, 0.01) << encoding_name(encoding) << ": " << found << " of " << planned;
  }
}

}  // namespace
}  // namespace mj
