// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "mj/arch/family.h"
#include "mj/arch/layers.h"

namespace mj {
namespace {

constexpr int kDepths[] = {4, 6, 8, 10, 12, 14};  // the stem, two layers per block and the classifier
constexpr int kWidths[] = {8, 12, 16, 24, 32, 40, 48, 64, 96, 128, 172, 276};
constexpr int kStemStrides[] = {1, 2, 4};
// The first kernel spans 10 steps of time and 4 coefficients: spectrograms are {time, coefficients, 1}.
constexpr std::int64_t kStemHeight = 10, kStemWidth = 4;

void check(const Architecture& architecture) { check_listed(architecture, kDepths, 512, kStemStrides); }

Graph build_dscnn(const Architecture& architecture, const Shape& input, std::int64_t classes, std::uint64_t seed) {
  Graph graph;
  LayerBuilder layers(graph, seed);
  ValueId x = graph.add_input("input", {DType::kF32, input, {}});
  x = layers.conv("stem.conv", x, architecture.width, {kStemHeight, kStemWidth}, architecture.stem_stride);
  x = layers.relu("stem.relu", layers.batch_norm("stem.norm", x));
  for (int block = 1; block <= (architecture.depth - 2) / 2; ++block) {
    const std::string name = fmt::format("block{}", block);
    x = layers.depthwise_norm_relu(name + ".depthwise", x, 3, 1);
    x = layers.conv_norm_relu(name + ".pointwise", x, architecture.width, 1, 1);
  }
  x = graph.add_node("pool", Mean{}, {x});
  graph.outputs = {layers.linear("logits", x, classes)};
  return graph;
}

std::vector<Architecture> smaller(const Architecture& teacher) {
  return members_up_to(teacher, kDepths, kWidths, kStemStrides);
}

double work(const Architecture& architecture) {
  const double side = 32.0 / architecture.stem_stride, width = architecture.width;
  return side * side * (kStemHeight * kStemWidth * width + (architecture.depth - 2) / 2 * (9 * width + width * width));
}

}  // namespace

const ArchitectureFamily kDscnn{"dscnn", 64, check, build_dscnn, smaller, work};

}  // namespace mj
