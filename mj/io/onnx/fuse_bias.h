// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mj/ir/graph.h"

namespace mj::onnx {

/// A constant per output channel added to a conv2d or linear without bias becomes its bias: what exporters write as
/// MatMul and Add, or Conv and Add.
Graph fuse_bias(Graph graph);

/// What the writer split off an operator goes back into it: clamps behind it, the factor in front of a softmax.
/// `marked` holds the values they compute.
Graph fuse_marked(Graph graph, const std::vector<ValueId>& marked);

}  // namespace mj::onnx
