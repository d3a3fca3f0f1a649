// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "mj/base/units.h"
#include "mj/ir/type.h"

namespace mj {

/// What was measured of one model.
struct Measurement {
  std::string model;         ///< an architecture's name or a model file
  Shape input;               ///< of an architecture; empty when not said
  std::int64_t classes = 0;  ///< of an architecture; 0 when not said
  Joules energy;
  Seconds time;
};

/// Reads a table with a header and the columns `model`, `energy_UNIT` (J, mJ, uJ) and `time_UNIT` (s, ms, us), separated by
/// commas or semicolons; where architectures differ in them, also `input` (224x224x3) and `classes`. Throws `Error` naming file and line: missing columns, rows of another length, amounts that are
/// not positive numbers, fewer than 3 rows, a power above 10 kW or below 1 uW (units swapped?).
std::vector<Measurement> read_measurements(const std::filesystem::path& path);
std::vector<Measurement> parse_measurements(std::string_view text, std::string_view where);

/// A run cut out of a power trace.
struct PowerRun {
  Joules energy;
  Seconds time;
  std::size_t samples = 0;
};

/// Energy of the run between the two instants of `times` (a header and one row `start;end`, seconds) in `trace`: a header,
/// then rows separated by semicolons with the columns `Timestamp` (seconds) and those of `rails` (mW), which are summed.
///
/// Every sample within the run stands for the time half way to its neighbours. Throws `Error` naming the line: unknown
/// rails, times that go back, numbers that are not finite, a run with fewer than 2 samples in it or outside the trace.
PowerRun integrate_power(std::string_view trace, std::string_view trace_name, std::string_view times,
                         std::string_view times_name, const std::vector<std::string>& rails);

}  // namespace mj
