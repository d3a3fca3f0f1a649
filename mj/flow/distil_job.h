// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mj/flow/derive.h"
#include "mj/flow/train_job.h"

namespace mj {

/// One distillation with its data: what `millijoule distil` does.
struct DistilJob {
  Graph teacher;
  TrainJob training;     ///< of the student; with `options.views` the teacher is asked once for all epochs
  DeriveOptions derive;  ///< objective, and what of temperature and alpha is given
  std::filesystem::path lessons;  ///< file that keeps what the teacher says of the views; empty: among the checkpoints
};

struct DistilJobResult {
  TrainJobResult student;
  Derived derived;
  std::int64_t training_macs = 0;  ///< of one full run with what its teacher computes
  std::int64_t cost_macs = 0;      ///< the same, and the arms that derived temperature and alpha
};

/// Reads the data, asks the teacher, derives what is not given, trains, and reads test once for the final figure. All of it
/// continues from `derive.checkpoints`, where that is given.
DistilJobResult run_distil_job(const DistilJob& job, const MakeGraph& make, Progress& progress);

}  // namespace mj
