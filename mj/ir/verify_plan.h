// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mj/ir/graph.h"

namespace mj {

/// Throws `Error` unless every activation has one buffer that is large enough, lies in the arena and is alive from the
/// node that writes it to the last that reads it, and buffers alive at the same time are disjoint. A reshape's output
/// holds the bytes of its input: the two may lie at the same offset. Where there are units, they must number every kernel
/// call's tiles without gaps.
///
/// The rest of the graph must have been verified.
void verify_plan(const Graph& graph, const Plan& plan);

}  // namespace mj
