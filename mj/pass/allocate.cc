// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/allocate.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "mj/base/error.h"
#include "mj/pass/at.h"

namespace mj {
namespace {

/// What one byte, one joule and one nat cost in the sum that is minimised.
struct Prices {
  double error = 1, bytes = 0, energy = 0;

  double of(const LayerOption& option) const { return error * option.error + bytes * option.bytes + energy * option.energy; }
};

class Allocator {
 public:
  Allocator(const AllocationProblem& problem, const AllocationLimits& limits) : problem_(problem), limits_(limits) {
    for (std::size_t g = 0; g < problem.group_error.size(); ++g) {
      const int least = limits.least_level.empty() ? 0 : limits.least_level[g];
      least_.push_back(std::min(least, levels(static_cast<int>(g)) - 1));
    }
    layers_of_.resize(problem.group_error.size());
    for (std::size_t l = 0; l < problem.layers.size(); ++l) {
      const auto& layer = problem.layers[l];
      if (layer.in >= 0) layers_of_[at(layer.in)].push_back(static_cast<int>(l));
      if (layer.out >= 0 && layer.out != layer.in) layers_of_[at(layer.out)].push_back(static_cast<int>(l));
    }
  }

  /// Least price by coordinate descent, from all groups as wide and as narrow as they may be.
  Allocation cheapest(const Prices& prices) const {
    Allocation best;
    double least = 0;
    for (const bool narrow : {false, true}) {
      Allocation found;
      for (std::size_t g = 0; g < least_.size(); ++g) found.level.push_back(narrow ? levels(static_cast<int>(g)) - 1 : least_[g]);
      descend(found, prices);
      found.option.clear();
      for (std::size_t l = 0; l < problem_.layers.size(); ++l) found.option.push_back(best_option(static_cast<int>(l), found.level, prices));
      sum(found);
      const double price = prices.error * found.error + prices.bytes * found.bytes + prices.energy * found.energy;
      if (best.option.size() != found.option.size() || price < least) best = found, least = price;
    }
    return best;
  }

  bool fits(const Allocation& a) const { return a.bytes <= limits_.bytes && a.energy <= limits_.energy; }

  /// Changes one layer or one group at a time while that lowers the error and keeps the limits, the largest gain first; then
  /// pairs of layers, one giving way to the other.
  void use_what_is_left(Allocation& a) const {
    for (bool changed = true; changed;) {
      changed = improve_one(a) || swap_two(a);
    }
  }

  /// Towards the limits, by the least error per share of what is over them.
  bool repair(Allocation& a) const {
    while (!fits(a)) {
      Allocation best;
      double least = std::numeric_limits<double>::infinity();
      const double over = excess(a);
      each_neighbour(a, [&](const Allocation& next) {
        const double gain = over - excess(next);
        if (gain <= 1e-12 * (1 + over)) return;
        const double price = std::max(next.error - a.error, 0.0) / gain;
        if (price < least) least = price, best = next;
      });
      if (!std::isfinite(least)) return false;
      a = best;
    }
    return true;
  }

 private:
  const AllocationProblem& problem_;
  const AllocationLimits& limits_;
  std::vector<int> least_;
  std::vector<std::vector<int>> layers_of_;  ///< per group

  int levels(int group) const { return static_cast<int>(problem_.group_error[at(group)].size()); }

  const std::vector<LayerOption>& options(int l, const std::vector<int>& level) const {
    const auto& layer = problem_.layers[at(l)];
    const int in = layer.in < 0 ? 0 : level[at(layer.in)];
    const int out = layer.out < 0 ? 0 : level[at(layer.out)];
    const int out_levels = layer.out < 0 ? 1 : levels(layer.out);
    return layer.options[at(in * out_levels + out)];
  }

  int best_option(int l, const std::vector<int>& level, const Prices& prices) const {
    const auto& all = options(l, level);
    int best = 0;
    for (int i = 1; i < static_cast<int>(all.size()); ++i) {
      if (prices.of(all[at(i)]) < prices.of(all[at(best)])) best = i;
    }
    return best;
  }

