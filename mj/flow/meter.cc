// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/meter.h"

#include <fmt/format.h>

#include <ctime>
#include <fstream>

#include "mj/base/clock.h"

namespace mj {
namespace {

std::optional<double> number_in(const std::string& path) {
  std::ifstream file(path);
  double number = 0;
  if (file >> number) return number;
  return std::nullopt;
}

}  // namespace

Meter::Meter() {
  // Package 0 holds all cores of a single-socket machine; several sockets would need a sum over packages.
  const std::string folder = "/sys/class/powercap/intel-rapl:0/";
  if (number_in(folder + "energy_uj")) {
    counter_ = folder + "energy_uj";
    counter_range_ = number_in(folder + "max_energy_range_uj").value_or(0) * 1e-6;
  }
}

Meter::Reading Meter::read() const {
  Reading reading;
  reading.wall = steady_seconds();
  reading.cpu = static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  if (!counter_.empty()) {
    if (const auto micro = number_in(counter_)) reading.joules = *micro * 1e-6;
  }
  return reading;
}

void Meter::begin(std::string name) {
  end();
  phases_.push_back({.name = std::move(name)});
  running_ = true;
  start_ = read();
}

void Meter::add_macs(std::int64_t macs) { phases_.back().macs += macs; }

void Meter::end() {
  if (!running_) return;
  running_ = false;
  const Reading now = read();
  Phase& phase = phases_.back();
  phase.seconds = now.wall - start_.wall;
  phase.cpu_seconds = now.cpu - start_.cpu;
  phase.energy_j = phase.cpu_seconds * kAssumedWatts;
  if (now.joules && start_.joules) {
    const double used = *now.joules - *start_.joules;
    phase.energy_j = used < 0 ? used + counter_range_ : used;  // the counter wraps around
  }
}

std::vector<Phase> Meter::finish() {
  end();
  return phases_;
}

std::string Meter::energy_source() const {
  return counter_.empty() ? fmt::format("estimate: {:.0f} W per busy core", kAssumedWatts) : "measured: RAPL, processor package 0";
}

}  // namespace mj
