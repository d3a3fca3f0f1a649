// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "mj/ir/graph.h"
#include "mj/pass/pass.h"
#include "mj/pass/quantize.h"

namespace mj {

/// The passes that turn a trained float graph into the float graph the device will run: identities removed, batch-norm
/// folded into the operator before it (or turned into multiply and add where it follows an activation), activations
/// fused, transposes folded.
std::vector<Pass> simplify_passes();
Graph simplify(Graph graph);

/// simplify, int8 by `ranges`, memory plan: what is emitted, evaluated in integers and estimated.
Graph lower(Graph graph, const Ranges& ranges, const PassObserver& observe = {});

/// `lower` with ranges that stand for any: for estimates of networks not trained yet (types, sizes and plan are those of
/// the real thing, numbers are not).
Graph lower_for_estimate(Graph graph);

}  // namespace mj
