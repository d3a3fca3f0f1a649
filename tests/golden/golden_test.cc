// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "mj/base/file.h"
#include "mj/emit/emit.h"
#include "mj/pass/passes.h"

// What is emitted for one small network, as text. The files are remade by MJ_UPDATE_GOLDEN=1 ctest -R Golden; read the
// difference before committing it.

namespace mj {
namespace {

Quantization affine(float scale, std::int32_t zero_point) { return {{scale}, {zero_point}, -1}; }

/// Weights 3 * i mod 11 - 5: every value from -5 to 5.
std::vector<std::int8_t> weights(std::size_t count) {
  std::vector<std::int8_t> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<std::int8_t>(3 * i % 11) - 5;
  return values;
}

/// Two convolutions with a shortcut around the second, pooling and a classifier.
Graph tiny_network() {
  Graph graph;
  const auto quantised = [&](ValueId value, float scale, std::int32_t zero_point) {
    graph.value(value).type.quant = affine(scale, zero_point);
    return value;
  };
  const auto constant = [&](const char* name, Shape shape, float scale) {
    const auto values = weights(static_cast<std::size_t>(element_count(shape)));
    return graph.add_constant(name, {DType::kI8, std::move(shape), affine(scale, 0)}, Constant::of<std::int8_t>(values));
  };
  const ValueId image = graph.add_input("image", {DType::kI8, {6, 6, 1}, affine(0.0078125f, -128)});
  const ValueId first = quantised(
      graph.add_node("first", Conv2d{.stride = {2, 2}, .pad = {1, 1, 1, 1}, .clamp = {0, kInfinity}},
                     {image, constant("first.weight", {4, 3, 3, 1}, 0.02f)}), 0.03f, -128);
  const ValueId second = quantised(
      graph.add_node("second", Conv2d{.pad = {1, 1, 1, 1}}, {first, constant("second.weight", {4, 3, 3, 4}, 0.01f)}), 0.05f, 3);
  const ValueId sum = quantised(graph.add_node("sum", Add{.clamp = {0, kInfinity}}, {first, second}), 0.04f, -128);
  const ValueId pooled = quantised(graph.add_node("pooled", Mean{}, {sum}), 0.04f, -128);
  const ValueId logits = quantised(graph.add_node("logits", Linear{}, {pooled, constant("logits.weight", {3, 4}, 0.02f)}), 0.1f, 0);
  graph.outputs = {logits};
  graph.class_names = {"low", "middle", "high"};
  graph.preprocess = {1 / 255.0f, {0.0f}, {1.0f}};
  return plan_memory(std::move(graph));
}

TEST(Golden, EmittedFilesAreThoseInTheRepository) {
  const Firmware firmware = emit(tiny_network(), {.name = "tiny"});
  const bool update = std::getenv("MJ_UPDATE_GOLDEN") != nullptr;
  for (const char* name : {"tiny.h", "tiny.c", "main.c", "Makefile", "README.md", "manifest.json"}) {
    ASSERT_TRUE(firmware.contains(name)) << name;
    const std::filesystem::path path = std::filesystem::path(MJ_GOLDEN_DIR) / "tiny" / name;
    if (update) {
      std::filesystem::create_directories(path.parent_path());
      write_file(path, std::string_view(firmware.at(name)));
    }
    EXPECT_EQ(read_text(path), firmware.at(name)) << name;
  }
}

}  // namespace
}  // namespace mj
