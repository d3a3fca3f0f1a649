// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "mj/base/progress.h"
#include "mj/platform/cost_fit.h"

namespace mj {

struct TwinCalibration {
  std::string machine;  ///< of `twin run`
  std::string title;
  std::string unit;     ///< "cycles", or "instructions" where the machine defines no cycles
  int networks = 0;
  std::map<Kernel, std::vector<KernelRun>> runs;
  std::map<Kernel, CostFit> fits;  ///< of kernels with enough runs; their lines say where they come from
};

/// Emits generated networks (see `calibration_networks`) for a machine, runs each on one random input, and fits a cost line
/// to the layers of every kernel. Deterministic. Throws `Error` as `run_twin` does.
TwinCalibration calibrate_on_twin(const std::string& machine, std::uint64_t seed, Progress& progress);

}  // namespace mj
