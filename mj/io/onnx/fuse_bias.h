// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mj/ir/graph.h"

namespace mj::onnx {

/// A constant per output channel added to a conv2d or linear without bias becomes its bias: what exporters write as
/// MatMul and Add, or Conv and Add.
Graph fuse_bias(Graph graph);

/// A clamp that the writer split off an operator (its name is in `fused`) goes back into it.
Graph fuse_marked_clamps(Graph graph, const std::vector<ValueId>& fused);

}  // namespace mj::onnx
