// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "mj/arch/family.h"
#include "mj/arch/layers.h"

namespace mj {
namespace {

// Layers when no bottleneck is repeated more than once, twice, three times and, as published, four times.
constexpr int kDepths[] = {23, 38, 50, 53};
constexpr int kWidths[] = {4, 8, 12, 16, 24, 32, 48};
constexpr int kStemStrides[] = {1, 2};

/// Bottlenecks in a row: expansion, channels at width 32, how many, stride of the first (Sandler et al., table 2).
struct Stage {
  int expansion, channels, count, stride;
};
constexpr Stage kStages[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                             {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
constexpr int kHead = 1280;

int repeats(const Stage& stage, int depth) {
  const auto most = std::ranges::find(kDepths, depth) - std::begin(kDepths) + 1;
  return std::min(stage.count, static_cast<int>(most));
}

/// In proportion to the width, to the nearest multiple of 8 but never less than nine tenths of it, as the authors do; below
/// width 32 of 4, where a step of 8 would be half a layer.
std::int64_t scaled(int channels, int width) {
  const double exact = channels * width / 32.0;
  const std::int64_t step = width < 32 ? 4 : 8;
  const std::int64_t rounded = std::max(step, static_cast<std::int64_t>(exact + static_cast<double>(step) / 2) / step * step);
  return static_cast<double>(rounded) < 0.9 * exact ? rounded + step : rounded;
}

void check(const Architecture& architecture) { check_listed(architecture, kDepths, 64, kStemStrides); }

Graph build_mobilenet_v2(const Architecture& architecture, const Shape& input, std::int64_t classes, std::uint64_t seed) {
  Graph graph;
  LayerBuilder layers(graph, seed);
  const auto norm_relu6 = [&](const std::string& name, ValueId x) {
    return graph.add_node(name + ".relu6", Clamp{{0, 6}}, {layers.batch_norm(name + ".norm", x)});
  };
  ValueId x = graph.add_input("input", {DType::kF32, input, {}});
  x = norm_relu6("stem", layers.conv("stem.conv", x, architecture.width, 3, architecture.stem_stride));
  int number = 0;
  for (const Stage& stage : kStages) {
    for (int i = 0; i < repeats(stage, architecture.depth); ++i) {
      const std::string name = fmt::format("block{}", ++number);
      const std::int64_t inputs = graph.type(x).shape.back(), outputs = scaled(stage.channels, architecture.width);
      const std::int64_t stride = i == 0 ? stage.stride : 1;
      ValueId y = x;
      if (stage.expansion > 1) {
        y = norm_relu6(name + ".expand", layers.conv(name + ".expand.conv", y, stage.expansion * inputs, 1, 1));
      }
      y = norm_relu6(name + ".depthwise", layers.depthwise(name + ".depthwise.conv", y, 3, stride));
      y = layers.batch_norm(name + ".project.norm", layers.conv(name + ".project.conv", y, outputs, 1, 1));
      x = stride == 1 && inputs == outputs ? graph.add_node(name + ".add", Add{}, {y, x}) : y;
    }
  }
  x = norm_relu6("head", layers.conv("head.conv", x, scaled(kHead, architecture.width), 1, 1));
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
  for (const Stage& stage : kStages) {
    const auto out = static_cast<double>(scaled(stage.channels, architecture.width));
    for (int i = 0; i < repeats(stage, architecture.depth); ++i, before = out) {
      const double inside = stage.expansion * before, larger = side;
      if (i == 0) side /= stage.stride;
      macs += (stage.expansion > 1 ? before * inside * larger * larger : 0) + (9 * inside + inside * out) * side * side;
    }
  }
  return macs + before * static_cast<double>(scaled(kHead, architecture.width)) * side * side;
}

}  // namespace

const ArchitectureFamily kMobilenetV2{"mobilenetv2", 32, check, build_mobilenet_v2, smaller, work};

}  // namespace mj
