// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <type_traits>

#include "mj/ir/graph.h"

namespace mj {

/// Calls `visit(name, member)` for every attribute of an operator or of a part of the graph: the one list that the text
/// form is printed and parsed by.
template <class Self, class Visit>
void visit_fields(Self& self, Visit&& visit) {
  using T = std::remove_const_t<Self>;
  if constexpr (std::is_same_v<T, Quantization>) {
    visit("scale", self.scale), visit("zero_point", self.zero_point), visit("axis", self.axis);
  } else if constexpr (std::is_same_v<T, Preprocess>) {
    visit("scale", self.scale), visit("mean", self.mean), visit("std", self.std);
  } else if constexpr (std::is_same_v<T, Plan>) {
    visit("arena_bytes", self.arena_bytes);
  } else if constexpr (std::is_same_v<T, Buffer>) {
    visit("offset", self.offset), visit("size", self.size), visit("first", self.first), visit("last", self.last);
  } else if constexpr (std::is_same_v<T, UnitPlan>) {
    visit("charge_pj", self.charge_pj), visit("restart_pj", self.restart_pj), visit("commit_pj", self.commit_pj);
    visit("word_bytes", self.word_bytes);
  } else if constexpr (std::is_same_v<T, Tiling>) {
    visit("node", self.node), visit("part", self.part), visit("first", self.first), visit("count", self.count);
    visit("rows", self.rows), visit("columns", self.columns),
    visit("channels", self.channels), visit("depth", self.depth);
    visit("energy_pj", self.energy_pj), visit("partial", self.partial);
  } else {
    T::fields(self, visit);
  }
}

}  // namespace mj
