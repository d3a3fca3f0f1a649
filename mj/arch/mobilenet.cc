// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "mj/arch/family.h"
#include "mj/arch/layers.h"

namespace mj {
namespace {

// A depth counts the stem, two layers per block and the classifier; fewer than 28 leave out of the five equal blocks.
constexpr int kDepths[] = {18, 20, 22, 24, 26, 28};
constexpr int kWidths[] = {4, 6, 8, 12, 16, 24, 32, 48};
constexpr int kStemStrides[] = {1, 2};

struct Block {
  int widths;  ///< its channels over those of the stem
  int stride;
};

/// Howard et al., table 1.
std::vector<Block> blocks(int depth) {
  std::vector<Block> list = {{2, 1}, {4, 2}, {4, 1}, {8, 2}, {8, 1}, {16, 2}};
  list.insert(list.end(), static_cast<std::size_t>((depth - 18) / 2), {16, 1});
  list.insert(list.end(), {{32, 2}, {32, 1}});
  return list;
}

void check(const Architecture& architecture) { check_listed(architecture, kDepths, 64, kStemStrides); }

Graph build_mobilenet(const Architecture& architecture, const Shape& input, std::int64_t classes, std::uint64_t seed) {
  Graph graph;
  LayerBuilder layers(graph, seed);
  ValueId x = graph.add_input("input", {DType::kF32, input, {}});
  x = layers.conv_norm_relu("stem", x, architecture.width, 3, architecture.stem_stride);
  int number = 0;
  for (const Block& block : blocks(architecture.depth)) {
    const std::string name = fmt::format("block{}", ++number);
    x = layers.depthwise_norm_relu(name + ".depthwise", x, 3, block.stride);
    x = layers.conv_norm_relu(name + ".pointwise", x, std::int64_t{architecture.width} * block.widths, 1, 1);
  }
  x = graph.add_node("pool", Mean{}, {x});
  graph.outputs = {layers.linear("logits", x, classes)};
  return graph;
}

std::vector<Architecture> smaller(const Architecture& teacher) {
  return members_up_to(teacher, kDepths, kWidths, kStemStrides);
}

double work(const Architecture& architecture) {
  double side = 32.0 / architecture.stem_stride, before = architecture.width;
  double macs = 27 * before * side * side;
  for (const Block& block : blocks(architecture.depth)) {
    side /= block.stride;
    const double out = static_cast<double>(architecture.width) * block.widths;
    macs += (9 * before + before * out) * side * side;
    before = out;
  }
  return macs;
}

}  // namespace

const ArchitectureFamily kMobilenet{"mobilenet", 32, check, build_mobilenet, smaller, work};

}  // namespace mj
