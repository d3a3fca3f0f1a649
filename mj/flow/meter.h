// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mj {

/// What one phase of a job cost. Multiply-accumulates are the same on every run; seconds and joules are measured.
struct Phase {
  std::string name;
  std::int64_t macs = 0;
  double seconds = 0;
  double cpu_seconds = 0;
  double energy_j = 0;
};

/// Measures phases: wall time, processor time, and joules from the processor's own counter (Linux powercap, RAPL) where
/// it can be read, else processor seconds times `kAssumedWatts`.
class Meter {
 public:
  /// Watts of one busy core, for machines without a readable counter: an assumption, of the order of a server core.
  static constexpr double kAssumedWatts = 10;

  Meter();
  /// Ends the phase before and begins another.
  void begin(std::string name);
  /// Work done in the present phase.
  void add_macs(std::int64_t macs);
  /// Ends the last phase and returns all of them.
  std::vector<Phase> finish();
  /// "measured: RAPL" or "estimate: 10 W per busy core".
  std::string energy_source() const;

 private:
  struct Reading {
    double wall = 0;
    double cpu = 0;
    std::optional<double> joules;
  };
  Reading read() const;
  void end();

  std::string counter_;  ///< file of the powercap counter; empty when there is none
  double counter_range_ = 0;
  bool running_ = false;
  Reading start_;
  std::vector<Phase> phases_;
};

}  // namespace mj
