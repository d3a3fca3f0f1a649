// SPDX-License-Identifier: Apache-2.0
#include "mj/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>

#include "mj/base/error.h"
#include "mj/base/parallel.h"

namespace mj {
namespace {

TEST(Random, DependsOnTheKeyAlone) {
  RandomStream a(1, 2, 3), b(1, 2, 3), c(1, 3, 2);
  EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(a.next(), c.next());
}

TEST(Random, MomentsOfUniformAndNormal) {
  RandomStream random(7);
  double sum = 0, normal_sum = 0, normal_square = 0;
  constexpr int kCount = 200000;
  for (int i = 0; i < kCount; ++i) {
    sum += random.uniform();
    const double z = random.normal();
    normal_sum += z, normal_square += z * z;
  }
  // Five standard errors.
  EXPECT_NEAR(sum / kCount, 0.5, 5 * std::sqrt(1.0 / 12 / kCount));
  EXPECT_NEAR(normal_sum / kCount, 0, 5 / std::sqrt(kCount));
  EXPECT_NEAR(normal_square / kCount, 1, 5 * std::sqrt(2.0 / kCount));
}

TEST(Random, BelowIsUniform) {
  RandomStream random(11);
  std::array<int, 7> counts{};
  for (int i = 0; i < 70000; ++i) ++counts[random.below(7)];
  double chi_square = 0;
  for (int count : counts) chi_square += (count - 10000.0) * (count - 10000.0) / 10000.0;
  EXPECT_LT(chi_square, 22.5);  // 99.9 % quantile for six degrees of freedom
}

TEST(Random, PermutationHoldsEveryNumberOnce) {
  auto order = permutation(1000, RandomStream(3));
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  for (std::int64_t i = 0; i < 1000; ++i) ASSERT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(Parallel, RunsEachOnceAndRethrows) {
  std::vector<std::atomic<int>> seen(500);
  parallel_for(500, [&](std::int64_t i) { ++seen[static_cast<std::size_t>(i)]; });
  for (const auto& count : seen) ASSERT_EQ(count, 1);
  EXPECT_THROW(parallel_for(500, [](std::int64_t i) { if (i == 77) fail("stop"); }), Error);
}

}  // namespace
}  // namespace mj
