// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "mj/base/error.h"

namespace mj {

/// What is made of the teacher's logits in a distillation.
enum class Objective {
  kPlain,         ///< T^2 KL of the softened distributions (Hinton et al., 2015)
  kStandardised,  ///< the same of standardised logits, times 10 (Sun et al., CVPR 2024: T 2, weights .1 and 9)
  kDecoupled,     ///< label against the rest and among the rest, apart (Zhao et al., CVPR 2022; alpha .5 is their balance)
};

/// "kd", "kd+ls" or "dkd".
inline std::string to_text(Objective objective) {
  constexpr const char* kNames[] = {"kd", "kd+ls", "dkd"};
  return kNames[static_cast<int>(objective)];
}

/// The reverse; throws `Error` listing the names. Inline, as specs are read by builds without training, too.
inline Objective parse_objective(std::string_view text) {
  for (Objective objective : {Objective::kPlain, Objective::kStandardised, Objective::kDecoupled}) {
    if (to_text(objective) == text) return objective;
  }
  fail("unknown objective '{}'; expected kd, kd+ls or dkd", text);
}

}  // namespace mj
