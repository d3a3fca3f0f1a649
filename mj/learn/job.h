// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "mj/learn/learn.h"

namespace mj {

/// Throws `Error` unless the option `holds`.
void expect_option(bool holds, const char* name, double found, const char* expected);

/// Throws `Error` on options no training can have.
void check_options(const TrainOptions& options, const std::optional<Distillation>& distillation);

/// A hash of all that determines the result of a training: options, graphs with their weights, and samples. Where
/// checkpoints are, how often they are written and the device do not count.
std::uint64_t job_hash(const Graph& graph, const Samples& train, const Samples& validation, const TrainOptions& options,
                       const std::optional<Distillation>& distillation);

/// The same for what `teach` makes.
std::uint64_t lessons_hash(const Graph& teacher, const Samples& train, const TrainOptions& options);

}  // namespace mj
