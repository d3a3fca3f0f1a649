// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mj/ir/graph.h"

namespace mj {

/// The nodes of a network with exits in an order in which all that one exit needs comes before what only later ones need;
/// the order of other networks is kept. Drops the plan when nodes move.
Graph schedule_exits(Graph graph);

}  // namespace mj
