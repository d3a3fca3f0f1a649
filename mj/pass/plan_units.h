// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "mj/base/units.h"
#include "mj/ir/cost.h"
#include "mj/ir/graph.h"
#include "mj/ir/tiles.h"
#include "mj/platform/platform.h"

namespace mj {

/// The progress word holds a unit's number in 15 bits; the largest stands for "no input yet".
inline constexpr std::int64_t kMaxUnits = 32766;

struct UnitOptions {
  Joules charge;         ///< what one worst-case charge of the capacitor gives
  Bytes word_bytes = 1;  ///< what the non-volatile memory writes at once
};

/// Cuts the work of one inference into units and places all activations in a non-volatile arena, so that a power cut at
/// any instruction loses at most one unit's work and never the answer. Fills `Graph::plan` with units.
///
/// A unit takes about sqrt(2 * e_commit * charge) joules, which balances what commits cost against what a cut throws
/// away (half a unit per charge); rows are cut first, then channels, then the terms of dot products, whose sums then go
/// back and forth between two places. The result has passed `prove_units`. Throws `Error`, naming the unit and the rule,
/// when a charge is too small or there would be more than `kMaxUnits` units.
Graph plan_units(Graph graph, const Platform& platform, const UnitOptions& options);

/// Proves for every unit of a verified plan, byte by byte:
///
/// C1  what it writes is disjoint from what it reads;
/// C2  it overwrites nothing that is needed later, nor a word that another unit writes;
/// C3  all it reads has been written by units before it (volatile memory holds nothing for it);
/// C4  the units of a node write every byte of its output exactly once, those of a delivery every byte of a result;
/// C5  with restart and commit it fits one charge.
///
/// An inference may end behind any decision at an exit: nothing that is left out then comes before anything that is done, so
/// what holds for the whole order holds for each beginning of it.
///
/// Throws `Error` naming the first unit that breaks a rule, the rule, and the two buffers.
void prove_units(const Graph& graph);

/// Least bytes that any plan of these tilings can have: the largest sum, over time, of the bytes alive under C1..C4.
Bytes unit_arena_lower_bound(const Graph& graph);

/// Energy and cycles of one tile on a platform, without commit.
double tile_cycles(const Graph& graph, std::int32_t node, std::int32_t part, const Tile& tile, const Platform& platform);

}  // namespace mj
