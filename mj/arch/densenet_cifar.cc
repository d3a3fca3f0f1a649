// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "mj/arch/family.h"
#include "mj/arch/layers.h"

namespace mj {
namespace {

constexpr int kBlocks = 3;
constexpr int kStem = 16;  // channels
// A stem, three blocks of n layers, two transitions and the classifier: 3n + 4. 40 and 100 are published.
constexpr int kDepths[] = {10, 16, 22, 28, 34, 40, 70, 100};
constexpr int kGrowths[] = {2, 4, 6, 8, 10, 12, 16, 24};
constexpr int kStemStrides[] = {1, 2};

int layers_per_block(int depth) { return (depth - 4) / kBlocks; }

void check(const Architecture& architecture) { check_listed(architecture, kDepths, 48, kStemStrides); }

Graph build_densenet_cifar(const Architecture& architecture, const Shape& input, std::int64_t classes, std::uint64_t seed) {
  Graph graph;
  LayerBuilder layers(graph, seed);
  const auto norm_relu = [&](const std::string& name, ValueId value) {
    return layers.relu(name + ".relu", layers.batch_norm(name + ".norm", value));
  };
  ValueId x = graph.add_input("input", {DType::kF32, input, {}});
  x = layers.conv("stem.conv", x, kStem, 3, architecture.stem_stride);
  for (int block = 1; block <= kBlocks; ++block) {
    for (int i = 1; i <= layers_per_block(architecture.depth); ++i) {
      const std::string name = fmt::format("block{}.layer{}", block, i);
      const ValueId y = layers.conv(name + ".conv", norm_relu(name, x), architecture.width, 3, 1);
      x = graph.add_node(name + ".concat", Concat{2}, {x, y});
    }
    if (block == kBlocks) break;
    const std::string name = fmt::format("transition{}", block);
    x = layers.conv(name + ".conv", norm_relu(name, x), graph.type(x).shape.back(), 1, 1);
    // A map of one pixel has nothing to pool.
    const Shape& shape = graph.type(x).shape;
    if (std::min(shape[0], shape[1]) > 1) x = graph.add_node(name + ".pool", AvgPool{.kernel = {2, 2}, .stride = {2, 2}}, {x});
  }
  x = graph.add_node("pool", Mean{}, {norm_relu("last", x)});
  graph.outputs = {layers.linear("logits", x, classes)};
  return graph;
}

std::vector<Architecture> smaller(const Architecture& teacher) {
  return members_up_to(teacher, kDepths, kGrowths, kStemStrides);
}

double work(const Architecture& architecture) {
  double side = 32.0 / architecture.stem_stride, channels = kStem, macs = 27 * channels * side * side;
  for (int block = 1; block <= kBlocks; ++block, side /= 2) {
    for (int i = 0; i < layers_per_block(architecture.depth); ++i, channels += architecture.width) {
      macs += 9 * channels * architecture.width * side * side;
    }
    if (block < kBlocks) macs += channels * channels * side * side;
  }
  return macs;
}

}  // namespace

const ArchitectureFamily kDensenetCifar{"densenetcifar", 12, check, build_densenet_cifar, smaller, work};

}  // namespace mj
