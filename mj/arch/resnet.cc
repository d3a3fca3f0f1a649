// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "mj/arch/family.h"
#include "mj/arch/layers.h"
#include "mj/base/error.h"

namespace mj {
namespace {

constexpr int kStages = 3;
constexpr int kMaxDepth = 1202;  // the deepest that was published
constexpr int kMaxWidth = 1024;
// Multiples of four, finer where networks are small: what integer kernels and vector units like.
constexpr int kWidths[] = {4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024};

void check(const Architecture& architecture) {
  const int depth = architecture.depth;
  if (depth < 8 || depth > kMaxDepth || depth % 6 != 2) {
    fail("depth {} of a resnet is not 6n + 2; expected 8, 14, 20, ... up to {}", depth, kMaxDepth);
  }
  if (architecture.width < 1 || architecture.width > kMaxWidth) {
    fail("width {} is out of range; expected 1 to {}", architecture.width, kMaxWidth);
  }
  if (architecture.stem_stride != 1 && architecture.stem_stride != 2) {
    fail("stem stride {} is out of range; expected 1 or 2", architecture.stem_stride);
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

Graph build_resnet(const Architecture& architecture, const Shape& input, std::int64_t classes, std::uint64_t seed) {
  Graph graph;
  LayerBuilder layers(graph, seed);
  ValueId x = graph.add_input("input", {DType::kF32, input, {}});
  x = layers.conv("stem.conv", x, architecture.width, 3, architecture.stem_stride);
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
  std::vector<int> widths;
  for (int width : kWidths) {
    if (width < teacher.width) widths.push_back(width);
  }
  widths.push_back(teacher.width);
  std::vector<Architecture> members;
  for (int depth = teacher.depth; depth >= 8; depth -= 6) {
    for (int width : widths) {
      for (int stride = teacher.stem_stride; stride <= 2; ++stride) {
        members.push_back({teacher.family, depth, width, stride});
      }
    }
  }
  return members;
}

/// Every stage does the same work: half the side, twice the channels.
double work(const Architecture& architecture) {
  const double width = architecture.width, stride = architecture.stem_stride;
  return (architecture.depth - 1) * width * width / (stride * stride);
}

}  // namespace

const ArchitectureFamily kResnet{"resnet", check, build_resnet, smaller, work};

}  // namespace mj
