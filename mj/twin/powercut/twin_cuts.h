// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "mj/base/progress.h"
#include "mj/twin/powercut/firmware.h"

namespace mj {

struct TwinCutOptions {
  std::string machine;      ///< empty: the family's usual one
  bool units = true;        ///< at every instruction boundary of one unit of every kernel call, of input and of delivery
  std::int64_t every = 0;   ///< over a whole inference, after every so many instructions; 0: not
  std::int64_t random = 0;  ///< inferences with a random chain of cuts each
  std::string seed_bug;     ///< a fault to plant, see `seed_bug_names`
  std::uint64_t seed = 1;
};

/// What cutting the power between instructions showed. A divergence is a run whose answer or non-volatile memory differs
/// from the uninterrupted one, or that faults or does not end; a correct firmware has none.
struct TwinCutResult {
  std::string machine;
  std::string title;
  std::int64_t units = 0;
  std::int64_t instructions = 0;  ///< of one inference, from the first power-on to the end of the delivery
  std::int64_t cut_units = 0;     ///< units cut at every chosen instruction boundary
  std::int64_t single_cuts = 0;   ///< at chosen boundaries, each in an inference of its own
  /// Different contents of non-volatile memory among the single cuts, where boundaries between which it does not change
  /// count as one: with the same garbage in volatile memory the restart is the same.
  std::int64_t restarts = 0;
  std::int64_t restarts_run_to_the_end = 0;
  std::int64_t random_chains = 0;
  std::int64_t random_cuts = 0;  ///< cuts in random chains
  std::int64_t divergences = 0;
  std::string first_divergence;
  double seconds = 0;
};

/// Builds firmware that was emitted with `--intermittent` for a device, runs it there and cuts its power between
/// instructions: registers and SRAM are lost, non-volatile memory stays, the program starts again from its reset vector.
/// Deterministic. Throws `Error` for a folder or machine on which this is not possible, and for missing tools.
TwinCutResult cut_power_on_twin(const FirmwareFolder& folder, const TwinCutOptions& options, Progress& progress);

}  // namespace mj
