// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mj/base/progress.h"
#include "mj/data/dataset.h"
#include "mj/emit/policy.h"
#include "mj/harvest/capacitor.h"
#include "mj/harvest/harvester.h"
#include "mj/harvest/outcomes.h"
#include "mj/harvest/simulate.h"
#include "mj/ir/graph.h"

namespace mj {

/// What the network answers at every exit on these samples, as a table that `read_outcomes` reads: run by the reference
/// evaluator; confidence is the largest softmax output at the exit's temperature, for int8 exits computed as on the device.
/// Exits are the network's outputs, in order.
std::string exit_outcomes(const Graph& graph, const Samples& samples, Progress& progress);

/// The surroundings of a device: everything a simulation needs besides the firmware and the policy.
struct HarvestScene {
  std::string trace;  ///< file, or a made-up course (`make_trace`)
  TraceOptions trace_options;
  SourceModel source;
  Harvester harvester;
  Capacitor capacitor;
  SimulationOptions options;
  double reserve_j = -1;  ///< kept back by the policies that look at energy; below 0: a tenth of what can be stored
  double horizon_s = 0;   ///< over which they spend what is stored above; 0: a quarter of a day
};

/// One firmware in one scene under several policies.
struct HarvestComparison {
  WorkPlan plan;
  HarvestScene scene;
  std::string trace_assumption;
  std::vector<std::string> exits;
  std::vector<double> exit_accuracy;  ///< over the images that come as inputs; empty without outcomes
  double capacity_j = 0;              ///< usable from full to turn-off
  double charge_j = 0;                ///< usable from turn-on to turn-off
  std::vector<SimulationResult> runs;
  std::optional<PolicyTables> tables;  ///< of the first run's policy, unless no device can have it
  std::optional<double> most_correct;  ///< upper bound by dynamic programming, when there are outcomes
};

/// Half of the images, drawn by `seed`, to learn the policies' tables from, and the other half to come as inputs.
std::pair<Outcomes, Outcomes> split_outcomes(const Outcomes& outcomes, std::uint64_t seed);

/// Runs the policies (all that are known for "all") on as many threads as there are. `outcomes` may be null. Throws `Error`
/// as `simulate`, `make_policy` and the readers do.
HarvestComparison compare_policies(const WorkPlan& plan, const HarvestScene& scene, const std::vector<std::string>& policies,
                                   const Outcomes* outcomes, Progress& progress);

/// One point of a sweep.
struct SizePoint {
  std::string firmware;
  Capacitor capacitor;
  std::string policy;
  double correct_per_hour = 0;  ///< answers per hour times their accuracy; plain answers when no outcomes are known
  double answers_per_hour = 0;
  double accuracy = 0;
  double missed_share = 0;
  bool pareto = false;  ///< nothing smaller or equal gives as much
  std::string refusal;  ///< why it could not run: the capacitor is too small for a unit
};

/// A firmware to choose among, with what its network answers.
struct SizeCandidate {
  std::string name;
  WorkPlan plan;
  std::optional<Outcomes> outcomes;
};

/// Every candidate with every capacitor (F) under every policy, sorted by volume, then by correct answers.
std::vector<SizePoint> size_sweep(const std::vector<SizeCandidate>& candidates, const HarvestScene& scene, const std::string& family,
                                  const std::vector<double>& capacitances_f, const std::vector<std::string>& policies, Progress& progress);

}  // namespace mj
