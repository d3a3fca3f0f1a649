// SPDX-License-Identifier: Apache-2.0
#include "mj/learn/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mj {
namespace {

TEST(Schedule, RisesLinearlyThenFallsAlongHalfACosine) {
  const Schedule schedule{0.4, 104, 4};
  EXPECT_DOUBLE_EQ(schedule.at(0), 0.1);
  EXPECT_DOUBLE_EQ(schedule.at(1), 0.2);
  EXPECT_DOUBLE_EQ(schedule.at(3), 0.4);
  EXPECT_DOUBLE_EQ(schedule.at(4), 0.4);
  EXPECT_NEAR(schedule.at(4 + 25), 0.4 * (0.5 + std::sqrt(0.5) / 2), 1e-15);
  EXPECT_NEAR(schedule.at(4 + 50), 0.2, 1e-15);
  EXPECT_NEAR(schedule.at(104), 0, 1e-15);
  for (std::int64_t step = 4; step < 104; ++step) EXPECT_GT(schedule.at(step), schedule.at(step + 1));
}

TEST(Schedule, MayBeAllOrNoWarmUp) {
  EXPECT_DOUBLE_EQ((Schedule{1, 10, 0}.at(0)), 1);
  EXPECT_DOUBLE_EQ((Schedule{1, 10, 10}.at(9)), 1);
}

TEST(Schedule, MayEndAboveZero) {
  const Schedule schedule{1, 100, 0, 0.2};
  EXPECT_DOUBLE_EQ(schedule.at(0), 1);
  EXPECT_NEAR(schedule.at(50), 0.6, 1e-15);
  EXPECT_NEAR(schedule.at(100), 0.2, 1e-15);
}

}  // namespace
}  // namespace mj
