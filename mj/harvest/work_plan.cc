// SPDX-License-Identifier: Apache-2.0
#include "mj/harvest/work_plan.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/text.h"
#include "mj/platform/platform.h"

namespace mj {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostUnits = 32766;  ///< what a commit record can count
constexpr double kMostJoules = 1e3;
constexpr double kMostCycles = 1e15;

const char* type_of(const Json& json) { return json.is_null() ? "null" : json.type_name(); }

/// One value of the manifest with its path for messages.
class Field {
 public:
  Field(const Json& json, std::string path) : json_(json), path_(std::move(path)) {}

  Field at(const char* key) const {
    if (!json_.is_object()) fail("{} is {}; expected an object", path_.empty() ? "the file" : path_, type_of(json_));
    const auto found = json_.find(key);
    if (found == json_.end()) fail("'{}' is missing{}", key, path_.empty() ? "" : " in " + path_);
    return {*found, path_.empty() ? key : path_ + "." + key};
  }
  bool has(const char* key) const { return json_.is_object() && json_.contains(key) && !json_.at(key).is_null(); }
  Field at(std::size_t index) const { return {json_[index], fmt::format("{}[{}]", path_, index)}; }

  std::size_t list(std::size_t most) const {
    if (!json_.is_array()) fail("{} is {}; expected a list", path_, type_of(json_));
    if (json_.empty() || json_.size() > most) fail("{} holds {} entries; expected 1 to {}", path_, json_.size(), most);
    return json_.size();
  }
  double number(double most) const {
    if (!json_.is_number()) fail("{} is {}; expected a number", path_, type_of(json_));
    const double value = json_.get<double>();
    if (!(value >= 0 && value <= most)) fail("{} is {}; expected 0 to {}", path_, number_text(value), number_text(most));
    return value;
  }
  std::int64_t integer(std::int64_t least, std::int64_t most) const {
    if (!json_.is_number_integer()) fail("{} is {}; expected a whole number", path_, type_of(json_));
    if (json_.is_number_unsigned() && json_.get<std::uint64_t>() > static_cast<std::uint64_t>(most)) {
      fail("{} is {}; expected {} to {}", path_, json_.get<std::uint64_t>(), least, most);
    }
    const auto value = json_.get<std::int64_t>();
    if (value < least || value > most) fail("{} is {}; expected {} to {}", path_, value, least, most);
    return value;
  }
  std::string text() const {
    if (!json_.is_string()) fail("{} is {}; expected text", path_, type_of(json_));
    return json_.get<std::string>();
  }

 private:
  const Json& json_;
  std::string path_;
};

std::vector<PlannedExit> read_exits(const Field& top, std::int64_t units) {
  std::vector<PlannedExit> exits;
  if (top.has("exits")) {
    const Field list = top.at("exits");
    const std::size_t n = list.list(kMostExits);
    for (std::size_t i = 0; i < n; ++i) {
      const Field entry = list.at(i);
      const std::int64_t least = exits.empty() ? 0 : exits.back().unit + 1;
      exits.push_back({entry.at("name").text(), static_cast<std::int32_t>(entry.at("unit").integer(least, units - 1))});
    }
    if (exits.back().unit != units - 1) {
      fail("exits: the last one ('{}') follows unit {}; expected {}, the last unit", exits.back().name, exits.back().unit, units - 1);
    }
    return exits;
  }
  return {{"logits", static_cast<std::int32_t>(units - 1)}};
}

}  // namespace

void WorkPlan::set_units(std::vector<Unit> units) {
  MJ_CHECK(!units.empty());
  units_ = std::move(units);
  energy_.assign(1, 0);
  seconds_.assign(1, 0);
  highest_power_ = largest_unit_ = 0;
  lowest_power_ = HUGE_VAL;
  for (const Unit& unit : units_) {
    MJ_CHECK(unit.seconds > 0);
    energy_.push_back(energy_.back() + unit.energy_j);
    seconds_.push_back(seconds_.back() + unit.seconds);
    highest_power_ = std::max(highest_power_, unit.energy_j / unit.seconds);
    lowest_power_ = std::min(lowest_power_, unit.energy_j / unit.seconds);
    largest_unit_ = std::max(largest_unit_, unit.energy_j);
  }
}

WorkPlan parse_work_plan(std::string_view text, std::string_view where) {
  return with_context(where, [&] {
    const Json json = Json::parse(text, nullptr, false);
    if (json.is_discarded()) fail("not JSON; expected the manifest of an emitted folder");
    const Field top(json, "");
    if (!top.has("units")) {
      fail("there are no units of work; emit with --intermittent and --platform, so that each unit has its energy");
    }
    WorkPlan plan;
    if (top.has("name")) plan.name = top.at("name").text();
    plan.platform = top.at("platform").text();
    const Platform platform = find_platform(plan.platform);
    require_microcontroller(platform, "execution on harvested energy is simulated");
    plan.voltage_v = platform.voltage_v.value;
    const double commit = top.at("commit_energy_j").number(kMostJoules);
    const double frequency = platform.frequency_hz.value;
    const double commit_cycles = commit / platform.energy_per_cycle_j.value;
    const Field list = top.at("units");
    const std::size_t n = list.list(kMostUnits);
    std::vector<WorkPlan::Unit> units(n);
    double joules = 0, seconds = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const Field entry = list.at(i);
      if (entry.has("index")) entry.at("index").integer(static_cast<std::int64_t>(i), static_cast<std::int64_t>(i));
      units[i].op = entry.has("op") ? entry.at("op").text() : "";
      units[i].energy_j = entry.at("energy_j").number(kMostJoules) + commit;
      units[i].seconds = (entry.at("cycles").number(kMostCycles) + commit_cycles) / frequency;
      joules += units[i].energy_j;
      seconds += units[i].seconds;
    }
    if (!(joules > 0 && seconds > 0)) fail("the units take {} and {}; expected more than 0", to_text(Joules{joules}), to_text(Seconds{seconds}));
    // What takes energy takes time: a unit without cycles of its own runs at the mean power.
    const double mean_power = joules / seconds;
    for (WorkPlan::Unit& unit : units) {
      if (unit.seconds <= 0) unit.seconds = std::max(unit.energy_j / mean_power, 1 / frequency);
    }
    plan.exits = read_exits(top, static_cast<std::int64_t>(n));
    plan.set_units(std::move(units));
    plan.boot_energy_j = top.has("boot_energy_j") ? top.at("boot_energy_j").number(kMostJoules) : platform.boot_energy_j.value;
    plan.boot_s = top.has("boot_s") ? top.at("boot_s").number(3600) : plan.boot_energy_j / mean_power;
    if (plan.boot_energy_j > 0 && plan.boot_s <= 0) plan.boot_s = plan.boot_energy_j / mean_power;
    return plan;
  });
}

WorkPlan read_work_plan(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / "manifest.json";
  return parse_work_plan(read_text(file), file.string());
}

}  // namespace mj
