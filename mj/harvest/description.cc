// SPDX-License-Identifier: Apache-2.0
#include "mj/harvest/description.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <system_error>

#include "mj/base/error.h"
#include "mj/base/text.h"
#include "mj/base/units.h"

namespace mj {
namespace {

namespace fs = std::filesystem;

double in_si(Electrical quantity, const std::string& text) {
  switch (quantity) {
    case Electrical::kVoltage: return parse_voltage(text);
    case Electrical::kCurrent: return parse_current(text);
    case Electrical::kPower: return parse_power(text);
    case Electrical::kResistance: return parse_resistance(text);
    case Electrical::kCapacitance: return parse_capacitance(text);
    case Electrical::kTime: return parse_time(text).value;
    case Electrical::kShare: break;
  }
  return 0;
}

}  // namespace

Source read_origin(TomlTable& table) {
  static const std::pair<const char*, Source::Kind> kKinds[] = {{"datasheet: ", Source::Kind::kDatasheet},
                                                                {"measured: ", Source::Kind::kMeasured},
                                                                {"assumed: ", Source::Kind::kAssumed}};
  const std::string text = table.text("source");
  for (const auto& [prefix, kind] : kKinds) {
    if (text.starts_with(prefix) && text.size() > std::string_view(prefix).size()) {
      return {kind, text.substr(std::string_view(prefix).size())};
    }
  }
  fail("{}: 'source' is '{}'; expected 'datasheet: WHICH', 'measured: BY WHOM' or 'assumed: WHY'", table.where("source"), text);
}

Sourced read_electrical(TomlTable& table, std::string_view key, Electrical quantity) {
  if (!table.has(key)) table.missing(key, "{ value = ..., unit = \"...\", source = \"...\" }");
  TomlTable entry = table.table(key);
  Sourced out;
  const double value = entry.number("value");
  if (quantity == Electrical::kShare) {
    if (!(value > 0 && value <= 1)) {
      fail("{}: 'value' in [{}] is {}; expected more than 0 and at most 1", entry.where("value"), key, number_text(value));
    }
    out.value = value;
  } else {
    const std::string text = fmt::format("{} {}", number_text(value), entry.text("unit"));
    out.value = with_context(entry.where("value"), [&] { return in_si(quantity, text); });
  }
  out.source = read_origin(entry);
  entry.finish();
  return out;
}

fs::path description_folder(std::string_view kind) {
  const char* chosen = std::getenv("MJ_HARVESTERS");
  return fs::path(chosen != nullptr && *chosen != '\0' ? chosen : MJ_HARVESTER_DIR) / kind;
}

std::vector<std::string> description_names(std::string_view kind) {
  const fs::path folder = description_folder(kind);
  std::error_code code;
  std::vector<std::string> names;
  for (fs::directory_iterator it(folder, code), end; !code && it != end; it.increment(code)) {
    if (it->path().extension() == ".toml") names.push_back(it->path().stem().string());
  }
  if (code) fail("{}: {}; MJ_HARVESTERS names another folder", folder.string(), code.message());
  std::sort(names.begin(), names.end());
  return names;
}

fs::path find_description(std::string_view kind, std::string_view name_or_path) {
  if (name_or_path.ends_with(".toml")) return fs::path(name_or_path);
  const std::vector<std::string> names = description_names(kind);
  if (std::find(names.begin(), names.end(), name_or_path) != names.end()) {
    return description_folder(kind) / (std::string(name_or_path) + ".toml");
  }
  const auto meant = nearest(name_or_path, names);
  fail("unknown name '{}' among the {}{}; known: {}; or the path of a .toml", name_or_path, kind,
       meant ? fmt::format(" (did you mean {}?)", *meant) : "", fmt::join(names, ", "));
}

}  // namespace mj
