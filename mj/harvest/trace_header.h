// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mj/harvest/trace.h"

namespace mj {

/// A unit of samples: its quantity, and the factor to SI; dBm is not linear.
struct SampleUnit {
  TraceKind kind = TraceKind::kPower;
  double factor = 1;
  bool decibel = false;
};

/// "mW", "volts", "milli-ampere", "dBm", ...; nothing when `word` is no unit of voltage, power or current.
std::optional<SampleUnit> sample_unit(std::string_view word);

/// Seconds in "s", "sec", "ms", "us", "min", ...; nothing when `word` is no unit of time.
std::optional<double> time_unit(std::string_view word);

/// The names of the units that may be given, for messages.
inline constexpr const char* kSampleUnits = "V, mV, W, mW, uW, nW, dBm, A, mA, uA, nA";
inline constexpr const char* kTimeUnits = "s, ms, us, min, h";

/// What the lines before the first row of numbers say about the columns.
struct TraceHeader {
  std::optional<SampleUnit> unit;
  std::optional<double> time_unit_s;
  std::optional<double> step_s;  ///< from "Sample rate: 300 seconds"
  bool any = false;              ///< there was a header

  /// Takes in one line.
  void read(std::string_view line);
};

}  // namespace mj
