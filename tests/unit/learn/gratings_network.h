// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mj/arch/architecture.h"

namespace mj {

/// Of the gratings that the tests train on.
constexpr std::int64_t kClasses = 4, kSide = 12;

/// A residual network for them.
inline Graph gratings_network(int width, std::uint64_t seed = 1) {
  Graph graph = build({"resnet", 8, width, 2}, {kSide, kSide, 1}, kClasses, seed);
  graph.preprocess = {1 / 255.0f, {0.5f}, {0.25f}};
  return graph;
}

}  // namespace mj
