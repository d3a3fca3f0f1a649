// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "mj/base/toml.h"
#include "mj/platform/platform.h"

namespace mj {

/// What a number of a description measures; decides its units.
enum class Dimension { kFrequency, kVoltage, kEnergy, kEnergyPerCycle, kBytes };

/// Whether a number may be zero.
enum class Zero { kRefused, kAllowed };

/// Reads `{ value = ..., unit = "...", source = "..." }` in SI units. `voltage_v` turns a current per frequency into
/// energy per cycle. Throws `Error`: `toy.toml:4: 'unit' in [frequency] is 'V', not a unit of frequency; expected Hz,
/// kHz, MHz or GHz`.
Sourced read_number(TomlTable& description, std::string_view key, Dimension dimension, Zero zero = Zero::kRefused,
                    double voltage_v = 0);

/// A plain number that is not negative; its unit is part of the key's name.
double read_amount(TomlTable& table, std::string_view key);
/// A plain whole number of bytes.
Bytes read_byte_count(TomlTable& table, std::string_view key);
/// "datasheet: ...", "measured: ..." or "assumed: ...".
Source read_source(TomlTable& table, std::string_view key);

}  // namespace mj
