// SPDX-License-Identifier: Apache-2.0
#include "mj/base/units.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <cmath>
#include <limits>
#include <span>

#include "mj/base/error.h"
#include "mj/base/text.h"

namespace mj {
namespace {

struct UnitName {
  std::string_view name;
  double factor;
};

constexpr std::array kEnergyUnits = {UnitName{"J", 1},        UnitName{"mJ", 1e-3},  UnitName{"uJ", 1e-6},
                                     UnitName{"nJ", 1e-9},    UnitName{"pJ", 1e-12}, UnitName{"kJ", 1e3},
                                     UnitName{"Wh", 3600},    UnitName{"mWh", 3.6}};
constexpr std::array kTimeUnits = {UnitName{"s", 1},    UnitName{"ms", 1e-3}, UnitName{"us", 1e-6}, UnitName{"ns", 1e-9},
                                   UnitName{"min", 60}, UnitName{"h", 3600},  UnitName{"d", 86400}};
constexpr std::array kByteUnits = {UnitName{"B", 1},          UnitName{"kB", 1e3},        UnitName{"MB", 1e6},
                                   UnitName{"GB", 1e9},       UnitName{"KiB", 1024.0},    UnitName{"MiB", 1048576.0},
                                   UnitName{"GiB", 1073741824.0}};

constexpr std::array kResistanceUnits = {UnitName{"ohm", 1}, UnitName{"mohm", 1e-3}, UnitName{"kohm", 1e3},
                                         UnitName{"Mohm", 1e6}};
constexpr std::array kCapacitanceUnits = {UnitName{"F", 1}, UnitName{"mF", 1e-3}, UnitName{"uF", 1e-6}, UnitName{"nF", 1e-9}};
constexpr std::array kVoltageUnits = {UnitName{"V", 1}, UnitName{"mV", 1e-3}};
constexpr std::array kCurrentUnits = {UnitName{"A", 1}, UnitName{"mA", 1e-3}, UnitName{"uA", 1e-6}, UnitName{"nA", 1e-9}};
constexpr std::array kPowerUnits = {UnitName{"W", 1}, UnitName{"mW", 1e-3}, UnitName{"uW", 1e-6}, UnitName{"nW", 1e-9}};

std::string unit_list(std::span<const UnitName> units) {
  std::string text;
  for (const UnitName& unit : units) text += (text.empty() ? "" : ", ") + std::string(unit.name);
  return text;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

double parse_quantity(std::string_view text, std::string_view what, std::string_view example,
                      std::span<const UnitName> units) {
  const std::string_view whole = trimmed(text);
  std::size_t end = whole.size();
  while (end > 0 && std::isalpha(static_cast<unsigned char>(whole[end - 1]))) --end;
  const std::string_view unit = whole.substr(end);
  const auto number = parse_number(trimmed(whole.substr(0, end)));
  if (!number || !std::isfinite(*number)) {
    fail("'{}' is not {}; expected a number and a unit, e.g. \"{}\"", text, what, example);
  }
  if (*number < 0) fail("'{}' is negative; expected {} of zero or more", text, what);
  if (unit.empty()) fail("'{}' has no unit; expected one of {}, e.g. \"{}\"", text, unit_list(units), example);
  for (const UnitName& known : units) {
    if (unit == known.name) return *number * known.factor;
  }
  fail("'{}': unknown unit '{}' for {}; expected one of {}", text, unit, what, unit_list(units));
}

/// Three significant digits with the largest unit that keeps the number at one or above.
std::string scaled_text(double value, std::span<const UnitName> units) {
  if (value == 0) return fmt::format("0 {}", units.front().name);
  for (const UnitName& unit : units) {
    const double scaled = value / unit.factor;
    if (std::fabs(scaled) >= 0.9995 || unit.name == units.back().name) {
      const double size = std::fabs(scaled);
      const int decimals = size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
      return fmt::format("{:.{}f} {}", scaled, decimals, unit.name);
    }
  }
  return {};
}

}  // namespace

Joules parse_energy(std::string_view text) { return {parse_quantity(text, "an energy", "2.5 mJ", kEnergyUnits)}; }

Seconds parse_time(std::string_view text) { return {parse_quantity(text, "a time", "250 ms", kTimeUnits)}; }

double parse_resistance(std::string_view text) {
  return parse_quantity(text, "a resistance", "30 kohm", kResistanceUnits);
}
double parse_capacitance(std::string_view text) {
  return parse_quantity(text, "a capacitance", "100 uF", kCapacitanceUnits);
}
double parse_voltage(std::string_view text) { return parse_quantity(text, "a voltage", "2.4 V", kVoltageUnits); }
double parse_current(std::string_view text) { return parse_quantity(text, "a current", "1.5 uA", kCurrentUnits); }
double parse_power(std::string_view text) { return parse_quantity(text, "a power", "2 mW", kPowerUnits); }

Bytes parse_bytes(std::string_view text) {
  if (trimmed(text).ends_with("KB")) {
    fail("'{}': 'KB' means 1000 bytes to some and 1024 to others; write kB (1000) or KiB (1024)", text);
  }
  const double bytes = parse_quantity(text, "a size", "32 kB", kByteUnits);
  if (bytes > 9e15) fail("'{}' is more bytes than any device has", text);
  if (bytes != std::floor(bytes)) fail("'{}' is not a whole number of bytes", text);
  return static_cast<Bytes>(bytes);
}

std::string to_text(Joules energy) {
  constexpr std::array kUnits = {UnitName{"J", 1}, UnitName{"mJ", 1e-3}, UnitName{"uJ", 1e-6}, UnitName{"nJ", 1e-9}};
  return scaled_text(energy.value, kUnits);
}

std::string to_text(Seconds time) {
  constexpr std::array kUnits = {UnitName{"s", 1}, UnitName{"ms", 1e-3}, UnitName{"us", 1e-6}, UnitName{"ns", 1e-9}};
  return scaled_text(time.value, kUnits);
}

std::string si_text(double value, std::string_view unit) {
  constexpr std::array kPrefixes = {UnitName{"M", 1e6},  UnitName{"k", 1e3},  UnitName{"", 1},     UnitName{"m", 1e-3},
                                    UnitName{"u", 1e-6}, UnitName{"n", 1e-9}, UnitName{"p", 1e-12}};
  return value == 0 ? fmt::format("0 {}", unit) : scaled_text(value, kPrefixes) + std::string(unit);
}

std::string bytes_text(Bytes bytes) { return thousands(bytes) + " B"; }

}  // namespace mj
