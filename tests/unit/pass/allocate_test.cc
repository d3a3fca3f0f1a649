// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/allocate.h"

#include <gtest/gtest.h>

#include <functional>

#include "mj/base/random.h"

namespace mj {
namespace {

/// A chain of groups with layers between neighbours; options cost less where they lose more, roughly.
AllocationProblem random_problem(std::uint64_t seed, int groups, int levels, int options) {
  RandomStream random(seed);
  AllocationProblem problem;
  for (int g = 0; g < groups; ++g) {
    problem.group_error.emplace_back();
    problem.group_energy.emplace_back();
    double error = 0;
    for (int k = 0; k < levels; ++k) {
      problem.group_error.back().push_back(error);
      problem.group_energy.back().push_back(0.1 * (levels - k));
      error += random.uniform();
    }
  }
  for (int l = 0; l <= groups; ++l) {
    AllocationProblem::Layer layer{l - 1, l < groups ? l : -1, {}};
    const int ins = l > 0 ? levels : 1, outs = l < groups ? levels : 1;
    for (int i = 0; i < ins; ++i) {
      for (int o = 0; o < outs; ++o) {
        const double size = 100 * (1 - 0.2 * i) * (1 - 0.2 * o);
        layer.options.emplace_back();
        for (int k = 0; k < options; ++k) {
          const double share = (0.2 + 0.8 * random.uniform()) / (1 + k);
          layer.options.back().push_back({k * k * (0.2 + random.uniform()), size * share, size * share * (0.5 + random.uniform()) / 50});
        }
      }
    }
    problem.layers.push_back(layer);
  }
  return problem;
}

/// The best of all combinations, one by one.
Allocation brute_force(const AllocationProblem& problem, const AllocationLimits& limits) {
  Allocation best;
  best.error = -1;
  const std::size_t groups = problem.group_error.size();
  std::vector<int> level(groups, 0);
  const auto options = [&](std::size_t l) -> const std::vector<LayerOption>& {
    const auto& layer = problem.layers[l];
    const int in = layer.in < 0 ? 0 : level[static_cast<std::size_t>(layer.in)], out = layer.out < 0 ? 0 : level[static_cast<std::size_t>(layer.out)];
    const int outs = layer.out < 0 ? 1 : static_cast<int>(problem.group_error[static_cast<std::size_t>(layer.out)].size());
    return layer.options[static_cast<std::size_t>(in * outs + out)];
  };
  const std::function<void(std::size_t, Allocation)> each_layer = [&](std::size_t l, Allocation sum) {
    if (l == problem.layers.size()) {
      if (sum.bytes <= limits.bytes && sum.energy <= limits.energy && (best.error < 0 || sum.error < best.error)) best = sum;
      return;
    }
    for (std::size_t k = 0; k < options(l).size(); ++k) {
      const LayerOption& option = options(l)[k];
      Allocation next = sum;
      next.option.push_back(static_cast<int>(k));
      next.error += option.error, next.bytes += option.bytes, next.energy += option.energy;
      each_layer(l + 1, next);
    }
  };
  const std::function<void(std::size_t)> each_group = [&](std::size_t g) {
    if (g == groups) {
      Allocation sum;
      sum.bytes = problem.bytes, sum.energy = problem.energy;
      for (std::size_t i = 0; i < groups; ++i) {
        sum.error += problem.group_error[i][static_cast<std::size_t>(level[i])];
        sum.energy += problem.group_energy[i][static_cast<std::size_t>(level[i])];
      }
      sum.level = level;
      each_layer(0, sum);
      return;
    }
    for (int k = limits.least_level.empty() ? 0 : limits.least_level[g]; k < static_cast<int>(problem.group_error[g].size()); ++k) {
      level[g] = k;
      each_group(g + 1);
    }
  };
  each_group(0);
  return best;
}

TEST(Allocate, IsNearlyAsGoodAsTryingEverything) {
  int exact = 0, solved = 0;
  double found_sum = 0, best_sum = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    const AllocationProblem problem = random_problem(seed, 2, 3, 4);
    RandomStream random(seed, 1);
    AllocationLimits limits;
    limits.bytes = 40 + 200 * random.uniform();
    if (seed % 2) limits.energy = 1 + 5 * random.uniform();
    if (seed % 3 == 0) limits.least_level = {1, 0};
    const Allocation best = brute_force(problem, limits);
    const auto found = allocate(problem, limits);
    ASSERT_EQ(found.has_value(), best.error >= 0);
    if (!found) continue;
    EXPECT_LE(found->bytes, limits.bytes);
    EXPECT_LE(found->energy, limits.energy);
    EXPECT_GE(found->error, best.error - 1e-9);
    // What it says of itself is what its choices add up to.
    double error = 0, bytes = problem.bytes;
    for (std::size_t g = 0; g < 2; ++g) {
      error += problem.group_error[g][static_cast<std::size_t>(found->level[g])];
      if (!limits.least_level.empty()) {
        EXPECT_GE(found->level[g], limits.least_level[g]);
      }
    }
    for (std::size_t l = 0; l < problem.layers.size(); ++l) {
      const int in = l > 0 ? found->level[l - 1] : 0, out = l < 2 ? found->level[l] : 0, outs = l < 2 ? 3 : 1;
      const LayerOption& option = problem.layers[l].options[static_cast<std::size_t>(in * outs + out)][static_cast<std::size_t>(found->option[l])];
      error += option.error, bytes += option.bytes;
    }
    EXPECT_NEAR(found->error, error, 1e-9);
    EXPECT_NEAR(found->bytes, bytes, 1e-9);
    ++solved;
    exact += found->error < best.error + 1e-9;
    found_sum += found->error, best_sum += best.error;
  }
  EXPECT_GE(solved, 30);
  EXPECT_GE(exact, solved * 7 / 10) << "of " << solved;
  EXPECT_LE(found_sum, 1.05 * best_sum);
}

TEST(Allocate, WithoutLimitsLosesNothing) {
  const AllocationProblem problem = random_problem(5, 3, 3, 3);
  const auto found = allocate(problem, {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->error, 0);
}

TEST(Allocate, KnowsTheFewestBytesAndTheLeastEnergy) {
  for (std::uint64_t seed = 100; seed < 110; ++seed) {
    SCOPED_TRACE(seed);
    const AllocationProblem problem = random_problem(seed, 2, 3, 3);
    const double bytes = fewest_bytes(problem, {}).bytes, energy = least_energy(problem, {}).energy;
    EXPECT_TRUE(allocate(problem, {.bytes = bytes}));
    EXPECT_LT(brute_force(problem, {.bytes = 0.999 * bytes}).error, 0);
    EXPECT_FALSE(allocate(problem, {.bytes = 0.999 * bytes}));
    EXPECT_TRUE(allocate(problem, {.energy = energy}));
    EXPECT_LT(brute_force(problem, {.energy = 0.999 * energy}).error, 0);
  }
}

}  // namespace
}  // namespace mj
