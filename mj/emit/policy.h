// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mj/ir/graph.h"

namespace mj {

/// The numbers of an `mj_policy_plan` (runtime/mj_policy.h, which says what they mean) that the emitted code gets as constants.
struct PolicyTables {
  int kind = 0;  ///< mj_policy_kind
  int chosen = 0;
  std::int32_t period_ms = 0;
  std::int32_t capacity_uj = 0;
  std::int32_t reserve_uj = 0;
  std::int32_t horizon = 1;
  std::vector<std::int32_t> cost_uj;         ///< {exits and the end}
  std::vector<std::int32_t> level_cost_uj;   ///< {levels}
  std::vector<std::uint16_t> bucket_edges;   ///< {exits and the end, buckets - 1}
  std::vector<std::uint16_t> go_on;          ///< {levels, exits and the end}

  bool operator==(const PolicyTables&) const = default;
};

/// Deciding by confidence alone, with the thresholds that travel with a network with exits; where it has none, always to
/// the end. No energies are needed, and none are in it.
PolicyTables threshold_policy(const Graph& graph);

/// The tables as C: arrays, and an `mj_policy_plan` declared by `declaration` (e.g. "const mj_policy_plan rf_policy").
std::string policy_definition(const PolicyTables& policy, std::string_view declaration);

/// The same as a header of its own, for `#include`: the plan is static and called `name`. Throws `Error` when that is no C
/// identifier.
std::string policy_header(const PolicyTables& policy, const std::string& name, std::string_view comment);

}  // namespace mj
