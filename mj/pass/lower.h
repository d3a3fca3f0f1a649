// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "mj/ir/graph.h"
#include "mj/pass/pass.h"
#include "mj/pass/quantize.h"

namespace mj {

/// The passes that turn a trained float graph into the float graph the device will run: identities removed, batch-norm
/// folded into the operator before or behind it (or turned into a depthwise 1x1 convolution), pads and activations
/// fused, transposes folded. Integer graphs lose their float borders.
std::vector<Pass> simplify_passes();

/// Runs them until they change nothing; the result is a fixed point: `simplify(simplify(g)) == simplify(g)`, ids
/// included.
Graph simplify(Graph graph, const PassObserver& observe = {});

/// simplify, int8 by `ranges`, encodings of weights (`choose_encodings`), memory plan: what is emitted, evaluated in integers and estimated.
///
/// `ranges` belong to the simplified graph: `g = simplify(g); lower(g, calibrate(g, inputs))`. A graph that is all
/// integer (an int8 TFLite file) keeps its quantisation and needs no ranges. Throws `Error` when the ranges do not fit.
Graph lower(Graph graph, const Ranges& ranges, const PassObserver& observe = {});

/// `lower` with ranges that stand for any: for estimates of networks not trained yet (types, sizes and plan are those
/// of the real thing, numbers are not).
Graph lower_for_estimate(Graph graph);

}  // namespace mj
