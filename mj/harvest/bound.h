// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "mj/harvest/exit_levels.h"
#include "mj/harvest/power_stage.h"
#include "mj/harvest/simulate.h"
#include "mj/harvest/trace.h"
#include "mj/harvest/work_plan.h"

namespace mj {

/// The most right answers that can have been given, as a function of the energy still stored: concave, falling, made of
/// straight pieces.
///
/// Forward dynamic programming over the stored energy with exact arithmetic instead of a grid: the best use of one inference's
/// energy is concave (`exit_levels`), so every step is a sum of two concave functions' best split, which merges their pieces
/// by slope. There are never more slopes than levels, so a step costs a handful of additions and memory is constant.
class ValueOfStore {
 public:
  /// Pieces of the use of energy: slope (right answers per joule, falling). At the start `stored_j` is stored.
  ValueOfStore(std::vector<double> slopes, double stored_j, double capacity_j);

  /// `joules` arrive.
  void receive(double joules) { lowest_ += joules; }
  /// Energy may be spent: up to `lengths[s]` joules at slope s, the best first.
  void offer(const std::vector<double>& lengths);
  /// Nothing below empty, nothing above full.
  void bound();
  /// The most right answers, whatever is left in store.
  double most() const { return value_; }

 private:
  std::vector<double> slopes_;
  std::vector<double> lengths_;  ///< of the pieces, from the gentlest slope (at the lowest energy) to the steepest
  double lowest_;                ///< the domain begins here ...
  double value_ = 0;             ///< ... with this value
  double capacity_;
};

/// An upper bound on the expected right answers of any policy that decides by confidence buckets and does not know the images'
/// outcomes, but knows the whole trace.
///
/// Back to back, a device whose units all draw the same power is on as long whatever the policy, and at work whenever it is on:
/// the bound is that energy, less the boots, at the most right answers per joule. Where powers differ energy is spent no faster
/// than the device can draw it.
///
/// Else it is the exact optimum of an easier problem: from the first turn-on on, which no policy changes, energy arrives at the
/// best efficiency between turn-off and full, less what leaks and is drawn at turn-off; there is no series resistance, no boot, no
/// sleep and no work done twice; the device is on whenever energy is there; and what an inference under way has used counts as
/// stored, so that the store is larger by one full inference. Every one of these can only add answers. There is at most one
/// inference in each period.
double most_correct(const WorkPlan& plan, const PowerStage& stage, Trace& trace, const Outcomes& images, const SimulationOptions& options);

}  // namespace mj
