// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mj/ir/graph.h"

namespace mj {

/// Bytes of volatile working memory that the kernel of an int8 node needs while it runs, besides its activations: for a
/// convolution one window of one group, widened to int16; for a depthwise one with weights of 4 bits those of a channel; 0 for
/// every other kernel.
Bytes scratch_bytes(const Graph& graph, const Node& node);

/// The largest of these over all nodes: they run one after the other.
Bytes scratch_bytes(const Graph& graph);

/// Bytes of the state struct that the emitted header asserts: the planned arena and the scratch, rounded up to the alignment
/// of int16 when there is any scratch. What reports call RAM is this and the stack.
Bytes state_bytes(const Graph& lowered);

}  // namespace mj
