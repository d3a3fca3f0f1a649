// SPDX-License-Identifier: Apache-2.0
#include "mj/emit/emit.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/emit/layer.h"
#include "mj/pass/passes.h"
#include "tests/unit/error_of.h"

namespace mj {
namespace {

Quantization affine(float scale, std::int32_t zero_point) { return {{scale}, {zero_point}, -1}; }

/// A pool and a fully connected layer.
Graph small_network() {
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::kI8, {4, 4, 2}, affine(0.5f, 1)});
  const ValueId pooled = graph.add_node("pool", MaxPool{}, {x});
  graph.value(pooled).type.quant = affine(0.5f, 1);
  const ValueId flat = graph.add_node("flat", Reshape{{8}}, {pooled});
  graph.value(flat).type.quant = affine(0.5f, 1);
  const std::vector<std::int8_t> weights(24, 3);
  const ValueId w =
      graph.add_constant("w", {DType::kI8, {3, 8}, affine(0.25f, 0)}, Constant::of<std::int8_t>(weights));
  const ValueId y = graph.add_node("fc", Linear{}, {flat, w});
  graph.value(y).type.quant = affine(2.0f, -3);
  graph.outputs = {y};
  graph.class_names = {"a", "b", "c"};
  return plan_memory(std::move(graph));
}

TEST(Emit, GivesTheSameBytesTwice) { EXPECT_EQ(emit(small_network(), {}), emit(small_network(), {})); }

TEST(Emit, HoldsOnlyWhatIsUsed) {
  const Firmware firmware = emit(small_network(), {.name = "tiny"});
  EXPECT_TRUE(firmware.contains("tiny.c"));
  EXPECT_TRUE(firmware.contains("mj_max_pool.c"));
  EXPECT_TRUE(firmware.contains("mj_fully_connected.c"));
  EXPECT_TRUE(firmware.contains("mj_arithmetic.c"));
  EXPECT_FALSE(firmware.contains("mj_conv2d.c"));
  EXPECT_FALSE(firmware.contains("mj_softmax.c"));
}

TEST(Emit, NamesNothingOutsideOfItself) {
  for (const auto& [name, text] : emit(small_network(), {})) {
    EXPECT_EQ(text.find(MJ_SOURCE_DIR), std::string::npos) << name;
    const bool has_spdx = text.find("SPDX-License-Identifier: MIT-0") != std::string::npos;
    EXPECT_EQ(has_spdx, name != "README.md" && name != "manifest.json") << name;
  }
}

TEST(Emit, BuildIdFollowsTheConstants) {
  Graph other = small_network();
  const std::vector<std::int8_t> weights(24, 4);
  for (Value& value : other.values) {
    if (value.name == "w") {
      value.data = Constant::of<std::int8_t>(weights);
    }
  }
  const auto id = [](const Graph& graph) {
    return nlohmann::json::parse(emit(graph, {}).at("manifest.json")).at("build_id").get<std::string>();
  };
  EXPECT_NE(id(small_network()), id(other));
  EXPECT_NE(emit(small_network(), {}).at("model.h").find(id(small_network())), std::string::npos);
}

TEST(Emit, ManifestSaysWhatIsNeeded) {
  const Graph graph = small_network();
  const auto manifest = nlohmann::json::parse(emit(graph, {}).at("manifest.json"));
  EXPECT_EQ(manifest.at("schema"), 1);
  EXPECT_EQ(manifest.at("state_bytes"), state_bytes(graph));
  EXPECT_EQ(manifest.at("layers").size(), 3u);
  EXPECT_EQ(manifest.at("layers")[2].at("macs"), 24);
  EXPECT_EQ(manifest.at("buffers").size(), graph.plan->buffers.size());
  EXPECT_EQ(manifest.at("outputs")[0].at("zero_point"), -3);
}

TEST(Emit, SurvivesHostileNames) {
  Graph graph = small_network();
  graph.nodes[0].name = "*/ #error \"\\\n\xff??/";
  graph.value(graph.nodes[0].output).name = "|a|\n# b";
  graph.class_names[1] = "\"; #error ?\?/\n\xe2\x82\xac";
  const Firmware firmware = emit(graph, {});
  EXPECT_EQ(firmware.at("model.c").find("#error"), firmware.at("model.c").find("#error ") ) << "only inside a comment or string";
  EXPECT_EQ(firmware.at("model.c").find("*/ #error"), std::string::npos);
  EXPECT_NO_THROW(nlohmann::json::parse(firmware.at("manifest.json")));
}

TEST(Emit, RefusesNamesThatAreNoIdentifiers) {
  EXPECT_EQ(error_of([] { emit(small_network(), {.name = "my-net"}); }),
            "name 'my-net' cannot prefix C code; expected letters, digits and underscores, at most 63, that are no keyword");
}

