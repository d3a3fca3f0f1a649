// SPDX-License-Identifier: Apache-2.0
#include "mj/platform/cost_fit.h"

#include "mj/base/error.h"
#include "mj/platform/least_squares.h"

namespace mj {
namespace {

std::vector<double> terms_of(const Cost& cost) {
  return {1,
          static_cast<double>(cost.macs),
          static_cast<double>(cost.outputs),
          static_cast<double>(cost.weight_bytes),
          static_cast<double>(cost.symbols),
          static_cast<double>(cost.gathered),
          static_cast<double>(cost.runs),
          static_cast<double>(cost.windows)};
}

CostLine line_of(const std::vector<double>& terms) {
  return {.per_call = terms[0], .per_mac = terms[1], .per_output = terms[2], .per_weight_byte = terms[3],
          .per_symbol = terms[4], .per_gathered = terms[5], .per_run = terms[6], .per_window = terms[7], .source = {}};
}

}  // namespace

CostFit fit_cost_line(std::span<const KernelRun> runs) {
  if (runs.size() < 3) fail("{} runs of kernel {}; expected at least 3", runs.size(), runs.empty() ? "?" : kernel_name(runs[0].cost.kernel));
  std::vector<std::vector<double>> rows;
  std::vector<double> cycles;
  for (const KernelRun& run : runs) {
    rows.push_back(terms_of(run.cost));
    cycles.push_back(run.cycles);
  }
  const std::vector<double> terms = fit_nonnegative(rows, cycles);
  CostFit fit{line_of(terms), {}, leave_each_out(rows, cycles)};
  for (const auto& row : rows) fit.fitted.push_back(weighted_sum(row, terms));
  return fit;
}

}  // namespace mj
