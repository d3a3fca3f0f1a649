// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace mj {

constexpr std::size_t kMostExits = 64;  ///< that a file may have

/// A place at which an answer is ready.
struct PlannedExit {
  std::string name;
  std::int32_t unit = 0;  ///< after this unit
};

/// One inference as the emitted firmware does it: units of work between commits, with their energies.
class WorkPlan {
 public:
  struct Unit {
    std::string op;
    double energy_j = 0;  ///< commit included
    double seconds = 0;
  };

  std::string name;
  std::string platform;
  double voltage_v = 0;      ///< at which the energies hold
  double boot_energy_j = 0;  ///< from power to the first instruction, recovery included
  double boot_s = 0;
  std::vector<PlannedExit> exits;  ///< in order; the last one is the end

  /// Units and exits must be there; throws `Error` otherwise (see `parse_work_plan`).
  void set_units(std::vector<Unit> units);

  std::int32_t units() const { return static_cast<std::int32_t>(units_.size()); }
  const Unit& unit(std::int32_t index) const { return units_[static_cast<std::size_t>(index)]; }
  double unit_power_w(std::int32_t index) const { return unit(index).energy_j / unit(index).seconds; }
  /// Energy and time of units 0 .. index - 1.
  double energy_before(std::int32_t index) const { return energy_[static_cast<std::size_t>(index)]; }
  double seconds_before(std::int32_t index) const { return seconds_[static_cast<std::size_t>(index)]; }
  double energy_to_exit(std::size_t exit) const { return energy_before(exits[exit].unit + 1); }
  double highest_power_w() const { return highest_power_; }
  double lowest_power_w() const { return lowest_power_; }
  double largest_unit_j() const { return largest_unit_; }
  double boot_power_w() const { return boot_s > 0 ? boot_energy_j / boot_s : 0; }

 private:
  std::vector<Unit> units_;
  std::vector<double> energy_, seconds_;
  double highest_power_ = 0, lowest_power_ = 0, largest_unit_ = 0;
};

/// Reads `DIR/manifest.json` of firmware emitted with `--intermittent` for a platform. The file is not trusted: throws
/// `Error` for whatever is missing, of another type, out of order, negative, not finite or absurdly large.
WorkPlan read_work_plan(const std::filesystem::path& directory);
/// The same from text; `where` goes in front of messages.
WorkPlan parse_work_plan(std::string_view json, std::string_view where);

}  // namespace mj
