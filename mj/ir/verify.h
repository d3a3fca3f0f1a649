// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mj/ir/graph.h"

namespace mj {

/// Throws `Error` unless the graph is well formed: ids in range, nodes in topological order, every value written once,
/// stated shapes and dtypes equal to the inferred ones (see `infer.h` for the mixes of dtypes that make sense),
/// constants of the right size, at least one input and one output, class names as many as classes.
///
/// Every integer value has a complete quantisation with positive, finite scales: activations per tensor, weights per
/// tensor or along axis 0 with zero points 0, zero points other than 0 for i8 alone, biases with the scale of their
/// accumulators. Operators that move elements keep the quantisation; all inputs of a concat share one.
///
/// Only constants have an encoding: weights of conv2d and linear, dense ones alone where the convolution is depthwise;
/// elements of 4 bits are -8..7, blocks of four divide the rows.
///
/// With a plan, buffers that are alive at the same time are disjoint and inside the arena (see `verify_plan.h`).
void verify(const Graph& graph);

}  // namespace mj
