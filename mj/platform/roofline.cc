// SPDX-License-Identifier: Apache-2.0
#include "mj/platform/roofline.h"

#include <algorithm>
#include <cmath>

#include "mj/base/error.h"
#include "mj/ir/cost.h"

namespace mj {

Workload workload_of(const Cost& cost) {
  if (cost.kernel == Kernel::kNone) return {{}};
  return {{0, static_cast<double>(cost.weight_bytes), static_cast<double>(cost.outputs), static_cast<double>(cost.macs), 1}};
}

Workload workload_of(const Graph& simplified) {
  Workload workload;
  for (const Node& node : simplified.nodes) {
    const Workload share = workload_of(cost(simplified, node));
    for (std::size_t t = 0; t < Workload::kTerms; ++t) workload.terms[t] += share.terms[t];
  }
  // Elements, not bytes as stored, and those that several operators share once.
  workload.terms[1] = static_cast<double>(parameter_count(simplified));
  return workload;
}

double Roofline::operator()(const Workload& workload) const {
  double sum = 0;
  for (std::size_t i = 0; i < per_term.size(); ++i) sum += per_term[i] * workload.terms[i];
  return sum;
}

Roofline fit_roofline(std::span<const Workload> workloads, std::span<const double> amounts) {
  MJ_CHECK(workloads.size() == amounts.size() && amounts.size() >= 2);
  constexpr std::size_t n = Workload::kTerms;
  // Columns scaled to unit length: bytes and operators differ by six orders of magnitude.
  std::array<double, n> length{};
  std::array<std::array<double, n>, n> gram{};
  std::array<double, n> moment{};
  for (std::size_t i = 0; i < amounts.size(); ++i) {
    MJ_CHECK(amounts[i] > 0);
    for (std::size_t a = 0; a < n; ++a) {
      const double x = workloads[i].terms[a] / amounts[i];
      moment[a] += x;
      for (std::size_t b = 0; b < n; ++b) gram[a][b] += x * workloads[i].terms[b] / amounts[i];
    }
  }
  for (std::size_t a = 0; a < n; ++a) length[a] = std::sqrt(gram[a][a]);
  Roofline fitted;
  std::array<double, n> scaled{};
  for (int sweep = 0; sweep < 200000; ++sweep) {
    double change = 0;
    for (std::size_t a = 0; a < n; ++a) {
      if (length[a] == 0) continue;
      double gradient = moment[a] / length[a];
      for (std::size_t b = 0; b < n; ++b) {
        if (b != a && length[b] > 0) gradient -= gram[a][b] / (length[a] * length[b]) * scaled[b];
      }
      const double next = std::max(0.0, gradient);
      change = std::max(change, std::abs(next - scaled[a]));
      scaled[a] = next;
    }
    if (change < 1e-13) break;
  }
  for (std::size_t a = 0; a < n; ++a) fitted.per_term[a] = length[a] > 0 ? scaled[a] / length[a] : 0;
  return fitted;
}

std::vector<double> leave_one_out(std::span<const Workload> workloads, std::span<const double> amounts) {
  MJ_CHECK(workloads.size() == amounts.size() && amounts.size() >= 3);
  std::vector<double> predicted;
  for (std::size_t i = 0; i < amounts.size(); ++i) {
    std::vector<Workload> other_workloads(workloads.begin(), workloads.end());
    std::vector<double> other_amounts(amounts.begin(), amounts.end());
    other_workloads.erase(other_workloads.begin() + static_cast<std::ptrdiff_t>(i));
    other_amounts.erase(other_amounts.begin() + static_cast<std::ptrdiff_t>(i));
    predicted.push_back(fit_roofline(other_workloads, other_amounts)(workloads[i]));
  }
  return predicted;
}

}  // namespace mj
