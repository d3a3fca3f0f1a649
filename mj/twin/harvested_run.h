// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "mj/base/progress.h"
#include "mj/harvest/books.h"
#include "mj/harvest/power_stage.h"
#include "mj/harvest/trace.h"
#include "mj/platform/platform.h"
#include "mj/twin/device_folder.h"

namespace mj {

struct HarvestedRunOptions {
  double period_s = 0;    ///< an input comes every so often; 0: inferences follow each other
  double duration_s = 0;  ///< the trace is repeated or cut to this
  double start_v = 0;     ///< on the capacitor at the start
  std::uint64_t seed = 1;  ///< of the input, and of what volatile memory holds when power comes
};

/// What became of an emulated device on harvested energy.
struct HarvestedRun {
  double duration_s = 0;
  double on_s = 0;
  std::optional<double> first_on_s;
  std::int64_t boots = 0;
  std::int64_t cuts = 0;
  std::int64_t answers = 0;
  std::int64_t wrong_answers = 0;  ///< that differ from an uninterrupted run's
  std::uint64_t instructions = 0;  ///< executed, those again after cuts included
  std::uint64_t cycles = 0;        ///< of these
  double harvested_j = 0;
  double device_j = 0;  ///< that reached the device: boots, work and sleep
  double stored_end_j = 0;
};

/// Steps the intermittent program of an MSP430 folder, instruction by instruction, on the power that a trace and a capacitor
/// give: each cycle draws the platform's energy, the power is cut at the instruction at which the supply switches off, and what
/// memory holds decides how the program goes on. Taking an input and delivering an answer take no time of their own outside
/// of the program. Every input is the same.
///
/// Throws `Error` for a folder that is not intermittent or not for the MSP430, when a tool is missing, when the program faults
/// or ends, and when its uninterrupted run takes over 4e9 instructions.
HarvestedRun run_harvested(const DeviceFolder& folder, const Platform& platform, const PowerStage& stage, Trace& trace,
                           const HarvestedRunOptions& options, Progress& progress);

}  // namespace mj
