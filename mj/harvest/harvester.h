// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "mj/harvest/trace.h"
#include "mj/platform/platform.h"

namespace mj {

/// How the source charges the capacitor.
enum class Charging {
  kBoost,   ///< through a converter that holds the source at its best point
  kDirect,  ///< through a diode
};

/// Efficiency of a boost converter over input power (rows) and capacitor voltage (columns); between the points linear in
/// the logarithm of the power and in the voltage, beyond them constant.
struct EfficiencyTable {
  std::vector<double> input_power_w;
  std::vector<double> voltage_v;
  std::vector<double> share;  ///< {power, voltage}
  Source source;
};

/// The power stage of a board: source to capacitor to device. Read from one TOML file (`format = 1`), every number with
/// its source.
struct Harvester {
  std::string name;
  std::string title;
  Charging charging = Charging::kBoost;
  // Of a boost converter.
  EfficiencyTable efficiency;
  Sourced operating_share;        ///< of a voltage source's open-circuit voltage, where the converter loads it
  Sourced minimum_power_w;        ///< less cannot be harvested
  Sourced cold_start_voltage_v;   ///< below it the converter starts from the source alone
  Sourced cold_start_efficiency;
  Sourced cold_start_power_w;     ///< least input for that
  // Of a diode.
  Sourced diode_drop_v;
  // Capacitor to device.
  Sourced quiescent_current_a;    ///< of converter and supervisor, from the capacitor, always
  bool regulated = true;          ///< a converter supplies the device: constant power; else its current is constant
  Sourced output_efficiency;      ///< of that converter
  Sourced turn_on_v;
  Sourced turn_off_v;
  Sourced full_v;                 ///< charging stops here
  Sourced comparator_delay_s;     ///< from a threshold passed to the device switched
  Sourced brown_out_v;            ///< below it the device dies at once, whatever the comparator does
  Sourced sleep_current_a;        ///< of the device between inferences
};

/// Reads and checks a description; throws `Error` naming file, line and key, also where thresholds are in the wrong order.
Harvester parse_harvester(std::string_view toml, std::string_view name, std::string_view where);
/// By name from the installed descriptions, or a path to a `.toml`.
Harvester find_harvester(std::string_view name_or_path);
std::vector<std::string> harvester_names();

/// Throws `Error` unless brown-out <= turn-off < turn-on <= full.
void check_thresholds(const Harvester& harvester);

/// What stands between the samples of a trace and power.
struct SourceModel {
  double resistance_ohm = 0;  ///< in series with a voltage; required for those
  double voltage_v = 0;       ///< at which a current is delivered to a boost converter; required for those
};

/// Throws `Error` saying which value is needed for a trace of this kind and was not given.
void check_source(const Harvester& harvester, TraceKind kind, const SourceModel& source);

}  // namespace mj
