// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/train_job.h"

#include <cmath>
#include <optional>

#include "mj/base/random.h"
#include "mj/data/dataset.h"
#include "mj/flow/run_set.h"
#include "mj/pass/lower.h"

namespace mj {

TrainJobResult run_train_job(const TrainJob& job, const MakeGraph& make, Progress& progress,
                             const MakeDistillation& distillation) {
  const DataSet data = read_dataset(job.data, Half::kTrain);
  const Graph graph = make(data);
  require_samples_fit(graph, data.train);
  const Split split = split_validation(data.train, job.validation, RandomStream(job.options.seed, 1).next());
  std::optional<Distillation> taught;
  if (distillation) taught = distillation(graph, split);
  TrainJobResult result;
  result.training = train(graph, split.train, split.validation, job.options, taught, progress);
  const DataSet final_data = read_dataset(job.data, Half::kTest);
  result.test_images = final_data.test.size();
  const std::vector<float> answers = logits(simplify(result.training.graph), final_data.test, job.options.device);
  result.test_accuracy = accuracy(answers, final_data.test.labels, class_count(graph));
  return result;
}

Preprocess standardise(const Samples& samples) {
  const auto channels = static_cast<std::size_t>(samples.shape.empty() ? 1 : samples.shape.back());
  const double scale = samples.pixels() ? 1.0 / 255 : 1.0;
  std::vector<double> sum(channels), square(channels);
  std::vector<float> sample(static_cast<std::size_t>(element_count(samples.shape)));
  for (std::int64_t i = 0; i < samples.size(); ++i) {
    samples.copy_to(i, sample);
    for (std::size_t k = 0; k < sample.size(); ++k) {
      const double x = sample[k] * scale;
      sum[k % channels] += x, square[k % channels] += x * x;
    }
  }
  const double count = static_cast<double>(samples.size()) * static_cast<double>(sample.size()) / static_cast<double>(channels);
  Preprocess preprocess;
  preprocess.scale = static_cast<float>(scale);
  preprocess.mean.clear(), preprocess.std.clear();
  for (std::size_t c = 0; c < channels; ++c) {
    const double mean = sum[c] / count;
    const double deviation = std::sqrt(std::max(square[c] / count - mean * mean, 0.0));
    preprocess.mean.push_back(static_cast<float>(mean));
    preprocess.std.push_back(deviation > 1e-6 ? static_cast<float>(deviation) : 1.0f);
  }
  return preprocess;
}

}  // namespace mj
