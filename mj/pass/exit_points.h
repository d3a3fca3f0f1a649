// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "mj/ir/graph.h"

namespace mj {

/// A place where inference may stop: an activation that everything behind it is computed from.
struct ExitPoint {
  ValueId value = -1;
  std::string name;   ///< of the node that computes it
  double share = 0;   ///< of the work of the whole network that is done by then; 0..1
};

/// The work a network takes: energy on a platform, or multiply-accumulates.
using WorkOf = std::function<double(const Graph&)>;

/// The part of the network that computes `value` and nothing else.
Graph network_until(const Graph& graph, ValueId value);

/// Block boundaries, in order: images (of more than one pixel) that are alone alive when they are made, so that every
/// path leads through them, and that a convolution or a linear layer reads next, so that what belongs to a block
/// (batch-norm, activation, addition, pooling) is behind them.
std::vector<ExitPoint> block_boundaries(const Graph& graph, const WorkOf& work);

/// At most `most` of the boundaries between 5 % and 95 % of the work (before, nothing is known; behind, nothing is left
/// to save), as evenly spaced in work as they allow: the sum of squared gaps is the least. Throws `Error` when there is
/// none.
std::vector<ExitPoint> spaced_exits(std::span<const ExitPoint> boundaries, int most);

/// Those named, in the network's order; a name is that of the node or of the value it computes. Throws `Error` listing
/// the boundaries when one is not among them.
std::vector<ExitPoint> named_exits(const Graph& graph, std::span<const ExitPoint> boundaries,
                                   std::span<const std::string> names);

}  // namespace mj
