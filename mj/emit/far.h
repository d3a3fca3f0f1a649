// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "mj/base/units.h"
#include "mj/ir/graph.h"

namespace mj {

/// Weights by their offset in one block that lies where pointers of 16 bits do not reach (the MSP430's upper FRAM). Empty
/// where all constants fit the low 64 KB beside the code.
std::map<ValueId, Bytes> far_weights(const Graph& graph, const std::string& target);

/// The block as an assembly file.
std::string print_far_weights(const Graph& graph, const std::map<ValueId, Bytes>& far);

}  // namespace mj
