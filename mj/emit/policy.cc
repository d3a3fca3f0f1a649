// SPDX-License-Identifier: Apache-2.0
#include "mj/emit/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "mj/base/error.h"
#include "mj/emit/c_text.h"
#include "mj/ir/exits.h"
#include "runtime/mj_policy.h"

namespace mj {
namespace {

constexpr std::size_t kEdges = MJ_POLICY_BUCKETS - 1;

template <class T>
std::string constants(const char* type, const char* name, const std::vector<T>& numbers) {
  constexpr std::size_t kPerLine = 15;
  std::string text = fmt::format("static const {} {}[{}] = {{", type, name, numbers.size());
  for (std::size_t i = 0; i < numbers.size(); ++i) text += fmt::format("{}{},", i % kPerLine == 0 ? "\n    " : " ", numbers[i]);
  return text + "\n};\n";
}

const char* kind_name(int kind) {
  switch (kind) {
    case MJ_POLICY_FULL: return "MJ_POLICY_FULL";
    case MJ_POLICY_FIXED: return "MJ_POLICY_FIXED";
    case MJ_POLICY_CONFIDENCE: return "MJ_POLICY_CONFIDENCE";
    case MJ_POLICY_ENERGY: return "MJ_POLICY_ENERGY";
    case MJ_POLICY_CONFIDENCE_ENERGY: return "MJ_POLICY_CONFIDENCE_ENERGY";
    case MJ_POLICY_STARVATION: return "MJ_POLICY_STARVATION";
    default: break;
  }
  throw InternalError(fmt::format("no policy of kind {}", kind));
}

}  // namespace

PolicyTables threshold_policy(const Graph& graph) {
  const std::vector<double> thresholds = exit_thresholds(graph);
  const std::size_t answers = graph.outputs.size();
  PolicyTables policy{.kind = MJ_POLICY_FULL, .cost_uj = std::vector<std::int32_t>(answers, 0)};
  if (thresholds.empty()) return policy;
  // Below the threshold is the first bucket, the only one in which to go on.
  policy.kind = MJ_POLICY_CONFIDENCE;
  policy.level_cost_uj = {0};
  policy.go_on.assign(answers, 1);
  for (std::size_t k = 0; k < answers; ++k) {
    const double threshold = k < thresholds.size() ? thresholds[k] : 0;
    // A threshold of 1 means never; a confidence of int8 scores may round to 1.
    const std::uint16_t edge = threshold >= 1 ? 0xffff : static_cast<std::uint16_t>(std::lround(threshold * 32768));
    policy.bucket_edges.insert(policy.bucket_edges.end(), kEdges, edge);
  }
  return policy;
}

std::string policy_definition(const PolicyTables& policy, std::string_view declaration) {
  const std::size_t answers = policy.cost_uj.size(), levels = policy.level_cost_uj.size();
  if (answers == 0 || answers > 255 || levels > 255 || policy.go_on.size() != levels * answers ||
      (levels > 0 && policy.bucket_edges.size() != answers * kEdges)) {
    throw InternalError("the tables of the policy do not fit its exits");
  }
  std::string text = constants("int32_t", "policy_cost_uj", policy.cost_uj);
  if (levels > 0) {
    text += constants("int32_t", "policy_level_cost_uj", policy.level_cost_uj);
    text += constants("uint16_t", "policy_bucket_edges", policy.bucket_edges);
    text += constants("uint16_t", "policy_go_on", policy.go_on);
  }
  const char* tables = levels > 0 ? "policy_level_cost_uj,\n    policy_bucket_edges,\n    policy_go_on" : "0,\n    0,\n    0";
  return text + fmt::format("\n{} = {{\n    {},\n    {},\n    {},\n    {},\n    {},\n    {},\n    {},\n    {},\n    policy_cost_uj,\n    {},\n}};\n\n",
                            declaration, kind_name(policy.kind), answers, levels, policy.chosen, policy.period_ms,
                            policy.capacity_uj, policy.reserve_uj, policy.horizon, tables);
}

std::string policy_header(const PolicyTables& policy, const std::string& name, std::string_view comment) {
  if (!is_identifier(name)) fail("'{}' cannot name a policy; expected letters, digits and underscores that are no keyword", name);
  return fmt::format("/* SPDX-License-Identifier: MIT-0 */\n/* {} */\n#include \"mj_policy.h\"\n\n{}", comment_text(comment),
                     policy_definition(policy, "static const mj_policy_plan " + name));
}

}  // namespace mj
