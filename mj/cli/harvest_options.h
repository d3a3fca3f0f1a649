// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "mj/base/progress.h"
#include "mj/cli/command.h"
#include "mj/flow/harvest_job.h"

namespace mj::cli {

/// What `simulate` and `size` take alike: the trace, the board, the inputs.
struct HarvestOptions {
  std::string trace, trace_unit, time_unit, trace_step;
  std::string source_resistance, source_voltage;
  std::string harvester = "nano", capacitor_type;
  std::string turn_on, turn_off, full, start_voltage;
  std::string period, duration, reserve, horizon;
  bool back_to_back = false;

  void add(CLI::App& command);
  /// Everything but the capacitor.
  HarvestScene scene(std::uint64_t seed) const;
};

/// Outcomes from a file, or by running MODEL on SET; nothing when none is given. `firmware_exits` for messages.
std::optional<Outcomes> find_outcomes(const std::string& outcomes_file, const std::string& model, const std::string& data,
                                      std::int64_t limit, const std::string& write_to, Progress& progress);

}  // namespace mj::cli
