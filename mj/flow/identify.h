// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "mj/base/units.h"
#include "mj/flow/student.h"
#include "mj/platform/platform.h"

namespace mj {

/// Limits a student must keep, per inference and on the device.
struct Limits {
  Joules energy;
  Bytes nvm = 0;
  Bytes ram = 0;
};

/// A student that was considered, what it would cost, and what became of it.
struct Candidate {
  Student student;
  std::int64_t parameters = 0;
  std::int64_t macs = 0;
  Joules energy;
  Seconds latency;
  Bytes nvm_bytes = 0;
  Bytes ram_bytes = 0;
  bool fits = false;
  std::optional<double> probe_accuracy;  ///< on validation, after a short training; 0..1
  bool chosen = false;
  std::string verdict;  ///< why it won or lost
};

/// Stage 1: energy, latency and memory of each student on the platform, as it would be emitted. Reductions are those of
/// `network`, which may be null without any.
std::vector<Candidate> characterise(const std::vector<Student>& students, const Graph* network, const Shape& input,
                                    std::int64_t classes, const Platform& platform);

/// Accuracy on validation after a short training of this student.
using Probe = std::function<double(const Student&)>;

/// Stage 2: marks the one most likely to be the most accurate within the limits and returns its index.
///
/// What does not fit is out. Of two that fit, the one smaller on every axis (depth, width, resolution) is out: inside a
/// family, or among the reductions of one network, size decides. If more than one is left, the `probes` that use the most energy are probed on the same
/// `validation_count` samples; among those within one standard error of the best accuracy wins the
/// one that needs the least energy. Throws `Error` naming the smallest when none fits.
std::size_t identify(std::vector<Candidate>& candidates, const Limits& limits, int probes, std::int64_t validation_count,
                     const Probe& probe);

}  // namespace mj
