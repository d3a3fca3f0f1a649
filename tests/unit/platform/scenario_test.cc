// SPDX-License-Identifier: Apache-2.0
#include "mj/platform/scenario.h"

#include <gtest/gtest.h>

namespace mj {
namespace {

TEST(Scenario, SharesABatteryOverItsLife) {
  // A CR2032 of 660 mWh over a year, half of it for the rest, once a minute: 660e-3 * 3600 / 365 / 2 / 1440 J.
  const Scenario coin{.battery = Joules{660e-3 * 3600}, .lifetime = Seconds{365 * 86400.0}, .inferences_per_day = 1440, .rest = 0.5};
  EXPECT_DOUBLE_EQ(budget_of(coin).value, 660e-3 * 3600 / 365 / 2 / 1440);
  EXPECT_EQ(explain(coin), "2376 J over 365 d are 6.51 J a day; less 50 % for the rest of the system, among 1440 inferences: 2.26 mJ each");
}

TEST(Scenario, SharesHarvestedPower) {
  const Scenario solar{.harvest_w = 50e-6, .inferences_per_day = 8640};
  EXPECT_DOUBLE_EQ(budget_of(solar).value, 50e-6 * 10);
  EXPECT_EQ(explain(solar), "0.05 mW harvested are 4.32 J a day, among 8640 inferences: 500 uJ each");
}

}  // namespace
}  // namespace mj
