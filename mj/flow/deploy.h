// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mj/ir/graph.h"

namespace mj {

/// Whether the network computes in integers already.
bool is_quantized(const Graph& graph);

/// The network as it would be deployed, for costs and memory: an int8 network simplified and planned, a float one lowered
/// with placeholder ranges.
Graph deployed_form(const Graph& graph);

/// An int8 network ready to be emitted; throws `Error` on a float one, which has to be quantised with data first.
Graph ready_to_emit(const Graph& graph);

}  // namespace mj
