// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "mj/base/toml.h"
#include "mj/platform/platform.h"

namespace mj {

/// What a number in the description of a harvester or capacitor measures.
enum class Electrical { kVoltage, kCurrent, kPower, kResistance, kCapacitance, kTime, kShare };

/// Reads `key = { value = 1.8, unit = "V", source = "datasheet: ..." }` in SI units; a share (0 to 1) has no unit. Throws
/// `Error` with file, line and key, as the descriptions of platforms do.
Sourced read_electrical(TomlTable& table, std::string_view key, Electrical quantity);

/// Reads `source = "datasheet: ..."` (or measured, assumed) of a table.
Source read_origin(TomlTable& table);

/// A folder of descriptions: `MJ_HARVESTERS` in the environment holds `harvesters` and `capacitors`, else the source tree.
std::filesystem::path description_folder(std::string_view kind);
std::vector<std::string> description_names(std::string_view kind);
/// The file of a description by name, or a path that ends in .toml; throws `Error` naming the known ones.
std::filesystem::path find_description(std::string_view kind, std::string_view name_or_path);

}  // namespace mj
