// SPDX-License-Identifier: Apache-2.0
#include "mj/harvest/capacitor.h"

#include <algorithm>
#include <cmath>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/units.h"
#include "mj/harvest/description.h"

namespace mj {

CapacitorFamily parse_capacitor_family(std::string_view toml, std::string_view name, std::string_view where) {
  TomlTable top = TomlTable::parse(toml, std::string(where));
  if (const std::int64_t format = top.integer("format"); format != 1) {
    fail("{}: 'format' is {}; expected 1", top.where("format"), format);
  }
  CapacitorFamily out;
  out.name = top.text("name");
  if (out.name != name) fail("{}: 'name' is '{}'; expected '{}', the name of the file", top.where("name"), out.name, name);
  out.title = top.text("title");
  out.leakage_time_s = read_electrical(top, "leakage_time", Electrical::kTime);
  out.resistance_ohm = read_electrical(top, "series_resistance", Electrical::kResistance);
  out.resistance_time_s = read_electrical(top, "series_resistance_time", Electrical::kTime);
  TomlTable volume = top.table("volume");
  out.volume_mm3_per_f.value = volume.number("mm3_per_farad");
  out.volume_mm3_per_f.source.text = volume.text("source");
  volume.finish();
  out.smallest_f = read_electrical(top, "smallest", Electrical::kCapacitance).value;
  out.largest_f = read_electrical(top, "largest", Electrical::kCapacitance).value;
  top.finish();
  if (!(out.leakage_time_s.value > 0)) fail("{}: 'leakage_time' is 0; expected a positive time", where);
  if (!(out.volume_mm3_per_f.value > 0)) fail("{}: 'mm3_per_farad' is not above 0", where);
  return out;
}

CapacitorFamily find_capacitor_family(std::string_view name_or_path) {
  const std::filesystem::path path = find_description("capacitors", name_or_path);
  return parse_capacitor_family(read_text(path), path.stem().string(), path.string());
}

std::vector<std::string> capacitor_family_names() { return description_names("capacitors"); }

CapacitorFamily family_for(double capacitance_f) {
  std::optional<CapacitorFamily> best;
  double smallest = HUGE_VAL, largest = 0;
  for (const std::string& name : capacitor_family_names()) {
    CapacitorFamily family = find_capacitor_family(name);
    smallest = std::min(smallest, family.smallest_f);
    largest = std::max(largest, family.largest_f);
    const bool sold = capacitance_f >= family.smallest_f * (1 - 1e-9) && capacitance_f <= family.largest_f * (1 + 1e-9);
    if (sold && (!best || family.volume_mm3_per_f.value < best->volume_mm3_per_f.value)) best = std::move(family);
  }
  if (!best) {
    fail("no kind of capacitor is sold with {}; expected {} to {}", si_text(capacitance_f, "F"), si_text(smallest, "F"),
         si_text(largest, "F"));
  }
  return *best;
}

Capacitor make_capacitor(const CapacitorFamily& family, double capacitance_f) {
  if (!(capacitance_f > 0) || !std::isfinite(capacitance_f)) {
    fail("the capacitor has {}; expected a capacitance above 0", si_text(capacitance_f, "F"));
  }
  return {.family = family.name,
          .capacitance_f = capacitance_f,
          .leakage_ohm = family.leakage_time_s.value / capacitance_f,
          .series_ohm = family.resistance_ohm.value + family.resistance_time_s.value / capacitance_f,
          .volume_mm3 = family.volume_mm3_per_f.value * capacitance_f};
}

}  // namespace mj
