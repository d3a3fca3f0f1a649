// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/students_job.h"

#include "mj/data/dataset.h"
#include "mj/flow/run_set.h"
#include "mj/flow/train_job.h"

namespace mj {

StudentsJobResult run_students_job(const StudentsJob& job, const Platform& platform, Progress& progress) {
  const DataSet data = read_dataset(job.data, Half::kTrain);
  StudentsJobResult result;
  const Graph* network = job.network ? &*job.network : nullptr;
  if (network) require_samples_fit(*network, data.train);
  result.candidates = characterise(job.students, network, data.train.shape, data.classes(), platform);
  const Split split = split_validation(data.train, 1.0 / 12, job.probe.seed);
  const Preprocess preprocess = job.probes > 1 ? standardise(split.train) : Preprocess{};
  const Probe probe = [&](const Student& student) {
    Graph graph = build_to_train(student, network, split.train, data.classes(), job.probe.seed);
    if (!std::holds_alternative<Reduction>(student.form)) graph.preprocess = preprocess;
    return train(graph, split.train, split.validation, job.probe, {}, progress).validation_accuracy;
  };
  result.chosen = identify(result.candidates, job.limits, job.probes, split.validation.size(), probe);
  return result;
}

}  // namespace mj
