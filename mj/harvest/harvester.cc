// SPDX-License-Identifier: Apache-2.0
#include "mj/harvest/harvester.h"

#include <algorithm>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/text.h"
#include "mj/harvest/description.h"

namespace mj {
namespace {

constexpr std::int64_t kFormat = 1;
constexpr std::size_t kMostPoints = 64;

std::vector<double> rising(TomlTable& table, std::string_view key) {
  std::vector<double> numbers = table.numbers(key);
  const bool bad = numbers.empty() || numbers.size() > kMostPoints || numbers.front() <= 0 ||
                   std::adjacent_find(numbers.begin(), numbers.end(), std::greater_equal<>()) != numbers.end();
  if (bad) fail("{}: '{}' holds {} numbers; expected 1 to {} positive ones that rise", table.where(key), key, numbers.size(), kMostPoints);
  return numbers;
}

EfficiencyTable read_efficiency(TomlTable& top) {
  if (!top.has("efficiency")) top.missing("efficiency", "a table of efficiency by input power and voltage");
  TomlTable table = top.table("efficiency");
  EfficiencyTable out;
  out.input_power_w = rising(table, "input_power_w");
  out.voltage_v = rising(table, "voltage_v");
  out.share = table.numbers("share");
  if (out.share.size() != out.input_power_w.size() * out.voltage_v.size()) {
    fail("{}: 'share' holds {} numbers; expected {}, one row of {} voltages for each of {} powers", table.where("share"),
         out.share.size(), out.input_power_w.size() * out.voltage_v.size(), out.voltage_v.size(), out.input_power_w.size());
  }
  for (double share : out.share) {
    if (!(share >= 0 && share <= 1)) fail("{}: 'share' holds {}; expected 0 to 1", table.where("share"), number_text(share));
  }
  out.source = read_origin(table);
  table.finish();
  return out;
}

Charging read_charging(TomlTable& top) {
  const std::string text = top.text("charging");
  if (text != "boost" && text != "direct") {
    fail("{}: 'charging' is '{}'; expected 'boost' or 'direct'", top.where("charging"), text);
  }
  return text == "boost" ? Charging::kBoost : Charging::kDirect;
}

}  // namespace

void check_thresholds(const Harvester& h) {
  if (!(h.turn_off_v.value < h.turn_on_v.value)) {
    fail("the device turns off at {} and on at {}; expected it to turn off below", si_text(h.turn_off_v.value, "V"),
         si_text(h.turn_on_v.value, "V"));
  }
  if (!(h.turn_on_v.value <= h.full_v.value)) {
    fail("the device turns on at {}, the capacitor is full at {}; expected to turn on at or below", si_text(h.turn_on_v.value, "V"),
         si_text(h.full_v.value, "V"));
  }
  if (!(h.brown_out_v.value <= h.turn_off_v.value && h.brown_out_v.value > 0)) {
    fail("the device browns out at {} and is turned off at {}; expected brown-out above 0 and at or below", si_text(h.brown_out_v.value, "V"),
         si_text(h.turn_off_v.value, "V"));
  }
}

void check_source(const Harvester& harvester, TraceKind kind, const SourceModel& source) {
  if (kind == TraceKind::kVoltage && !(source.resistance_ohm > 0)) {
    fail("a trace of voltages needs the resistance of its source; give --source-resistance, e.g. 30kohm");
  }
  if (kind == TraceKind::kCurrent && harvester.charging == Charging::kBoost && !(source.voltage_v > 0)) {
    fail("a trace of currents needs the voltage at which the source delivers them to {}; give --source-voltage, e.g. 3V",
         harvester.name);
  }
}

Harvester parse_harvester(std::string_view toml, std::string_view name, std::string_view where) {
  TomlTable top = TomlTable::parse(toml, std::string(where));
  if (const std::int64_t format = top.integer("format"); format != kFormat) {
    fail("{}: 'format' is {}; expected {}", top.where("format"), format, kFormat);
  }
  Harvester h;
  h.name = top.text("name");
  if (h.name != name) fail("{}: 'name' is '{}'; expected '{}', the name of the file", top.where("name"), h.name, name);
  h.title = top.text("title");
  h.charging = read_charging(top);
  if (h.charging == Charging::kBoost) {
    h.efficiency = read_efficiency(top);
    h.operating_share = read_electrical(top, "operating_share", Electrical::kShare);
    h.minimum_power_w = read_electrical(top, "minimum_power", Electrical::kPower);
    h.cold_start_voltage_v = read_electrical(top, "cold_start_voltage", Electrical::kVoltage);
    h.cold_start_efficiency = read_electrical(top, "cold_start_efficiency", Electrical::kShare);
    h.cold_start_power_w = read_electrical(top, "cold_start_power", Electrical::kPower);
  } else {
    h.diode_drop_v = read_electrical(top, "diode_drop", Electrical::kVoltage);
  }
  h.quiescent_current_a = read_electrical(top, "quiescent_current", Electrical::kCurrent);
  h.regulated = top.boolean("regulated", true);
  h.output_efficiency = {1, {}};
  if (h.regulated) h.output_efficiency = read_electrical(top, "output_efficiency", Electrical::kShare);
  h.turn_on_v = read_electrical(top, "turn_on", Electrical::kVoltage);
  h.turn_off_v = read_electrical(top, "turn_off", Electrical::kVoltage);
  h.full_v = read_electrical(top, "full", Electrical::kVoltage);
  h.comparator_delay_s = read_electrical(top, "comparator_delay", Electrical::kTime);
  h.brown_out_v = read_electrical(top, "brown_out", Electrical::kVoltage);
  h.sleep_current_a = read_electrical(top, "sleep_current", Electrical::kCurrent);
  top.finish();
  with_context(where, [&] { check_thresholds(h); });
  return h;
}

Harvester find_harvester(std::string_view name_or_path) {
  const std::filesystem::path path = find_description("harvesters", name_or_path);
  return parse_harvester(read_text(path), path.stem().string(), path.string());
}

std::vector<std::string> harvester_names() { return description_names("harvesters"); }

}  // namespace mj
