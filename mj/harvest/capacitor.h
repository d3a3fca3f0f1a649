// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mj/platform/platform.h"

namespace mj {

/// A kind of capacitor: how leakage, series resistance and volume follow from the capacitance. One TOML file each.
struct CapacitorFamily {
  std::string name;
  std::string title;
  Sourced leakage_time_s;       ///< leakage resistance times capacitance
  Sourced resistance_ohm;       ///< series resistance of a part, whatever its size ...
  Sourced resistance_time_s;    ///< ... and series resistance times capacitance; the sum of both counts
  Sourced volume_mm3_per_f;     ///< of the case, at the rated voltage
  double smallest_f = 0;        ///< range in which such parts are sold
  double largest_f = 0;
};

/// A capacitor as the simulator sees it: an ideal one with a resistance across it and one in series.
struct Capacitor {
  std::string family;
  double capacitance_f = 0;
  double leakage_ohm = 0;   ///< infinite: none
  double series_ohm = 0;
  double volume_mm3 = 0;
};

CapacitorFamily parse_capacitor_family(std::string_view toml, std::string_view name, std::string_view where);
CapacitorFamily find_capacitor_family(std::string_view name_or_path);
std::vector<std::string> capacitor_family_names();

/// The family sold in this size; where ranges overlap the one with the smallest volume. Throws `Error` saying what sizes
/// there are.
CapacitorFamily family_for(double capacitance_f);

/// A capacitor of a family; throws `Error` when it is not positive and finite.
Capacitor make_capacitor(const CapacitorFamily& family, double capacitance_f);

}  // namespace mj
