// SPDX-License-Identifier: Apache-2.0
#include "mj/harvest/exit_policy.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "mj/base/error.h"
#include "mj/base/text.h"
#include "mj/base/units.h"

namespace mj {
namespace {

constexpr std::size_t kMostLevels = 16;
constexpr double kQuarterDay = 6 * 3600;

std::int32_t microjoules(double joules) {
  return static_cast<std::int32_t>(std::clamp(std::floor(joules * 1e6), -2147483647.0, 2147483647.0));
}

std::int32_t milliseconds(double seconds) { return static_cast<std::int32_t>(std::min(std::floor(seconds * 1e3), 2147483647.0)); }

PolicyTables tables_of(mj_policy_kind kind, std::size_t chosen, const PolicySetting& setting, const std::vector<ExitLevel>& levels,
                       std::vector<std::uint16_t> edges) {
  PolicyTables tables{.kind = kind, .chosen = static_cast<int>(chosen)};
  for (double cost : setting.cost_j) tables.cost_uj.push_back(std::max(1, microjoules(cost)));
  for (const ExitLevel& level : levels) {
    tables.level_cost_uj.push_back(std::max(1, microjoules(level.cost_j)));
    tables.go_on.insert(tables.go_on.end(), level.go_on.begin(), level.go_on.end());
  }
  tables.period_ms = setting.period_s > 0 ? std::max(1, milliseconds(setting.period_s)) : 0;
  tables.capacity_uj = microjoules(setting.capacity_j);
  tables.reserve_uj = microjoules(setting.reserve_j >= 0 ? setting.reserve_j : setting.capacity_j / 10);
  const double horizon_s = setting.horizon_s > 0 ? setting.horizon_s : kQuarterDay;
  tables.horizon = setting.period_s > 0 ? static_cast<std::int32_t>(std::clamp(horizon_s / setting.period_s, 1.0, 1e9)) : 1;
  tables.bucket_edges = std::move(edges);
  return tables;
}

/// The C of the device with its tables.
class DevicePolicy final : public ExitPolicy {
 public:
  DevicePolicy(std::string name, PolicyTables tables, const Outcomes* images)
      : name_(std::move(name)), images_(images), tables_(std::move(tables)) {
    plan_.kind = static_cast<std::uint8_t>(tables_.kind);
    plan_.exits = static_cast<std::uint8_t>(tables_.cost_uj.size());
    plan_.levels = static_cast<std::uint8_t>(tables_.level_cost_uj.size());
    plan_.chosen = static_cast<std::uint8_t>(tables_.chosen);
    plan_.period_ms = tables_.period_ms;
    plan_.capacity_uj = tables_.capacity_uj;
    plan_.reserve_uj = tables_.reserve_uj;
    plan_.horizon = tables_.horizon;
    plan_.cost_uj = tables_.cost_uj.data();
    plan_.level_cost_uj = tables_.level_cost_uj.data();
    plan_.bucket_edges = tables_.bucket_edges.data();
    plan_.go_on = tables_.go_on.data();
  }

  std::string name() const override { return name_; }
  void begin(double now_s, double late_s, double stored_j) override {
    const auto now_ms = static_cast<std::uint32_t>(static_cast<std::uint64_t>(now_s * 1e3));
    mj_policy_begin(&plan_, &state_, now_ms, milliseconds(late_s), microjoules(stored_j));
  }
  bool go_on(std::size_t exit, std::int64_t image, double stored_j) override {
    const std::uint16_t confidence = images_ ? images_->confidence[images_->at(image, exit)] : 0;
    return mj_policy_go_on(&plan_, &state_, static_cast<unsigned>(exit), confidence, microjoules(stored_j)) != 0;
  }
  void end(std::size_t exit) override { mj_policy_end(&plan_, &state_, static_cast<unsigned>(exit)); }

 private:
  std::string name_;
  const Outcomes* images_;
  PolicyTables tables_;
  mj_policy_plan plan_{};
  mj_policy_state state_{};
};

/// Knows of every image at which exit it is right first, and stops there; at the first exit when it never is. It spends the
/// least on each answer, but does not know what the trace brings.
class Clairvoyant final : public ExitPolicy {
 public:
  explicit Clairvoyant(const Outcomes& images) : images_(images) {}
  std::string name() const override { return "clairvoyant"; }
  void begin(double, double, double) override {}
  bool go_on(std::size_t exit, std::int64_t image, double) override {
    if (images_.correct[images_.at(image, exit)] != 0) return false;
    for (std::size_t later = exit + 1; later < images_.exits.size(); ++later) {
      if (images_.correct[images_.at(image, later)] != 0) return true;
    }
    return false;
  }
  void end(std::size_t) override {}