  double group_price(int g, int level, const Prices& prices) const {
    return prices.error * problem_.group_error[at(g)][at(level)] + prices.energy * problem_.group_energy[at(g)][at(level)];
  }

  void descend(Allocation& a, const Prices& prices) const {
    constexpr int kSweeps = 20;
    for (int sweep = 0; sweep < kSweeps; ++sweep) {
      bool changed = false;
      for (int g = 0; g < static_cast<int>(least_.size()); ++g) {
        int best = a.level[at(g)];
        double least = std::numeric_limits<double>::infinity();
        std::vector<int> level = a.level;
        for (int k = least_[at(g)]; k < levels(g); ++k) {
          level[at(g)] = k;
          double price = group_price(g, k, prices);
          for (const int l : layers_of_[at(g)]) price += prices.of(options(l, level)[at(best_option(l, level, prices))]);
          if (price < least) least = price, best = k;
        }
        changed = changed || best != a.level[at(g)];
        a.level[at(g)] = best;
      }
      if (!changed) return;
    }
  }

  void sum(Allocation& a) const {
    a.error = 0, a.bytes = problem_.bytes, a.energy = problem_.energy;
    for (std::size_t g = 0; g < least_.size(); ++g) {
      a.error += problem_.group_error[g][at(a.level[g])];
      a.energy += problem_.group_energy[g][at(a.level[g])];
    }
    for (std::size_t l = 0; l < problem_.layers.size(); ++l) {
      const LayerOption& chosen = options(static_cast<int>(l), a.level)[at(a.option[l])];
      a.error += chosen.error, a.bytes += chosen.bytes, a.energy += chosen.energy;
    }
  }

  /// How far beyond the limits, in shares of them.
  double excess(const Allocation& a) const {
    double over = 0;
    if (a.bytes > limits_.bytes) over += a.bytes / limits_.bytes - 1;
    if (a.energy > limits_.energy) over += a.energy / limits_.energy - 1;
    return over;
  }

  /// Every allocation that differs in one layer's option, or in one group's level with the options of its layers kept in
  /// their places (levels list the same options in the same order).
  template <class Visit>
  void each_neighbour(const Allocation& a, Visit&& visit) const {
    for (std::size_t l = 0; l < a.option.size(); ++l) {
      const auto& all = options(static_cast<int>(l), a.level);
      for (int i = 0; i < static_cast<int>(all.size()); ++i) {
        if (i == a.option[l]) continue;
        Allocation next = a;
        next.option[l] = i;
        const LayerOption &before = all[at(a.option[l])], &after = all[at(i)];
        next.error += after.error - before.error;
        next.bytes += after.bytes - before.bytes;
        next.energy += after.energy - before.energy;
        visit(next);
      }
    }
    for (int g = 0; g < static_cast<int>(least_.size()); ++g) {
      for (int k = least_[at(g)]; k < levels(g); ++k) {
        if (k == a.level[at(g)]) continue;
        Allocation next = a;
        next.level[at(g)] = k;
        bool possible = true;
        for (const int l : layers_of_[at(g)]) {
          possible = possible && next.option[at(l)] < static_cast<int>(options(l, next.level).size());
        }
        if (!possible) continue;
        sum(next);
        visit(next);
      }
    }
  }

  bool improve_one(Allocation& a) const {
    Allocation best = a;
    each_neighbour(a, [&](const Allocation& next) {
      if (fits(next) && next.error < best.error - 1e-12 * (1 + std::abs(best.error))) best = next;
    });
    if (best.level == a.level && best.option == a.option) return false;
    a = best;
    sum(a);
    return true;
  }

