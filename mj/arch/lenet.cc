// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "mj/arch/family.h"
#include "mj/arch/layers.h"

namespace mj {
namespace {

// Two convolutions and up to two hidden layers before the classifier.
constexpr int kDepths[] = {3, 4, 5};
constexpr int kWidths[] = {2, 3, 4, 6, 8, 12, 16};
constexpr int kStemStrides[] = {1, 2};

/// Channels or features of a layer of LeNet-5, whose first has 6, in proportion to the width.
std::int64_t scaled(int published, int width) { return (std::int64_t{published} * width + 3) / 6; }

void check(const Architecture& architecture) { check_listed(architecture, kDepths, 64, kStemStrides); }

Graph build_lenet(const Architecture& architecture, const Shape& input, std::int64_t classes, std::uint64_t seed) {
  Graph graph;
  LayerBuilder layers(graph, seed);
  const auto pool = [&](const char* name, ValueId x) {
    const Shape& shape = graph.type(x).shape;
    return std::min(shape[0], shape[1]) > 1 ? graph.add_node(name, MaxPool{}, {x}) : x;
  };
  ValueId x = graph.add_input("input", {DType::kF32, input, {}});
  x = pool("pool1", layers.conv_norm_relu("layer1", x, architecture.width, 5, architecture.stem_stride));
  x = pool("pool2", layers.conv_norm_relu("layer2", x, scaled(16, architecture.width), 5, 1));
  x = graph.add_node("flatten", Reshape{{graph.type(x).count()}}, {x});
  if (architecture.depth > 3) x = layers.relu("layer3.relu", layers.linear("layer3", x, scaled(120, architecture.width)));
  if (architecture.depth > 4) x = layers.relu("layer4.relu", layers.linear("layer4", x, scaled(84, architecture.width)));
  graph.outputs = {layers.linear("logits", x, classes)};
  return graph;
}

std::vector<Architecture> smaller(const Architecture& teacher) {
  return members_up_to(teacher, kDepths, kWidths, kStemStrides);
}

double work(const Architecture& architecture) {
  const double side = 32.0 / architecture.stem_stride, width = architecture.width;
  const auto second = static_cast<double>(scaled(16, architecture.width));
  const auto third = static_cast<double>(architecture.depth > 3 ? scaled(120, architecture.width) : 10);
  const auto fourth = static_cast<double>(architecture.depth > 4 ? scaled(84, architecture.width) : 0);
  return 75 * width * side * side + 25 * width * second * side * side / 4 + second * side * side / 16 * third + third * fourth;
}

}  // namespace

const ArchitectureFamily kLenet{"lenet", 6, check, build_lenet, smaller, work};

}  // namespace mj
