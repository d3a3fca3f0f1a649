// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "mj/base/progress.h"
#include "mj/learn/learn.h"

namespace mj {

/// One training with its data: what `millijoule train` and `millijoule distil` do.
struct TrainJob {
  std::string data;                ///< as `read_dataset` takes it
  double validation = 1.0 / 12;    ///< share of the training half held out
  TrainOptions options;
  /// Called once with the network and the data's parts, when all is read; empty: training by labels alone.
  std::function<Distillation(const Graph& student, const Split& split)> distillation;
};

struct TrainJobResult {
  TrainResult training;
  double test_accuracy = 0;
  std::int64_t test_images = 0;
};

/// What the network is made from, once the data's shape and classes are known.
using MakeGraph = std::function<Graph(const DataSet& data)>;

/// Reads the data, trains, and reads test once for the final figure.
TrainJobResult run_train_job(const TrainJob& job, const MakeGraph& make, Progress& progress);

/// mean and standard deviation of the pixels, per channel, as a preprocessing that gives mean 0 and deviation 1.
Preprocess standardise(const Samples& samples);

}  // namespace mj
