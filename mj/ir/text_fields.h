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
  } else {
    T::fields(self, visit);
  }
}

}  // namespace mj
