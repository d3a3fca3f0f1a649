// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "mj/ir/cost.h"
#include "mj/ir/graph.h"

namespace mj {

/// What of a network decides the time and energy of an accelerator that works through it operator by operator: a
/// constant, weight bytes, activation bytes, multiply-accumulates and operators; int8, so an element is a byte.
struct Workload {
  static constexpr std::size_t kTerms = 5;
  static constexpr std::array<const char*, kTerms> kNames = {"run", "weight byte", "activation byte", "MAC", "operator"};
  /// The same in keys of files: `j_per_weight_byte`.
  static constexpr std::array<const char*, kTerms> kKeys = {"run", "weight_byte", "activation_byte", "mac", "operator"};
  std::array<double, kTerms> terms{1, 0, 0, 0, 0};
};

/// Counts a network in the form the device runs (batch-norm folded, activations fused; see `pass/lower.h`). An operator
/// is one that computes or moves data; weights count once.
Workload workload_of(const Graph& simplified);
/// One operator's share of it: all terms but the run's.
Workload workload_of(const Cost& cost);

/// An amount of energy or time as a sum over the terms, none of them negative: the roofline in its additive form.
struct Roofline {
  std::array<double, Workload::kTerms> per_term{};

  double operator()(const Workload& workload) const;
};

/// Least squares of relative errors with coefficients that are not negative (coordinate descent on the normal equations,
/// which converges for this convex problem; Franc, Hlavac, Navara, CAIP 2005). Needs at least two measurements; amounts
/// must be positive.
Roofline fit_roofline(std::span<const Workload> workloads, std::span<const double> amounts);

/// Each amount as predicted by a fit to all the others. Needs at least three.
std::vector<double> leave_one_out(std::span<const Workload> workloads, std::span<const double> amounts);

}  // namespace mj
