// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "mj/flow/harvest_job.h"
#include "mj/twin/harvested_run.h"

namespace mj {

/// One quantity as the simulation and as the emulated device have it.
struct CrossCheckRow {
  std::string name;  ///< "answers"
  std::string unit;  ///< "J", "s"; empty: a count
  double simulated = 0;
  double emulated = 0;

  /// (simulated - emulated) / emulated; 0 when both are 0.
  double difference() const;
};

/// The same firmware on the same trace, simulated from its plan and executed on the emulated device.
struct CrossCheck {
  SimulationResult simulated;
  HarvestedRun emulated;

  std::vector<CrossCheckRow> rows() const;
  /// Answers and boots are equal, energy is within 2 %, and every answer is that of an uninterrupted run.
  bool agrees() const;
};

/// Both runs of the scene; the program in the folder always runs to its end, so the policy is `full`. Throws `Error` as
/// `compare_policies` and `run_harvested` do, and when the scene has no duration.
CrossCheck cross_check(const std::filesystem::path& directory, const WorkPlan& plan, const HarvestScene& scene, Progress& progress);

}  // namespace mj
