// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "mj/platform/platform.h"

namespace mj {

/// One run of a kernel on one layer.
struct KernelRun {
  std::string layer;
  Cost cost;
  double cycles = 0;
};

/// A cost line and how well it holds, as cycles per run.
struct CostFit {
  CostLine line;  ///< cycles only
  std::vector<double> fitted;
  std::vector<double> left_out;  ///< by a fit to all the other runs
};

/// Fits a cost line to runs of one kernel, by least squares of relative errors without negative terms. Throws `Error` for
/// fewer than three.
CostFit fit_cost_line(std::span<const KernelRun> runs);

}  // namespace mj
