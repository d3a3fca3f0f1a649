// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "mj/base/progress.h"
#include "mj/twin/powercut/firmware.h"

namespace mj {

struct PowercutOptions {
  bool single = true;
  std::optional<std::int64_t> doubles;  ///< pairs of cuts to sample; 0: all of them
  std::int64_t random = 0;              ///< inferences with a random chain of cuts each
  std::string seed_bug;                 ///< a fault to plant, see `seed_bug_names`
  std::uint64_t seed = 1;
};

/// What cutting the power showed. A divergence is a run whose answer or non-volatile memory differs from the uninterrupted
/// one, or a unit that touches what it does not declare; a correct firmware has none.
struct PowercutResult {
  std::int64_t units = 0;
  std::int64_t exits = 0;   ///< where it may stop before its end
  std::int64_t writes = 0;  ///< of one inference, input and delivery included
  std::int64_t single_cuts = 0;
  std::int64_t recovery_cuts = 0;  ///< cuts while recovering from a cut
  std::int64_t double_cuts = 0;    ///< pairs
  std::int64_t random_cuts = 0;    ///< cuts in random chains
  std::int64_t random_chains = 0;
  std::int64_t restarts_run_to_the_end = 0;
  std::int64_t isolated_units = 0;  ///< run with everything outside their declared reads poisoned
  std::int64_t divergences = 0;
  std::string first_divergence;

  // Bytes written by one inference.
  Bytes activation_bytes = 0;  ///< input and outputs of nodes
  Bytes partial_bytes = 0;     ///< partial sums of split rows
  Bytes commit_bytes = 0;
  Bytes result_bytes = 0;      ///< results and their number
  Bytes continuous_bytes = 0;  ///< activations that continuous execution writes
  double seconds = 0;

  /// Activation bytes against continuous execution; partial sums, commits and delivery are counted apart.
  double write_amplification() const {
    return static_cast<double>(activation_bytes) / static_cast<double>(continuous_bytes);
  }
};

/// Compiles the firmware for this machine and cuts its power, on all `threads()`.
///
/// Single cuts: before, inside and after every non-volatile write of one inference, from the first power-on of a blank
/// device to the delivery of the answer. After each, volatile memory is poisoned, the firmware restarts (with cuts at every
/// write of its recovery, too) and goes on to the end of the action that was cut; there, its whole memory must be that of a
/// restart at the action's beginning, and that restart is run to the end and compared at every commit. So every cut is
/// known to end as the uninterrupted run does. Double and random cuts are run to the end one by one.
PowercutResult cut_power(const FirmwareFolder& folder, const PowercutOptions& options, Progress& progress);

}  // namespace mj
