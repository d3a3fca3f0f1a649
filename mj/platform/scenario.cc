// SPDX-License-Identifier: Apache-2.0
#include "mj/platform/scenario.h"

#include <fmt/format.h>

#include "mj/base/error.h"
#include "mj/base/text.h"

namespace mj {
namespace {

constexpr double kDay = 86400;

Joules per_day(const Scenario& scenario) {
  MJ_CHECK(scenario.battery.has_value() != scenario.harvest_w.has_value());
  if (scenario.harvest_w) return Joules{*scenario.harvest_w * kDay};
  MJ_CHECK(scenario.lifetime.value > 0);
  return *scenario.battery * (kDay / scenario.lifetime.value);
}

}  // namespace

Joules budget_of(const Scenario& scenario) {
  MJ_CHECK(scenario.inferences_per_day > 0 && scenario.rest >= 0 && scenario.rest < 1);
  return per_day(scenario) * (1 - scenario.rest) / scenario.inferences_per_day;
}

std::string explain(const Scenario& scenario) {
  const std::string source =
      scenario.battery
          ? fmt::format("{} over {:.4g} d are {} a day", to_text(*scenario.battery), scenario.lifetime.value / kDay, to_text(per_day(scenario)))
          : fmt::format("{:.4g} mW harvested are {} a day", *scenario.harvest_w * 1e3, to_text(per_day(scenario)));
  const std::string rest = scenario.rest > 0 ? fmt::format("; less {:.3g} % for the rest of the system", scenario.rest * 100) : "";
  return fmt::format("{}{}, among {:.6g} inferences: {} each", source, rest, scenario.inferences_per_day, to_text(budget_of(scenario)));
}

}  // namespace mj
