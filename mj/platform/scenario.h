// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "mj/base/units.h"

namespace mj {

/// Where a device's energy comes from and what it is spent on.
struct Scenario {
  std::optional<Joules> battery;          ///< what can be drawn from it over its life
  Seconds lifetime;                       ///< how long it must last; with a battery
  std::optional<double> harvest_w;        ///< mean power after conversion; without a battery
  double inferences_per_day = 0;
  double rest = 0;                        ///< share of the energy for sensors, radio, sleep; 0..1
};

/// Energy for one inference: (battery / lifetime, or harvested power) x one day x (1 - rest) / inferences per day.
Joules budget_of(const Scenario& scenario);

/// The same as a sentence: "2376 J over 365 d are 6.51 J a day; less 50 % for the rest of the system, among 1,440
/// inferences: 2.26 mJ each".
std::string explain(const Scenario& scenario);

}  // namespace mj
