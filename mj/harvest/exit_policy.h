// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mj/emit/policy.h"
#include "mj/harvest/exit_levels.h"
#include "mj/harvest/outcomes.h"
#include "runtime/mj_policy.h"

namespace mj {

/// Who decides at every exit whether the inference goes on.
class ExitPolicy {
 public:
  virtual ~ExitPolicy() = default;
  virtual std::string name() const = 0;
  /// An inference begins: seconds since the start, how long its input waited, and joules that can be used.
  virtual void begin(double now_s, double late_s, double stored_j) = 0;
  /// After an exit that is not the last.
  virtual bool go_on(std::size_t exit, std::int64_t image, double stored_j) = 0;
  virtual void end(std::size_t exit) = 0;
};

/// What policies are made from.
struct PolicySetting {
  std::vector<std::string> exits;     ///< names
  std::vector<double> cost_j;         ///< {exits}: out of the capacitor
  double period_s = 0;                ///< 0: back to back
  double capacity_j = 0;              ///< usable when full
  double reserve_j = -1;              ///< below 0: a tenth of the capacity
  double horizon_s = 0;               ///< 0: a quarter of a day
  const Outcomes* tables = nullptr;   ///< the levels are learned from these; null: no confidences
  const Outcomes* images = nullptr;   ///< the images that come; null: no confidences
};

/// The names that `make_policy` knows for these exits: full, exit:NAME (each), confidence, energy, confidence-energy,
/// starvation, clairvoyant; those that look at confidences only when there are outcomes.
std::vector<std::string> policy_names(const PolicySetting& setting);

/// The numbers of a policy that a device can run, for the simulator and for emitted code alike; names and errors as of
/// `make_policy`. Throws `Error` for `clairvoyant`.
PolicyTables policy_tables(std::string_view name, const PolicySetting& setting);

/// By name; `confidence:0.8` goes on below that confidence, `budget:0.5mJ` decides by confidence within that mean energy. Throws `Error` naming the known ones, and what is missing.
std::unique_ptr<ExitPolicy> make_policy(std::string_view name, const PolicySetting& setting);

}  // namespace mj
