// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mj/ir/graph.h"

namespace mj {

/// How a trained network is made smaller: how many of its droppable blocks go, and which share of its channels stays.
struct Reduction {
  int dropped = 0;   ///< in `drop_order`
  double width = 1;  ///< above 0, up to 1

  bool operator==(const Reduction&) const = default;
};

/// "drop2/width0.5"; a part that changes nothing is left out.
std::string to_text(const Reduction& reduction);
/// The reverse; throws `Error` naming the part that is wrong.
Reduction parse_reduction(std::string_view text);

/// The float network in the form in which it is reduced: simplified as for the device, with batch-norms folded where possible and
/// absorbed as for training else (see `absorb_batch_norm`). Throws `Error` for quantised networks.
Graph reducible(const Graph& graph);

/// The network without the blocks and channels that a reduction takes away; weights that survive are kept. Of every group of
/// channels that stand or fall together (`ChannelClasses`) those stay whose weights are largest: the sum of the magnitudes of
/// all that makes a channel, each layer's relative to its mean (Li et al., Pruning filters for efficient convnets, ICLR 2017).
/// No activation loses all of its channels. Throws `Error` when the network has fewer droppable blocks.
///
/// `graph` is a `reducible` form.
Graph reduce(const Graph& graph, const Reduction& reduction);

/// Reductions worth considering, the largest first: up to six depths, from nothing dropped to every block, at six widths from
/// 1 to 1/8. Throws `Error` when nothing of the network can be dropped or narrowed.
std::vector<Reduction> reductions_of(const Graph& graph);

}  // namespace mj
