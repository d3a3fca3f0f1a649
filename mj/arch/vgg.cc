// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "mj/arch/family.h"
#include "mj/arch/layers.h"

namespace mj {
namespace {

constexpr int kStages = 5;

/// Convolutions per stage: 11, 13, 16 and 19 are columns A, B, D and E of table 1, 8 is the student of Tian et al.
/// (Contrastive representation distillation, ICLR 2020).
struct Member {
  int depth;
  std::array<int, kStages> convolutions;
};
constexpr Member kMembers[] = {
    {8, {1, 1, 1, 1, 1}}, {11, {1, 1, 2, 2, 2}}, {13, {2, 2, 2, 2, 2}}, {16, {2, 2, 3, 3, 3}}, {19, {2, 2, 4, 4, 4}}};
constexpr int kDepths[] = {8, 11, 13, 16, 19};
constexpr int kWidths[] = {4, 6, 8, 12, 16, 20, 24, 32, 40, 48, 64, 96, 128};
constexpr int kStemStrides[] = {1, 2};

const std::array<int, kStages>& convolutions(int depth) {
  return std::ranges::find(kMembers, depth, &Member::depth)->convolutions;
}

/// The width doubles with every stage but the last.
std::int64_t channels(int width, int stage) { return std::int64_t{width} << std::min(stage, 3); }

void check(const Architecture& architecture) { check_listed(architecture, kDepths, 256, kStemStrides); }

Graph build_vgg(const Architecture& architecture, const Shape& input, std::int64_t classes, std::uint64_t seed) {
  Graph graph;
  LayerBuilder layers(graph, seed);
  ValueId x = graph.add_input("input", {DType::kF32, input, {}});
  std::int64_t stride = architecture.stem_stride;
  for (int stage = 0; stage < kStages; ++stage) {
    for (int i = 0; i < convolutions(architecture.depth)[static_cast<std::size_t>(stage)]; ++i) {
      x = layers.conv_norm_relu(fmt::format("stage{}.layer{}", stage + 1, i + 1), x, channels(architecture.width, stage), 3, stride);
      stride = 1;
    }
    // A map of one pixel has nothing to pool.
    const Shape& shape = graph.type(x).shape;
    if (std::min(shape[0], shape[1]) > 1) x = graph.add_node(fmt::format("stage{}.pool", stage + 1), MaxPool{}, {x});
  }
  x = graph.add_node("pool", Mean{}, {x});
  graph.outputs = {layers.linear("logits", x, classes)};
  return graph;
}

std::vector<Architecture> smaller(const Architecture& teacher) {
  return members_up_to(teacher, kDepths, kWidths, kStemStrides);
}

double work(const Architecture& architecture) {
  double side = 32.0 / architecture.stem_stride, before = 3, macs = 0;
  for (int stage = 0; stage < kStages; ++stage, side /= 2) {
    const auto out = static_cast<double>(channels(architecture.width, stage));
    for (int i = 0; i < convolutions(architecture.depth)[static_cast<std::size_t>(stage)]; ++i, before = out) {
      macs += 9 * before * out * side * side;
    }
  }
  return macs;
}

}  // namespace

const ArchitectureFamily kVgg{"vgg", 64, check, build_vgg, smaller, work};

}  // namespace mj
