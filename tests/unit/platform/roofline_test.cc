// SPDX-License-Identifier: Apache-2.0
#include "mj/platform/roofline.h"

#include <gtest/gtest.h>

#include <cmath>

#include "mj/base/random.h"

namespace mj {
namespace {

std::vector<Workload> random_workloads(std::size_t count, std::uint64_t seed) {
  std::vector<Workload> workloads;
  RandomStream stream(seed);
  for (std::size_t i = 0; i < count; ++i) {
    workloads.push_back({{1, 1e6 * (1 + 20 * stream.uniform()), 1e5 * (1 + stream.uniform()), 1e7 * (1 + 9 * stream.uniform()),
                          10 + std::floor(100 * stream.uniform())}});
  }
  return workloads;
}

TEST(Roofline, FindsTheCoefficientsThatMadeTheData) {
  const Roofline truth{{0.7, 1.5e-7, 0, 4e-9, 2e-3}};
  const auto workloads = random_workloads(12, 3);
  std::vector<double> amounts;
  for (const Workload& workload : workloads) amounts.push_back(truth(workload));
  const Roofline fitted = fit_roofline(workloads, amounts);
  for (std::size_t i = 0; i < Workload::kTerms; ++i) EXPECT_NEAR(fitted.per_term[i], truth.per_term[i], 1e-6 * truth.per_term[0]) << i;
  const auto predicted = leave_one_out(workloads, amounts);
  for (std::size_t i = 0; i < amounts.size(); ++i) EXPECT_NEAR(predicted[i], amounts[i], 1e-5 * amounts[i]);
}

// The optimality conditions of non-negative least squares: no gradient along positive coefficients, none that would
// like to grow from zero. They hold for no other point, as the problem is convex.
TEST(Roofline, IsTheLeastSquaresSolutionWithoutNegativeTerms) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto workloads = random_workloads(9, seed);
    std::vector<double> amounts;
    RandomStream noise(seed, 7);
    for (const Workload& w : workloads) amounts.push_back(std::max(0.1, 1 + 1e-7 * w.terms[1] - 2e-9 * w.terms[3] + 0.2 * noise.normal()));
    const Roofline fitted = fit_roofline(workloads, amounts);
    for (std::size_t a = 0; a < Workload::kTerms; ++a) {
      ASSERT_GE(fitted.per_term[a], 0);
      double gradient = 0, scale = 0;
      for (std::size_t i = 0; i < amounts.size(); ++i) {
        const double x = workloads[i].terms[a] / amounts[i];
        gradient += x * (1 - fitted(workloads[i]) / amounts[i]);
        scale += std::abs(x);
      }
      if (fitted.per_term[a] > 0) EXPECT_NEAR(gradient / scale, 0, 1e-8) << "seed " << seed << ", term " << a;
      EXPECT_LE(gradient / scale, 1e-8) << "seed " << seed << ", term " << a;
    }
  }
}

}  // namespace
}  // namespace mj
