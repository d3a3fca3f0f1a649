// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mj/ir/graph.h"

namespace mj::onnx {

/// Reshapes in a row become one that starts where the first did, and none where the shape is back to what it was. What
/// they leave unread stays in the graph.
Graph merge_reshapes(Graph graph);

}  // namespace mj::onnx
