// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "mj/arch/family.h"
#include "mj/arch/layers.h"
#include "mj/base/error.h"

namespace mj {
namespace {

/// Layers per block. 121, 169 and 201 are published (Huang et al., table 1); 53 and 185 are cut from them.
struct Member {
  int depth;
  std::array<int, 4> layers;
};
constexpr Member kMembers[] = {{53, {6, 6, 6, 6}},
                               {121, {6, 12, 24, 16}},
                               {169, {6, 12, 32, 32}},
                               {185, {6, 12, 40, 32}},
                               {201, {6, 12, 48, 32}}};
constexpr int kGrowths[] = {4, 8, 12, 16, 24, 32, 48};
constexpr int kStemStrides[] = {1, 2};
constexpr int kBottleneck = 4;  // a 1x1 convolution gives 4 times the growth to the 3x3 one

const Member* member(int depth) {
  const auto found = std::ranges::find(kMembers, depth, &Member::depth);
  return found == std::end(kMembers) ? nullptr : &*found;
}

void check(const Architecture& architecture) {
  if (!member(architecture.depth)) {
    fail("depth {} of a densenet is unknown; expected 53, 121, 169, 185 or 201", architecture.depth);
  }
  if (architecture.width < 1 || architecture.width > 48) {
    fail("growth {} is out of range; expected 1 to 48", architecture.width);
  }
  if (std::ranges::find(kStemStrides, architecture.stem_stride) == std::end(kStemStrides)) {
    fail("stem stride {} is out of range; expected 1 (for 32 pixels) or 2 (for 224)", architecture.stem_stride);
  }
}

Graph build_densenet(const Architecture& architecture, const Shape& input, std::int64_t classes, std::uint64_t seed) {
  Graph graph;
  LayerBuilder layers(graph, seed);
  const std::int64_t growth = architecture.width;
  ValueId x = graph.add_input("input", {DType::kF32, input, {}});
  x = layers.stem(x, 2 * growth, architecture.stem_stride);
  const auto norm_relu = [&](const std::string& name, ValueId value) {
    return layers.relu(name + ".relu", layers.batch_norm(name + ".norm", value));
  };
  const std::array<int, 4>& blocks = member(architecture.depth)->layers;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    for (int i = 0; i < blocks[b]; ++i) {
      const std::string name = fmt::format("block{}.layer{}", b + 1, i + 1);
      ValueId y = layers.conv(name + ".conv1", norm_relu(name + ".1", x), kBottleneck * growth, 1, 1);
      y = layers.conv(name + ".conv2", norm_relu(name + ".2", y), growth, 3, 1);
      x = graph.add_node(name + ".concat", Concat{2}, {x, y});
    }
    if (b + 1 < blocks.size()) {
      const std::string name = fmt::format("transition{}", b + 1);
      x = layers.conv(name + ".conv", norm_relu(name, x), graph.type(x).shape.back() / 2, 1, 1);
      // A map of one pixel has nothing to pool.
      const Shape& shape = graph.type(x).shape;
      if (std::min(shape[0], shape[1]) > 1) {
        x = graph.add_node(name + ".pool", AvgPool{.kernel = {2, 2}, .stride = {2, 2}}, {x});
      }
    }
  }
  x = graph.add_node("pool", Mean{}, {norm_relu("last", x)});
  graph.outputs = {layers.linear("logits", x, classes)};
  return graph;
}

std::vector<Architecture> smaller(const Architecture& teacher) {
  std::vector<int> depths;
  for (const Member& candidate : kMembers) depths.push_back(candidate.depth);
  return members_up_to(teacher, depths, kGrowths, kStemStrides);
}

/// Multiply-accumulates on a 32x32 image, without stem and classifier.
double work(const Architecture& architecture) {
  const double growth = architecture.width;
  double side = architecture.stem_stride == 1 ? 32 : 8, channels = 2 * growth, macs = 0;
  for (int layers : member(architecture.depth)->layers) {
    for (int i = 0; i < layers; ++i, channels += growth) {
      macs += side * side * kBottleneck * growth * (channels + 9 * growth);
    }
    macs += side * side * channels * channels / 2;
    channels /= 2, side /= 2;
  }
  return macs;
}

}  // namespace

const ArchitectureFamily kDensenet{"densenet", 32, check, build_densenet, smaller, work};

}  // namespace mj
