// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "mj/ir/graph.h"

namespace mj {

/// What became of a node on the way to the device.
struct Fate {
  enum class Kind : std::uint8_t {
    kRuns,     ///< a step of its own, perhaps as another operator
    kFused,    ///< part of the step: an activation behind it, a batch-norm or pad in its weights
    kDropped,  ///< nothing to compute: an identity, or a conversion that the caller does
  };
  Kind kind = Kind::kDropped;
  std::int32_t step = -1;  ///< index of the node of the deployed graph; -1 when dropped

  bool operator==(const Fate&) const = default;
};

/// The fate of every node of a graph in its `deployed_form`, told from the names that passes keep.
std::vector<Fate> fates(const Graph& graph, const Graph& deployed);

}  // namespace mj
