// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mj/harvest/books.h"
#include "mj/harvest/exit_policy.h"
#include "mj/harvest/histogram.h"
#include "mj/harvest/outcomes.h"
#include "mj/harvest/power_stage.h"
#include "mj/harvest/timeline.h"
#include "mj/harvest/trace.h"
#include "mj/harvest/work_plan.h"

namespace mj {

struct SimulationOptions {
  double period_s = 0;    ///< an input arrives every so often; 0: inferences follow each other back to back
  double duration_s = 0;  ///< the trace is repeated or cut to this; 0: the trace once
  double start_v = 0;     ///< on the capacitor at the start
  std::uint64_t seed = 1;  ///< order of the images
  /// Whether stretches that provably have no cut are advanced at once; else unit by unit (the same results, slower).
  bool leap = true;
};

/// What became of a device on a trace.
struct SimulationResult {
  std::string policy;
  double duration_s = 0;
  double on_s = 0;
  std::int64_t segments = 0;  ///< of the trace
  std::int64_t inputs = 0;    ///< that arrived, or inferences begun
  std::int64_t answers = 0;
  std::optional<std::int64_t> correct;  ///< when outcomes are known
  std::int64_t boots = 0;
  std::int64_t cuts = 0;
  std::int64_t units_cut = 0;  ///< units under way when the power went
  double highest_v = 0;
  std::optional<double> first_on_s;
  std::vector<std::int64_t> answers_at_exit;
  std::vector<std::int64_t> reboots_per_inference;  ///< how many inferences took 0, 1, ... reboots; the last: that many or more
  LogHistogram completion_s;  ///< from the input (back to back: from the start) to its answer
  EnergyBooks books;
  TraceRepairs repairs;
  double timeline_step_s = 0;
  std::vector<TimelineBucket> timeline;

  std::int64_t missed() const { return inputs - answers; }
  double per_hour(std::int64_t count) const { return duration_s > 0 ? static_cast<double>(count) * 3600 / duration_s : 0; }
};

/// Runs the firmware's plan on the trace, event by event.
///
/// The device is off until the capacitor's terminals reach turn-on, boots, does units of work and is switched off at turn-off;
/// a unit under way then is done again. An input that arrives every period is taken up as soon as the device is on and free;
/// those that arrive meanwhile are lost, but for the last. `images` may be null.
///
/// Throws `Error` when the capacitor cannot hold the energy of one unit, saying the smallest that could, and when a trace that
/// never ends comes without a duration. Throws `InternalError` when the energy books do not balance to 1e-9.
SimulationResult simulate(const WorkPlan& plan, const PowerStage& stage, Trace& trace, ExitPolicy& policy, const Outcomes* images,
                          const SimulationOptions& options);

/// Usable energy of one charge, turn-on to turn-off under the plan's highest load and without income, in joules.
double charge_j(const WorkPlan& plan, const PowerStage& stage);
/// What a charge must hold: boot and largest unit, out of the capacitor.
double needed_j(const WorkPlan& plan, const PowerStage& stage);
/// The smallest capacitance of the same kind whose charge holds boot and largest unit. Nothing when none does.
std::optional<double> smallest_capacitance(const WorkPlan& plan, const PowerStage& stage);

/// Energy out of the capacitor from the start of an inference to each answer.
std::vector<double> exit_costs(const WorkPlan& plan, const PowerStage& stage);

}  // namespace mj
