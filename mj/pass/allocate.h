// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <optional>
#include <vector>

namespace mj {

/// One way to store a layer: what it loses and what it takes.
struct LayerOption {
  double error = 0;   ///< nats of divergence
  double bytes = 0;   ///< exported
  double energy = 0;  ///< joules
};

/// Which layers share the decision how many channels to keep, and what each layer offers.
///
/// Group g has levels 0, 1, ...: level 0 keeps all channels, later ones fewer. A layer reads channels of one group and
/// writes those of another (-1: neither can change); its options depend on both levels.
struct AllocationProblem {
  struct Layer {
    int in = -1;
    int out = -1;
    std::vector<std::vector<LayerOption>> options;  ///< [level of in * levels of out + level of out]; none empty
  };
  std::vector<std::vector<double>> group_error;   ///< {group, level}: what removing the channels loses
  std::vector<std::vector<double>> group_energy;  ///< {group, level}: of pools and the like, in joules
  std::vector<Layer> layers;
  double bytes = 0;   ///< whatever is decided
  double energy = 0;
};

struct AllocationLimits {
  double bytes = std::numeric_limits<double>::infinity();
  double energy = std::numeric_limits<double>::infinity();
  std::vector<int> least_level;  ///< per group; empty: 0. Narrower is always allowed
};

struct Allocation {
  std::vector<int> level;   ///< per group
  std::vector<int> option;  ///< per layer
  double error = 0, bytes = 0, energy = 0;
};

/// The options with the least sum of errors under both limits, nearly: one multiplier per limit (Everett, Oper. Res. 11,
/// 1963), found by bisection; for given multipliers coordinate descent over the groups, from the widest and the narrowest
/// network, with the best option of every layer at each level; then greedy use of what the limits leave, one layer or group
/// at a time, and swaps of two layers. Nothing when no options meet the limits.
std::optional<Allocation> allocate(const AllocationProblem& problem, const AllocationLimits& limits);

/// The fewest bytes and the least energy that can be had, each on its own.
Allocation fewest_bytes(const AllocationProblem& problem, const AllocationLimits& limits);
Allocation least_energy(const AllocationProblem& problem, const AllocationLimits& limits);

}  // namespace mj
