// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "mj/ir/graph.h"

namespace mj {

/// A graph that verifies and that depends on `seed` alone: any operators, real or quantised, strange names, NaNs in
/// constants, sometimes a plan.
Graph random_graph(std::uint64_t seed);

}  // namespace mj