  bool swap_two(Allocation& a) const {
    const std::size_t n = a.option.size();
    for (std::size_t l = 0; l < n; ++l) {
      const auto& first = options(static_cast<int>(l), a.level);
      for (std::size_t m = 0; m < n; ++m) {
        if (m == l) continue;
        const auto& second = options(static_cast<int>(m), a.level);
        const LayerOption &now_first = first[at(a.option[l])], &now_second = second[at(a.option[m])];
        for (std::size_t i = 0; i < first.size(); ++i) {
          for (std::size_t j = 0; j < second.size(); ++j) {
            const double error = first[i].error + second[j].error - now_first.error - now_second.error;
            if (!(error < -1e-12 * (1 + std::abs(a.error)))) continue;
            if (a.bytes + first[i].bytes + second[j].bytes - now_first.bytes - now_second.bytes > limits_.bytes) continue;
            if (a.energy + first[i].energy + second[j].energy - now_first.energy - now_second.energy > limits_.energy) continue;
            a.option[l] = static_cast<int>(i), a.option[m] = static_cast<int>(j);
            sum(a);
            return true;
          }
        }
      }
    }
    return false;
  }
};

}  // namespace

Allocation fewest_bytes(const AllocationProblem& problem, const AllocationLimits& limits) {
  return Allocator(problem, limits).cheapest({0, 1, 0});
}

Allocation least_energy(const AllocationProblem& problem, const AllocationLimits& limits) {
  return Allocator(problem, limits).cheapest({0, 0, 1});
}

std::optional<Allocation> allocate(const AllocationProblem& problem, const AllocationLimits& limits) {
  const Allocator allocator(problem, limits);
  std::optional<Allocation> best;
  const auto take = [&](Allocation found) {
    if (!allocator.fits(found)) return;
    if (!best || found.error < best->error) best = std::move(found);
  };
  take(allocator.cheapest({1, 0, 0}));
  const bool bytes_limited = std::isfinite(limits.bytes), energy_limited = std::isfinite(limits.energy);
  // Multipliers in units of error per limit, from hardly any price to one that outweighs everything.
  constexpr double kLow = -14, kHigh = 14;  // powers of two times e
  constexpr int kSteps = 24;
  const auto bisect = [&](auto&& prices_at, auto&& met) {
    double low = kLow, high = kHigh;
    for (int step = 0; step < kSteps; ++step) {
      const double middle = (low + high) / 2;
      const Allocation found = allocator.cheapest(prices_at(std::exp(middle)));
      take(found);
      (met(found) ? high : low) = middle;
    }
    return std::exp(high);
  };
  const auto bytes_met = [&](const Allocation& a) { return a.bytes <= limits.bytes; };
  const auto energy_met = [&](const Allocation& a) { return a.energy <= limits.energy; };
  const double per_byte = bytes_limited ? 1 / limits.bytes : 0, per_joule = energy_limited ? 1 / limits.energy : 0;
  if (bytes_limited && !energy_limited) {
    bisect([&](double x) { return Prices{1, x * per_byte, 0}; }, bytes_met);
  } else if (energy_limited && !bytes_limited) {
    bisect([&](double x) { return Prices{1, 0, x * per_joule}; }, energy_met);
  } else if (bytes_limited) {
    // The price of energy by bisection, that of bytes by one inside.
    double low = kLow, high = kHigh;
    for (int step = 0; step < kSteps; ++step) {
      const double middle = std::exp((low + high) / 2);
      const double x = bisect([&](double b) { return Prices{1, b * per_byte, middle * per_joule}; }, bytes_met);
      (energy_met(allocator.cheapest({1, x * per_byte, middle * per_joule})) ? high : low) = std::log(middle);
    }
    bisect([&](double x) { return Prices{1, x * per_byte, 0}; }, bytes_met);
  }
  for (const Prices& prices : {Prices{0, 1, 0}, Prices{0, 0, 1}, Prices{0, per_byte, per_joule}}) {
    Allocation found = allocator.cheapest(prices);
    if (allocator.repair(found)) take(found);
  }
  if (best) allocator.use_what_is_left(*best);
  return best;
}

}  // namespace mj
