// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/distil_job.h"

#include "mj/ir/cost.h"
#include "mj/pass/lower.h"

namespace mj {

DistilJobResult run_distil_job(const DistilJob& job, const MakeGraph& make, Progress& progress) {
  const Graph teacher = simplify(job.teacher);
  const TrainOptions& options = job.training.options;
  DistilJobResult result;
  Lessons lessons;
  const auto distillation = [&](const Graph& student, const Split& split) {
    if (options.views > 0) {
      TrainOptions asked = options;
      if (!job.lessons.empty()) {
        asked.checkpoint = job.lessons;
      } else {
        asked.checkpoint = job.derive.checkpoints.empty() ? "" : job.derive.checkpoints / "teacher.checkpoint";
      }
      lessons = teach(teacher, split.train, asked, progress);
      result.training_macs = total_macs(teacher) * split.train.size() * options.views;
    }
    const Lessons* said = options.views > 0 ? &lessons : nullptr;
    result.derived =
        derive_distillation(student, teacher, split.train, split.validation, options, said, job.derive, progress);
    return Distillation{&teacher, result.derived.temperature, result.derived.alpha, said, job.derive.objective};
  };
  result.student = run_train_job(job.training, make, progress, distillation);
  result.training_macs += result.student.training.macs;
  result.cost_macs = result.training_macs + result.derived.macs;
  return result;
}

}  // namespace mj
