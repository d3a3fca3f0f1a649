// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mj/base/progress.h"
#include "mj/flow/identify.h"
#include "mj/learn/learn.h"

namespace mj {

/// Stages 1 and 2 with their data: what `millijoule students` does.
struct StudentsJob {
  std::vector<Student> students;  ///< the candidates
  std::optional<Graph> network;   ///< that reductions among them are made of
  std::string data;               ///< as `read_dataset` takes it
  Limits limits;
  int probes = 1;
  TrainOptions probe;  ///< of the short trainings, by labels alone; `seed` also draws validation and first weights
};

struct StudentsJobResult {
  std::vector<Candidate> candidates;
  std::size_t chosen = 0;
};

/// Throws `Error` naming the smallest student when none fits.
StudentsJobResult run_students_job(const StudentsJob& job, const Platform& platform, Progress& progress);

}  // namespace mj
