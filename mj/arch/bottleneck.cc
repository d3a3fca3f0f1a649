// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "mj/arch/family.h"
#include "mj/arch/layers.h"
#include "mj/base/error.h"

namespace mj {
namespace {

/// Blocks per stage. 50, 101 and 152 are published (He et al., table 1); 11, 14, 26 and 38 cut stages and blocks off 50.
struct Member {
  int depth;
  std::array<int, 4> blocks;
};
constexpr Member kMembers[] = {{11, {1, 1, 1, 0}}, {14, {1, 1, 1, 1}},  {26, {2, 2, 2, 2}}, {38, {3, 3, 3, 3}},
                               {50, {3, 4, 6, 3}}, {101, {3, 4, 23, 3}}, {152, {3, 8, 36, 3}}};
constexpr int kWidths[] = {4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256};
constexpr int kStemStrides[] = {1, 2};
constexpr int kExpansion = 4;

const Member* member(int depth) {
  const auto found = std::ranges::find(kMembers, depth, &Member::depth);
  return found == std::end(kMembers) ? nullptr : &*found;
}

void check(const Architecture& architecture) {
  if (!member(architecture.depth)) {
    fail("depth {} of a bottleneck resnet is unknown; expected 11, 14, 26, 38, 50, 101 or 152", architecture.depth);
  }
  if (architecture.width < 1 || architecture.width > 256) {
    fail("width {} is out of range; expected 1 to 256", architecture.width);
  }
  if (std::ranges::find(kStemStrides, architecture.stem_stride) == std::end(kStemStrides)) {
    fail("stem stride {} is out of range; expected 1 (for 32 pixels) or 2 (for 224)", architecture.stem_stride);
  }
}

/// 1x1, 3x3, 1x1 beside a shortcut; the stride is in the 3x3 convolution.
ValueId block(Graph& graph, LayerBuilder& layers, const std::string& name, ValueId x, std::int64_t channels,
              std::int64_t stride) {
  ValueId y = layers.conv_norm_relu(name + ".reduce", x, channels, 1, 1);
  y = layers.conv_norm_relu(name + ".middle", y, channels, 3, stride);
  y = layers.batch_norm(name + ".norm", layers.conv(name + ".expand", y, kExpansion * channels, 1, 1));
  ValueId shortcut = x;
  if (stride != 1 || graph.type(x).shape.back() != kExpansion * channels) {
    shortcut = layers.conv(name + ".shortcut", x, kExpansion * channels, 1, stride);
    shortcut = layers.batch_norm(name + ".shortcut_norm", shortcut);
  }
  return layers.relu(name + ".relu", graph.add_node(name + ".add", Add{}, {y, shortcut}));
}

Graph build_bottleneck(const Architecture& architecture, const Shape& input, std::int64_t classes, std::uint64_t seed) {
  Graph graph;
  LayerBuilder layers(graph, seed);
  ValueId x = graph.add_input("input", {DType::kF32, input, {}});
  x = layers.stem(x, architecture.width, architecture.stem_stride);
  const std::array<int, 4>& blocks = member(architecture.depth)->blocks;
  for (std::size_t stage = 0; stage < blocks.size(); ++stage) {
    for (int i = 0; i < blocks[stage]; ++i) {
      x = block(graph, layers, fmt::format("stage{}.block{}", stage + 1, i + 1), x, std::int64_t{architecture.width} << stage,
                stage > 0 && i == 0 ? 2 : 1);
    }
  }
  x = graph.add_node("pool", Mean{}, {x});
  graph.outputs = {layers.linear("logits", x, classes)};
  return graph;
}

std::vector<Architecture> smaller(const Architecture& teacher) {
  std::vector<int> depths;
  for (const Member& candidate : kMembers) depths.push_back(candidate.depth);
  return members_up_to(teacher, depths, kWidths, kStemStrides);
}

/// Every block of every stage does about the same work: half the side, twice the channels.
double work(const Architecture& architecture) {
  const double side = architecture.stem_stride == 1 ? 32 : 8;
  double blocks = 0;
  for (int n : member(architecture.depth)->blocks) blocks += n;
  return blocks * 17 * architecture.width * architecture.width * side * side;
}

}  // namespace

const ArchitectureFamily kBottleneck{"bottleneck", 64, check, build_bottleneck, smaller, work};

}  // namespace mj
