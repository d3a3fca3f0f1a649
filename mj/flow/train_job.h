// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "mj/base/progress.h"
#include "mj/learn/learn.h"

namespace mj {

/// One training with its data: what `millijoule train` does.
struct TrainJob {
  std::string data;                ///< as `read_dataset` takes it
  double validation = 1.0 / 12;    ///< share of the training half held out
  TrainOptions options;
};

struct TrainJobResult {
  TrainResult training;
  double test_accuracy = 0;
  std::int64_t test_images = 0;
};

/// What the network is made from, once the data's shape and classes are known.
using MakeGraph = std::function<Graph(const DataSet& data)>;

/// What a teacher adds, once the network and the data's parts are known.
using MakeDistillation = std::function<Distillation(const Graph& student, const Split& split)>;

/// Reads the data, trains (by labels alone where `distillation` is empty), and reads test once for the final figure.
TrainJobResult run_train_job(const TrainJob& job, const MakeGraph& make, Progress& progress,
                             const MakeDistillation& distillation = {});

/// mean and standard deviation of the pixels, per channel, as a preprocessing that gives mean 0 and deviation 1.
Preprocess standardise(const Samples& samples);

}  // namespace mj
