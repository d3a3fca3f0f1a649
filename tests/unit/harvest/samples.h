// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the tests of this layer run on: small plans, stages and made-up networks.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/random.h"
#include "mj/harvest/outcomes.h"
#include "mj/harvest/power_stage.h"
#include "mj/harvest/work_plan.h"
#include "tests/shared_data.h"
#include "tests/unit/error_of.h"

namespace mj {

/// A file that goes away with the test.
class ScratchFile {
 public:
  explicit ScratchFile(const std::string& text) {
    static int count = 0;
    path_ = std::filesystem::path(testing::TempDir()) / fmt::format("harvest-{}-{}.txt", ::getpid(), count++);
    write_file(path_, text);
  }
  ~ScratchFile() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

/// The folder of real traces, or empty.
inline std::filesystem::path trace_folder() {
  const std::filesystem::path folder = shared_folder() / "data" / "traces";
  return std::filesystem::exists(folder) ? folder : std::filesystem::path();
}

/// Lossless, with these thresholds.
inline Harvester plain_harvester(double on_v = 3.0, double off_v = 2.0, double full_v = 3.6) {
  Harvester h = find_harvester("ideal");
  h.turn_on_v.value = on_v;
  h.turn_off_v.value = off_v;
  h.brown_out_v.value = off_v;
  h.full_v.value = full_v;
  return h;
}

inline Capacitor plain_capacitor(double farad, double leakage_ohm = INFINITY, double series_ohm = 0) {
  return {.family = "plain", .capacitance_f = farad, .leakage_ohm = leakage_ohm, .series_ohm = series_ohm, .volume_mm3 = 1};
}

/// `units` equal units; exits at these shares of the way, the last at 1.
inline WorkPlan plain_plan(int units, double energy_j, double power_w, std::vector<double> shares = {1}, double boot_j = 0) {
  WorkPlan plan;
  plan.platform = "msp430fr5994";
  plan.voltage_v = 3;
  plan.boot_energy_j = boot_j;
  plan.boot_s = boot_j / power_w;
  plan.set_units(std::vector<WorkPlan::Unit>(static_cast<std::size_t>(units), {"conv2d", energy_j / units, energy_j / units / power_w}));
  for (std::size_t k = 0; k < shares.size(); ++k) {
    plan.exits.push_back({fmt::format("exit{}", k + 1), static_cast<std::int32_t>(std::lround(units * shares[k])) - 1});
  }
  return plan;
}

/// A network that gets better from exit to exit and knows roughly when it is right.
inline Outcomes made_up_outcomes(std::int64_t images, std::size_t exits, std::uint64_t seed) {
  Outcomes out;
  out.images = images;
  for (std::size_t k = 0; k < exits; ++k) out.exits.push_back(fmt::format("exit{}", k + 1));
  for (std::int64_t i = 0; i < images; ++i) {
    RandomStream random(seed, static_cast<std::uint64_t>(i));
    const double hard = random.uniform();
    for (std::size_t k = 0; k < exits; ++k) {
      const double margin = 0.5 + 0.4 * static_cast<double>(k) / static_cast<double>(exits) - hard + 0.15 * random.normal();
      const double confidence = 1 / (1 + std::exp(-6 * margin));
      out.correct.push_back(random.uniform() < confidence);
      out.confidence.push_back(share_of_32768(0.1 + 0.9 * confidence));
    }
  }
  return out;
}

}  // namespace mj
