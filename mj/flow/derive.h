// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "mj/flow/temperature.h"
#include "mj/learn/learn.h"

namespace mj {

/// Which of temperature and alpha are to be derived; those given are kept.
struct DeriveOptions {
  Objective objective = Objective::kPlain;
  std::optional<double> temperature;
  std::optional<double> alpha;
  /// What all arms together may cost, in trainings: multiply-accumulates, the teacher's passes included, over those of
  /// the full training. No arm gets more than 8 % of its steps.
  double budget = 0.29;
  std::filesystem::path checkpoints;  ///< folder of the arms' checkpoints; empty: none
};

/// Temperature and weight, and how they came about.
struct Derived {
  double temperature = 0;
  double alpha = 0;
  double softening = 0;      ///< T0, from the teacher alone; 0 when the temperature was given
  std::vector<Arm> arms;     ///< empty when nothing had to be derived
  std::int64_t macs = 0;     ///< multiply-accumulates spent on it, the teacher's included
};

/// Derives the distillation temperature and weight without a grid: T0 from the teacher's confidence on augmented training
/// images; arms at T0 * {0.6, 1, 1.6} and one without labels, each a whole schedule squeezed into a fraction of the full
/// training's steps, with the same initial weights, batches and teacher answers (asked once); a parabola in ln T through
/// the arms' paired differences on validation.
///
/// `full` are the options of the full training. `lessons`, when given, are what the teacher says of its views; else the
/// teacher is asked here.
Derived derive_distillation(const Graph& student, const Graph& teacher, const Samples& train, const Samples& validation,
                            const TrainOptions& full, const Lessons* lessons, const DeriveOptions& options,
                            Progress& progress);

}  // namespace mj
