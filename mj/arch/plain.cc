// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "mj/arch/family.h"
#include "mj/arch/layers.h"
#include "mj/base/error.h"

namespace mj {
namespace {

// Blocks of 3x3 convolutions without shortcuts, each block twice as wide as the one before and followed by a 2x2 pool, then
// four hidden linear layers: the kind of network that batteryless devices are first tried on. Batch-norm stands behind the
// rectifier, as in the networks of Farina et al., Memory-efficient energy-adaptive inference of pre-trained models on
// batteryless embedded systems, EWSN 2024.

constexpr int kBlocks = 3;
constexpr int kHiddenLayers = 4;
constexpr int kMostPerBlock = 8;
constexpr int kMaxWidth = 512;
constexpr int kWidths[] = {4, 6, 8, 12, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128, 192, 256, 384, 512};
constexpr int kStemStrides[] = {1, 2};

int per_block(int depth) { return depth / kBlocks; }

void check(const Architecture& architecture) {
  if (architecture.depth < kBlocks || architecture.depth % kBlocks != 0 || per_block(architecture.depth) > kMostPerBlock) {
    fail("depth {} of a plain network is not a multiple of {}; expected {}, {}, ... up to {}", architecture.depth, kBlocks,
         kBlocks, 2 * kBlocks, kBlocks * kMostPerBlock);
  }
  if (architecture.width < 1 || architecture.width > kMaxWidth) {
    fail("width {} is out of range; expected 1 to {}", architecture.width, kMaxWidth);
  }
  if (std::ranges::find(kStemStrides, architecture.stem_stride) == std::end(kStemStrides)) {
    fail("stem stride {} is out of range; expected 1 or 2", architecture.stem_stride);
  }
}

Graph build_plain(const Architecture& architecture, const Shape& input, std::int64_t classes, std::uint64_t seed) {
  const std::int64_t least = std::int64_t{architecture.stem_stride} << kBlocks;
  if (input[0] < least || input[1] < least) {
    fail("input {} is too small for {} pools; expected at least {} pixels a side", shape_text(input), kBlocks, least);
  }
  Graph graph;
  LayerBuilder layers(graph, seed);
  ValueId x = graph.add_input("input", {DType::kF32, input, {}});
  for (int block = 0; block < kBlocks; ++block) {
    for (int i = 0; i < per_block(architecture.depth); ++i) {
      const std::string name = fmt::format("block{}.conv{}", block + 1, i + 1);
      const std::int64_t stride = block == 0 && i == 0 ? architecture.stem_stride : 1;
      x = layers.conv(name, x, std::int64_t{architecture.width} << block, 3, stride);
      x = layers.batch_norm(name + ".norm", layers.relu(name + ".relu", x));
    }
    x = graph.add_node(fmt::format("block{}.pool", block + 1), MaxPool{}, {x});
  }
  x = graph.add_node("flatten", Reshape{{graph.type(x).count()}}, {x});
  for (int i = 0; i < kHiddenLayers; ++i) {
    const std::string name = fmt::format("hidden{}", i + 1);
    x = layers.relu(name + ".relu", layers.linear(name, x, std::int64_t{architecture.width} * 4));
  }
  graph.outputs = {layers.linear("logits", x, classes)};
  return graph;
}

std::vector<Architecture> smaller(const Architecture& teacher) {
  std::vector<int> depths;
  for (int depth = kBlocks; depth <= teacher.depth; depth += kBlocks) depths.push_back(depth);
  return members_up_to(teacher, depths, kWidths, kStemStrides);
}

/// Multiply-accumulates for a 32x32x3 image.
double work(const Architecture& architecture) {
  double side = 32.0 / architecture.stem_stride, before = 3, macs = 0;
  for (int block = 0; block < kBlocks; ++block, side /= 2) {
    const double channels = static_cast<double>(architecture.width << block);
    for (int i = 0; i < per_block(architecture.depth); ++i, before = channels) macs += 9 * before * channels * side * side;
  }
  const double hidden = 4.0 * architecture.width;
  return macs + side * side * before * hidden + (kHiddenLayers - 1) * hidden * hidden;
}

}  // namespace

const ArchitectureFamily kPlain{"plain", 32, check, build_plain, smaller, work};

}  // namespace mj