 private:
  const Outcomes& images_;
};

/// One level that goes on below a confidence, at every exit.
ExitLevel threshold_level(const PolicySetting& setting, double confidence, std::vector<std::uint16_t>& edges) {
  const std::size_t exits = setting.cost_j.size();
  edges.assign(exits * (MJ_POLICY_BUCKETS - 1), share_of_32768(confidence));
  return {.cost_j = setting.cost_j.back(), .accuracy = 0, .go_on = std::vector<std::uint16_t>(exits, 1)};
}

}  // namespace

std::vector<std::string> policy_names(const PolicySetting& setting) {
  std::vector<std::string> names = {"full"};
  for (std::size_t k = 0; k + 1 < setting.exits.size(); ++k) names.push_back("exit:" + setting.exits[k]);
  if (setting.exits.size() > 1) names.push_back("energy");
  if (setting.exits.size() > 1 && setting.images) {
    for (const char* name : {"confidence", "confidence-energy", "starvation", "clairvoyant"}) names.push_back(name);
  }
  return names;
}

PolicyTables policy_tables(std::string_view name, const PolicySetting& setting) {
  const auto without_levels = [&](mj_policy_kind kind, std::size_t chosen = 0) { return tables_of(kind, chosen, setting, {}, {}); };
  if (name == "full") return without_levels(MJ_POLICY_FULL);
  if (name == "energy") return without_levels(MJ_POLICY_ENERGY);
  if (name.starts_with("exit:")) {
    const std::string_view exit = name.substr(5);
    for (std::size_t k = 0; k < setting.exits.size(); ++k) {
      if (setting.exits[k] == exit) return without_levels(MJ_POLICY_FIXED, k);
    }
    fail("policy '{}': there is no exit '{}'; the network has {}", name, exit, fmt::join(setting.exits, ", "));
  }
  const bool threshold = name.starts_with("confidence:");
  const bool budget = name.starts_with("budget:");
  const bool by_confidence = threshold || budget || name == "confidence" || name == "confidence-energy" || name == "starvation" || name == "clairvoyant";
  if (!by_confidence) {
    const std::vector<std::string> known = {"full", "energy", "confidence", "confidence-energy", "starvation", "clairvoyant"};
    const auto meant = nearest(name, known);
    fail("unknown policy '{}'{}; known: {}, exit:NAME, confidence:SHARE, budget:ENERGY", name, meant ? fmt::format(" (did you mean {}?)", *meant) : "",
         fmt::join(known, ", "));
  }
  if (!setting.images) fail("policy '{}' looks at confidences; give --data and --model, or --outcomes", name);
  if (name == "clairvoyant") fail("policy 'clairvoyant' knows the answers, which no device does; expected another");
  std::vector<std::uint16_t> edges;
  if (threshold) {
    const auto value = parse_number(name.substr(11));
    if (!value || !(*value >= 0 && *value <= 1)) fail("policy '{}': '{}' is no confidence; expected 0 to 1", name, name.substr(11));
    const ExitLevel level = threshold_level(setting, *value, edges);
    return tables_of(MJ_POLICY_CONFIDENCE, 0, setting, {level}, edges);
  }
  const Outcomes& known = setting.tables ? *setting.tables : *setting.images;
  const BucketModel model = learn_buckets(known);
  edges = model.edges;
  const std::vector<ExitLevel> levels = thinned(fitted_levels(model, setting.cost_j, known), kMostLevels);
  if (budget) {
    const double joules = parse_energy(name.substr(7)).value;
    std::size_t level = 0;
    while (level + 1 < levels.size() && levels[level + 1].cost_j <= joules) ++level;
    if (levels[0].cost_j > joules) {
      fail("policy '{}': the cheapest way of deciding takes {} per inference on average", name, to_text(Joules{levels[0].cost_j}));
    }
    return tables_of(MJ_POLICY_CONFIDENCE, level, setting, levels, edges);
  }
  const mj_policy_kind kind = name == "confidence"   ? MJ_POLICY_CONFIDENCE
                              : name == "starvation" ? MJ_POLICY_STARVATION
                                                     : MJ_POLICY_CONFIDENCE_ENERGY;
  // By confidence alone: the cheapest level that loses no more than one point to the most accurate.
  std::size_t chosen = levels.size() - 1;
  while (chosen > 0 && levels[chosen - 1].accuracy >= levels.back().accuracy - 0.01) --chosen;
  return tables_of(kind, chosen, setting, levels, edges);
}

std::unique_ptr<ExitPolicy> make_policy(std::string_view name, const PolicySetting& setting) {
  if (name == "clairvoyant" && setting.images) return std::make_unique<Clairvoyant>(*setting.images);
  return std::make_unique<DevicePolicy>(std::string(name), policy_tables(name, setting), setting.images);
}

}  // namespace mj
