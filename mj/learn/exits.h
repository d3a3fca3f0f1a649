// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "mj/learn/learn.h"
#include "mj/pass/exit_head.h"

namespace mj {

/// What a frozen network says of fixed views of every sample: the pooled features of all exits and its own logits. A
/// head needs nothing else, so the network is run once per view however long the head is trained.
struct Features {
  int views = 0;
  std::int64_t samples = 0;
  std::int64_t size = 0;             ///< numbers per row, the logits included
  std::vector<std::uint16_t> halves; ///< row-major {view, sample, number}, IEEE half precision
};

/// Runs `network` (of `feature_network`) over views 0..views-1 of the samples; view v is what `augment` shows in epoch v.
/// Uses augmentation, seed and device of `options`. A `cache` keeps what was computed, view by view, and is taken up
/// again when it was made of the same network, samples and views; empty: none. Throws `Error` when the features would
/// not fit `most_bytes`, naming what would.
Features collect_features(const Graph& network, const Samples& samples, int views, const TrainOptions& options,
                          const std::filesystem::path& cache, Bytes most_bytes, Progress& progress);

/// How a head is trained.
struct HeadTraining {
  int epochs = 60;
  int batch = 128;
  double learning_rate = 0.005;  ///< peak of Adam's; linear warm-up, then cosine to zero
  double warmup_epochs = 1;
  double weight_decay = 0.01;    ///< decoupled; not on biases and norms
  double alpha = 0.5;            ///< weight of the distillation from the network's own logits
  double temperature = 3;
  bool random_exit = false;      ///< one exit per step, drawn at random, as gNet is trained; else all of them
  std::uint64_t seed = 1;
  Device device = Device::kAuto;
  std::filesystem::path checkpoint;  ///< as of `TrainOptions`
  double checkpoint_seconds = 30;
};

struct HeadResult {
  Head head;                                           ///< with the trained constants
  std::vector<std::vector<double>> accuracy;           ///< {epoch, exit}: on validation
  std::vector<double> loss;                            ///< {epoch}
  std::vector<std::vector<float>> validation_logits;   ///< {exit}: row-major {sample, class}
};

/// Trains a head on the features of all exits; the loss of exit k of K weighs 2k/(K+1). Stops with an `Error` that names the step when the loss is not finite.
HeadResult train_head(const Head& head, const Features& train, std::span<const std::int32_t> labels,
                      const Features& validation, std::span<const std::int32_t> validation_labels,
                      const HeadTraining& training, Progress& progress);

/// The last numbers of every row of view 0: the network's own logits, row-major {sample, class}.
std::vector<float> own_logits(const Features& features, std::int64_t classes);

/// All outputs of a float network for every sample, {output}: row-major {sample, class}; by libtorch, in batches.
std::vector<std::vector<float>> all_outputs(const Graph& graph, const Samples& samples, Device device, Progress& progress);

}  // namespace mj
