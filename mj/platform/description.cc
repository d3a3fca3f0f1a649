// SPDX-License-Identifier: Apache-2.0
#include "mj/platform/description.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

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
  static const Units kBytes{"memory",
                            {{"B", 1}, {"kB", 1e3}, {"MB", 1e6}, {"KiB", 1024}, {"MiB", 1024 * 1024}}};
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
      return kBytes;
  }
  MJ_CHECK(false);
}

std::string unit_names(const Units& units) {
  std::string out;
  for (std::size_t i = 0; i < units.units.size(); ++i) {
    if (i > 0) out += i + 1 == units.units.size() ? " or " : ", ";
    out += units.units[i].name;
  }
  return out;
}

const char* kind_text(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "text";
    case toml::node_type::integer:
    case toml::node_type::floating_point:
      return "a number";
    case toml::node_type::boolean:
      return "a truth value";
    default:
      return "a date or time";
  }
}

}  // namespace

Description::Description(const toml::table& table, std::string where, std::string prefix)
    : table_(table), where_(std::move(where)), prefix_(std::move(prefix)) {}

std::string Description::at(std::string_view key) const {
  const toml::node* node = table_.get(key);
  const auto line = (node != nullptr ? node->source() : table_.source()).begin.line;
  return fmt::format("{}:{}: {}{}", where_, line, prefix_, key);
}

void Description::allow(std::span<const std::string> keys) const {
  for (const auto& [key, node] : table_) {
    const std::string_view name = key.str();
    if (std::find(keys.begin(), keys.end(), name) != keys.end()) continue;
    const std::optional<std::string> meant = nearest(name, keys);
    if (meant) fail("{}: unknown key; did you mean {}{}?", at(name), prefix_, *meant);
    fail("{}: unknown key; known: {}", at(name), fmt::join(keys, ", "));
  }
}

const toml::node& Description::need(std::string_view key) const {
  const toml::node* node = table_.get(key);
  if (node == nullptr) fail("{}: missing", at(key));
  return *node;
}

std::string Description::text(std::string_view key) const {
  const toml::node& node = need(key);
  const auto* value = node.as_string();
  if (value == nullptr) fail("{}: {}; expected text", at(key), kind_text(node));
  if (value->get().empty()) fail("{}: empty; expected text", at(key));
  return value->get();
}

bool Description::flag(std::string_view key) const {
  const toml::node& node = need(key);
  const auto* value = node.as_boolean();
  if (value == nullptr) fail("{}: {}; expected true or false", at(key), kind_text(node));
  return value->get();
}

std::int64_t Description::integer(std::string_view key) const {
  const toml::node& node = need(key);
  const auto* value = node.as_integer();
  if (value == nullptr) fail("{}: {}; expected a whole number", at(key), kind_text(node));
  return value->get();
}

double Description::amount(std::string_view key) const {
  const toml::node& node = need(key);
  const std::optional<double> value = node.is_number() ? node.value<double>() : std::nullopt;
  if (!value) fail("{}: {}; expected a number", at(key), kind_text(node));
  if (!std::isfinite(*value) || *value < 0) {
    fail("{}: {}; expected a finite number that is not negative", at(key), number_text(*value));
  }
  return *value;
}

Bytes Description::byte_count(std::string_view key) const {
  const double value = amount(key);
  if (value != std::floor(value) || value > kMostBytes) {
    fail("{}: {}; expected a whole number of bytes", at(key), number_text(value));
  }
  return static_cast<Bytes>(value);
}

Source Description::source(std::string_view key) const {
  static const std::pair<const char*, Source::Kind> kKinds[] = {{"datasheet", Source::Kind::kDatasheet},
                                                                {"measured", Source::Kind::kMeasured},
                                                                {"assumed", Source::Kind::kAssumed}};
  const std::string value = text(key);
  const std::size_t colon = value.find(':');
  const std::size_t start = colon == std::string::npos ? colon : value.find_first_not_of(' ', colon + 1);
  for (const auto& [name, kind] : kKinds) {
    if (value.substr(0, colon) == name && start != std::string::npos) return {kind, value.substr(start)};
  }
  fail("{}: '{}'; expected 'datasheet: WHICH', 'measured: BY WHOM' or 'assumed: WHY'", at(key), value);
}

Description Description::table(std::string_view key) const {
  const toml::node& node = need(key);
  const toml::table* table = node.as_table();
  if (table == nullptr) fail("{}: {}; expected a table", at(key), kind_text(node));
  return {*table, where_, fmt::format("{}{}.", prefix_, key)};
}

Sourced Description::number(std::string_view key, Dimension dimension, bool may_be_zero, double voltage_v) const {
  const toml::node& node = need(key);
  if (!node.is_table()) {
    fail("{}: {}; expected {{ value = ..., unit = \"...\", source = \"...\" }}", at(key), kind_text(node));
  }
  const Description entry = table(key);
  static const std::vector<std::string> kKeys{"value", "unit", "source"};
  entry.allow(kKeys);
  const double value = entry.amount("value");
  if (value == 0 && !may_be_zero) fail("{}: 0; expected a positive number", entry.at("value"));
  const Source source = entry.source("source");
  const std::string unit = entry.text("unit");
  if (unit == "KB") {
    fail("{}: 'KB' means 1000 or 1024 bytes; write kB (1000) or KiB (1024)", entry.at("unit"));
  }
  const Units& units = units_of(dimension);
  const auto known = std::find_if(units.units.begin(), units.units.end(), [&](const Unit& u) { return unit == u.name; });
  if (known == units.units.end()) {
    fail("{}: '{}' is not a unit of {}; expected {}", entry.at("unit"), unit, units.quantity, unit_names(units));
  }
  const double factor =
      unit == kCurrentPerFrequency ? kAmpereSecondsPerMicroamperePerMegahertz * voltage_v : known->factor;
  const double si = value * factor;
  if (dimension == Dimension::kBytes && si > kMostBytes) {
    fail("{}: {} {} is more memory than any device has", entry.at("value"), number_text(value), unit);
  }
  if (dimension == Dimension::kBytes && si != std::floor(si)) {
    fail("{}: {} {} is not a whole number of bytes", entry.at("value"), number_text(value), unit);
  }
  return {si, source};
}

}  // namespace mj