TEST(Emit, ListsEveryNodeWithoutAKernel) {
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::kI8, {4}, affine(0.5f, 0)});
  const ValueId real = graph.add_node("first", Quantize{}, {x});
  graph.value(real).type = {DType::kF32, {4}, {}};
  const ValueId soft = graph.add_node("second", Softmax{}, {real});
  const ValueId back = graph.add_node("third", Quantize{}, {soft});
  graph.value(back).type = {DType::kI8, {4}, affine(0.5f, 0)};
  graph.outputs = {back};
  graph = plan_memory(std::move(graph));
  EXPECT_EQ(error_of([&] { emit(graph, {}); }),
            "cannot emit 3 nodes:\n"
            "  node 'first' (quantize): output is f32[4]; emitted code computes with i8\n"
            "  node 'second' (softmax): input is f32[4]; emitted code computes with i8\n"
            "  node 'third' (quantize): input is f32[4]; emitted code computes with i8");
}

TEST(Emit, RefusesFloatBorders) {
  Graph graph;
  const ValueId x = graph.add_input("image", {DType::kF32, {4}, {}});
  graph.outputs = {graph.add_node("relu", Clamp{}, {x})};
  EXPECT_EQ(error_of([&] { emit(graph, {}); }), "the graph has no memory plan; lower it first");
  graph = plan_memory(std::move(graph));
  EXPECT_EQ(error_of([&] { emit(graph, {}); }),
            "input 'image': value is f32[4]; expected i8 with one scale and zero point");
}

TEST(Emit, RefusesWhatTheKernelsCannotCount) {
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::kI8, {40000}, affine(0.5f, 0)});
  const ValueId y = graph.add_node("soft", Softmax{}, {x});
  graph.value(y).type = {DType::kI8, {40000}, affine(1.0f / 256, -128)};
  graph.outputs = {y};
  graph = plan_memory(std::move(graph));
  EXPECT_EQ(error_of([&] { emit(graph, {}); }),
            "cannot emit node 'soft' (softmax): has 40000 classes; the int8 kernel adds up at most 4095");
}

TEST(StateBytes, CountArenaAndTheLargestWindow) {
  EXPECT_EQ(state_bytes(small_network()), small_network().plan->arena_bytes);
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::kI8, {5, 5, 3}, affine(0.5f, 0)});
  const std::vector<std::int8_t> weights(2 * 9 * 3, 1);
  const ValueId w =
      graph.add_constant("w", {DType::kI8, {2, 3, 3, 3}, affine(0.5f, 0)}, Constant::of<std::int8_t>(weights));
  const ValueId y = graph.add_node("conv", Conv2d{}, {x, w});
  graph.value(y).type.quant = affine(0.5f, 0);
  graph.outputs = {y};
  graph = plan_memory(std::move(graph));
  EXPECT_EQ(scratch_bytes(graph), 2 * 27);
  EXPECT_EQ(state_bytes(graph), (54 + graph.plan->arena_bytes + 1) / 2 * 2);
}

TEST(MergeLoops, KeepsRowsApartAndMergesTheRest) {
  const Loops whole = merge_loops({5, 6, 7}, {row_major_steps({5, 6, 7})});
  EXPECT_EQ(whole.size, (std::vector<std::int64_t>{5, 1, 1, 42}));
  EXPECT_EQ(whole.steps[0], (std::vector<std::int64_t>{42, 0, 0, 1}));
  const Loops vector = merge_loops({1, 1, 9}, {row_major_steps({1, 1, 9})});
  EXPECT_EQ(vector.size, (std::vector<std::int64_t>{1, 1, 1, 9}));
  const Loops broadcast = merge_loops({5, 6, 7}, {broadcast_steps({7}, {5, 6, 7}), row_major_steps({5, 6, 7})});
  EXPECT_EQ(broadcast.size, (std::vector<std::int64_t>{5, 1, 6, 7}));
  EXPECT_EQ(broadcast.steps[0], (std::vector<std::int64_t>{0, 0, 0, 1}));
  EXPECT_EQ(error_of([] { merge_loops({2, 2, 2, 2, 2}, {{1, 2, 4, 8, 16}}); }),
            "needs 5 nested loops over 2x2x2x2x2; the kernels have 4");
}

class WriteFirmware : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  const std::filesystem::path folder_ = std::filesystem::path(MJ_BINARY_DIR) / "write_firmware_test";
};

TEST_F(WriteFirmware, ReplacesAnOlderOne) {
  write_firmware(folder_ / "fw", {{"manifest.json", "{}"}, {"old.c", ""}});
  write_firmware(folder_ / "fw", {{"manifest.json", "{}"}, {"new.c", ""}});
  EXPECT_TRUE(std::filesystem::exists(folder_ / "fw" / "new.c"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "fw" / "old.c"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1) << "nothing is left beside it";
}

TEST_F(WriteFirmware, LeavesOtherFilesAlone) {
  write_file(folder_ / "fw" / "thesis.tex", "years of work");
  EXPECT_EQ(error_of([&] { write_firmware(folder_ / "fw", {{"manifest.json", "{}"}}); }),
            (folder_ / "fw").string() +
                ": holds other files; expected an older firmware folder (with manifest.json), an empty one, or none");
  EXPECT_EQ(read_text(folder_ / "fw" / "thesis.tex"), "years of work");
}

}  // namespace
}  // namespace mj
