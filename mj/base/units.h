// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace mj {

/// A quantity with a unit in its type; arithmetic stays inside the unit.
template <class Unit>
struct Quantity {
  double value = 0;

  friend constexpr auto operator<=>(Quantity, Quantity) = default;
  friend constexpr Quantity operator+(Quantity a, Quantity b) { return {a.value + b.value}; }
  friend constexpr Quantity operator-(Quantity a, Quantity b) { return {a.value - b.value}; }
  friend constexpr Quantity operator*(Quantity a, double factor) { return {a.value * factor}; }
  friend constexpr Quantity operator*(double factor, Quantity a) { return {a.value * factor}; }
  friend constexpr Quantity operator/(Quantity a, double divisor) { return {a.value / divisor}; }
  friend constexpr double operator/(Quantity a, Quantity b) { return a.value / b.value; }
  constexpr Quantity& operator+=(Quantity other) { return value += other.value, *this; }
};

using Joules = Quantity<struct JouleUnit>;
using Seconds = Quantity<struct SecondUnit>;

/// A size in bytes.
using Bytes = std::int64_t;

/// Parses "2.5 mJ" (J, mJ, uJ, nJ, pJ, kJ, Wh, mWh). Throws `Error` naming the text and the units known.
Joules parse_energy(std::string_view text);

/// Parses "250 ms" (s, ms, us, ns, min, h, d).
Seconds parse_time(std::string_view text);

/// Electrical quantities in SI units: "30 kohm" (ohm, mohm, kohm, Mohm), "100uF" (F, mF, uF, nF), "2.4 V" (V, mV), "1.5 uA"
/// (A, mA, uA, nA), "2 mW" (W, mW, uW, nW). Each throws `Error` naming the text and the units known.
double parse_resistance(std::string_view text);
double parse_capacitance(std::string_view text);
double parse_voltage(std::string_view text);
double parse_current(std::string_view text);
double parse_power(std::string_view text);

/// Parses "32kB" (B, kB = 1000, MB, GB, KiB = 1024, MiB, GiB); a bare "KB" is refused because it means both.
Bytes parse_bytes(std::string_view text);

/// "2.51 mJ": three significant digits and the unit that suits the size.
std::string to_text(Joules energy);
/// "12.3 ms".
std::string to_text(Seconds time);
/// A value in SI units with three significant digits and a prefix from p to M: `si_text(1e-4, "F")` is "100 uF".
std::string si_text(double value, std::string_view unit);
/// The exact number of bytes, "25,360 B".
std::string bytes_text(Bytes bytes);

}  // namespace mj
