// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "mj/arch/family.h"
#include "mj/arch/layers.h"
#include "mj/base/error.h"

namespace mj {
namespace {

constexpr int kStages = 3;
constexpr int kMaxDepth = 1202;  // the deepest that was published
constexpr int kMaxWidth = 1024;
// Even, and finer where networks are small: there a step of four is a jump in energy.
constexpr int kWidths[] = {4,  6,  8,  10, 12, 14,  16,  20,  24,  28,  32,  40,
                           48, 56, 64, 80, 96, 128, 192, 256, 384, 512, 768, 1024};
constexpr int kStemStrides[] = {1, 2, 4};

void check(const Architecture& architecture) {
  const int depth = architecture.depth;
  if (depth < 8 || depth > kMaxDepth || depth % 6 != 2) {
    fail("depth {} of a resnet is not 6n + 2; expected 8, 14, 20, ... up to {}", depth, kMaxDepth);
  }
  if (architecture.width < 1 || architecture.width > kMaxWidth) {
    fail("width {} is out of range; expected 1 to {}", architecture.width, kMaxWidth);
  }
  if (std::ranges::find(kStemStrides, architecture.stem_stride) == std::end(kStemStrides)) {
    fail("stem stride {} is out of range; expected 1, 2 or 4", architecture.stem_stride);
  }
}

int blocks_per_stage(int depth) { return (depth - 2) / (2 * kStages); }

/// Two 3x3 convolutions beside a shortcut; the shortcut is a 1x1 convolution where the shape changes (option B).
ValueId residual_block(Graph& graph, LayerBuilder& layers, const std::string& name, ValueId x, std::int64_t channels,
                       std::int64_t stride) {
  ValueId y = layers.conv(name + ".conv1", x, channels, 3, stride);
  y = layers.batch_norm(name + ".norm1", y);
  y = layers.relu(name + ".relu1", y);
  y = layers.conv(name + ".conv2", y, channels, 3, 1);
  y = layers.batch_norm(name + ".norm2", y);
  ValueId shortcut = x;
  if (stride != 1 || graph.type(x).shape.back() != channels) {
    shortcut = layers.conv(name + ".shortcut", x, channels, 1, stride);
    shortcut = layers.batch_norm(name + ".shortcut_norm", shortcut);
  }
  y = graph.add_node(name + ".add", Add{}, {y, shortcut});
  return layers.relu(name + ".relu2", y);
}

/// A stride of four needs a larger kernel, or it would skip pixels.
int stem_kernel(const Architecture& architecture) { return architecture.stem_stride > 2 ? 7 : 3; }

Graph build_resnet(const Architecture& architecture, const Shape& input, std::int64_t classes, std::uint64_t seed) {
  Graph graph;
  LayerBuilder layers(graph, seed);
  ValueId x = graph.add_input("input", {DType::kF32, input, {}});
  x = layers.conv("stem.conv", x, architecture.width, stem_kernel(architecture), architecture.stem_stride);
  x = layers.batch_norm("stem.norm", x);
  x = layers.relu("stem.relu", x);
  for (int stage = 0; stage < kStages; ++stage) {
    const std::int64_t channels = std::int64_t{architecture.width} << stage;
    for (int block = 0; block < blocks_per_stage(architecture.depth); ++block) {
      const std::int64_t stride = stage > 0 && block == 0 ? 2 : 1;
      x = residual_block(graph, layers, fmt::format("stage{}.block{}", stage + 1, block + 1), x, channels, stride);
    }
  }
  x = graph.add_node("pool", Mean{}, {x});
  x = layers.linear("logits", x, classes);
  graph.outputs = {x};
  return graph;
}

std::vector<Architecture> smaller(const Architecture& teacher) {
  std::vector<int> depths;
  for (int depth = 8; depth <= teacher.depth; depth += 6) depths.push_back(depth);
  return members_up_to(teacher, depths, kWidths, kStemStrides);
}

/// Multiply-accumulates for a 32x32x3 image and 10 classes: the order of a family hardly depends on the data.
double work(const Architecture& architecture) {
  const double kernel = stem_kernel(architecture);
  double side = std::ceil(32.0 / architecture.stem_stride);
  double channels = architecture.width;
  double macs = kernel * kernel * 3 * channels * side * side;
  double before = channels;
  for (int stage = 0; stage < kStages; ++stage, channels *= 2) {
    if (stage > 0) side = std::ceil(side / 2);
    const double convolutions = 2 * blocks_per_stage(architecture.depth) - 1;
    const double projection = stage > 0 ? before * channels : 0;
    macs += (9 * before * channels + 9 * convolutions * channels * channels + projection) * side * side;
    before = channels;
  }
  return macs + 10 * before;
}

}  // namespace

const ArchitectureFamily kResnet{"resnet", 16, check, build_resnet, smaller, work};

}  // namespace mj
