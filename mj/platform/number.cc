// SPDX-License-Identifier: Apache-2.0
#include "mj/platform/number.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "mj/base/error.h"
#include "mj/base/text.h"

namespace mj {
namespace {

struct Unit {
  const char* name;
  double factor;
};

struct Units {
  const char* quantity;
  std::vector<Unit> units;
};

/// Current per frequency, the way datasheets state the power of running: times the voltage it is energy per cycle.
constexpr std::string_view kCurrentPerFrequency = "uA/MHz";
constexpr double kAmpereSecondsPerMicroamperePerMegahertz = 1e-12;

/// Whole numbers up to here are exact, and sums of a few stay inside 64 bits.
constexpr double kMostBytes = 1e15;

const Units& units_of(Dimension dimension) {
  static const Units kFrequency{"frequency", {{"Hz", 1}, {"kHz", 1e3}, {"MHz", 1e6}, {"GHz", 1e9}}};
  static const Units kVoltage{"voltage", {{"V", 1}, {"mV", 1e-3}}};
  static const Units kEnergy{"energy", {{"J", 1}, {"mJ", 1e-3}, {"uJ", 1e-6}, {"nJ", 1e-9}, {"pJ", 1e-12}}};
  static const Units kEnergyPerCycle{"energy per cycle", {{"pJ", 1e-12}, {"nJ", 1e-9}, {"uA/MHz", 0}}};
  static const Units kBytes{"memory", {{"B", 1}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1024.0 * 1024 * 1024}}};
  switch (dimension) {
    case Dimension::kFrequency:
      return kFrequency;
    case Dimension::kVoltage:
      return kVoltage;
    case Dimension::kEnergy:
      return kEnergy;
    case Dimension::kEnergyPerCycle:
      return kEnergyPerCycle;
    case Dimension::kBytes:
      break;
  }
  return kBytes;
}

std::string unit_names(const Units& units) {
  std::string out;
  for (std::size_t i = 0; i < units.units.size(); ++i) {
    if (i > 0) out += i + 1 == units.units.size() ? " or " : ", ";
    out += units.units[i].name;
  }
  return out;
}

}  // namespace

double read_amount(TomlTable& table, std::string_view key) {
  const double value = table.number(key);
  if (value < 0)
    fail("{}: '{}' is {}; expected a number that is not negative", table.where(key), key, number_text(value));
  return value;
}

Bytes read_byte_count(TomlTable& table, std::string_view key) {
  const double value = read_amount(table, key);
  if (value != std::floor(value) || value > kMostBytes) {
    fail("{}: '{}' is {}; expected a whole number of bytes", table.where(key), key, number_text(value));
  }
  return static_cast<Bytes>(value);
}

Source read_source(TomlTable& table, std::string_view key) {
  static const std::pair<const char*, Source::Kind> kKinds[] = {{"datasheet", Source::Kind::kDatasheet},
                                                                {"measured", Source::Kind::kMeasured},
                                                                {"emulated", Source::Kind::kEmulated},
                                                                {"assumed", Source::Kind::kAssumed}};
  const std::string value = table.text(key);
  const std::size_t colon = value.find(':');
  const std::size_t start = colon == std::string::npos ? colon : value.find_first_not_of(' ', colon + 1);
  for (const auto& [name, kind] : kKinds) {
    if (value.substr(0, colon) == name && start != std::string::npos) return {kind, value.substr(start)};
  }
  fail("{}: '{}' is '{}'; expected 'datasheet: WHICH', 'measured: BY WHOM', 'emulated: HOW' or 'assumed: WHY'", table.where(key), key,
       value);
}

Sourced read_number(TomlTable& description, std::string_view key, Dimension dimension, Zero zero, double voltage_v) {
  if (!description.has(key)) description.missing(key, "{ value = ..., unit = \"...\", source = \"...\" }");
  TomlTable entry = description.table(key);
  const double value = read_amount(entry, "value");
  const std::string unit = entry.text("unit");
  const Source source = read_source(entry, "source");
  entry.finish();
  if (value == 0 && zero == Zero::kRefused) {
    fail("{}: 'value' in [{}] is 0; expected a positive number", entry.where("value"), key);
  }
  if (unit == "KB") {
    fail("{}: 'unit' in [{}] is 'KB', which means 1000 or 1024 bytes; expected kB (1000) or KiB (1024)",
         entry.where("unit"), key);
  }
  const Units& units = units_of(dimension);
  const auto known =
      std::find_if(units.units.begin(), units.units.end(), [&](const Unit& u) { return unit == u.name; });
  if (known == units.units.end()) {
    fail("{}: 'unit' in [{}] is '{}', not a unit of {}; expected {}", entry.where("unit"), key, unit, units.quantity,
         unit_names(units));
  }
  const bool per_frequency = unit == kCurrentPerFrequency;
  const double si = value * (per_frequency ? kAmpereSecondsPerMicroamperePerMegahertz * voltage_v : known->factor);
  if (dimension == Dimension::kBytes && (si != std::floor(si) || si > kMostBytes)) {
    fail("{}: 'value' in [{}] is {} {}; expected a whole number of bytes that a device can have", entry.where("value"),
         key, number_text(value), unit);
  }
  return {si, source};
}

}  // namespace mj
