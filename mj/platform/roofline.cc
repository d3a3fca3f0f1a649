// SPDX-License-Identifier: Apache-2.0
#include "mj/platform/roofline.h"

#include <algorithm>

#include "mj/base/error.h"
#include "mj/ir/cost.h"
#include "mj/platform/least_squares.h"

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

namespace {

std::vector<std::vector<double>> rows_of(std::span<const Workload> workloads) {
  std::vector<std::vector<double>> rows;
  for (const Workload& workload : workloads) rows.emplace_back(workload.terms.begin(), workload.terms.end());
  return rows;
}

}  // namespace

Roofline fit_roofline(std::span<const Workload> workloads, std::span<const double> amounts) {
  MJ_CHECK(workloads.size() == amounts.size() && amounts.size() >= 2);
  Roofline fitted;
  std::ranges::copy(fit_nonnegative(rows_of(workloads), amounts), fitted.per_term.begin());
  return fitted;
}

std::vector<double> leave_one_out(std::span<const Workload> workloads, std::span<const double> amounts) {
  MJ_CHECK(workloads.size() == amounts.size() && amounts.size() >= 3);
  return leave_each_out(rows_of(workloads), amounts);
}

}  // namespace mj
