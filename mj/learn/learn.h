// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mj/base/progress.h"
#include "mj/data/dataset.h"
#include "mj/ir/graph.h"
#include "mj/learn/objective.h"
#include "mj/learn/precision.h"
#include "mj/learn/weight_form.h"

namespace mj {

/// Where tensors live: `auto` takes CUDA when there is a device.
enum class Device { kAuto, kCpu, kCuda };
Device parse_device(const std::string& text);

/// What is done to a training image, by (seed, epoch, sample) alone.
struct Augmentation {
  int crop_pad = 0;   ///< random crop after padding by this many pixels of zero
  bool flip = false;  ///< mirror left and right with probability one half
  int cutout = 0;     ///< side of a square set to zero, 0 for none

  bool any() const { return crop_pad > 0 || flip || cutout > 0; }
};

/// How a network is trained.
struct TrainOptions {
  int epochs = 30;
  int batch = 128;  ///< at most; the batches of an epoch are of one size, but for one sample
  double learning_rate = 0.1;  ///< peak; linear warm-up, then half a cosine
  double last_learning_rate = 0;  ///< where that ends
  double warmup_epochs = 1;
  double momentum = 0.9;       ///< SGD with Nesterov momentum
  double weight_decay = 5e-4;  ///< not on biases and batch-norm
  double label_smoothing = 0;
  double ema_decay = 0;  ///< 0: off; else an exponential moving average of the weights is what is kept
  Augmentation augment;
  /// 0: every epoch draws new views of the images; else epoch e shows the views of epoch e mod `views`, so that what a
  /// teacher says of them need be computed only once (`teach`).
  int views = 0;
  WeightForms forms;  ///< how weights are compressed while they are trained; none by default
  std::uint64_t seed = 1;
  Device device = Device::kAuto;
  Precision precision = Precision::kFloat32;
  /// Kept up to date atomically, at least once an epoch; training continues from it when it exists and was made with
  /// the same options and data, to the same final bytes. Empty: none.
  std::filesystem::path checkpoint;
  double checkpoint_seconds = 30;  ///< how often it is written within an epoch; 0: after every step
};

/// What a teacher says of fixed views of every training sample.
struct Lessons {
  int views = 0;
  std::vector<float> logits;  ///< row-major {view, sample, class}
};

/// Runs the teacher over the first `options.views` views of the training samples, in a fixed order. Uses seed, augmentation,
/// views, device, precision and checkpoint of `options`: the checkpoint is kept up to date after every view, and taken up again.
Lessons teach(const Graph& teacher, const Samples& train, const TrainOptions& options, Progress& progress);

/// The teacher's part of the loss: (1-alpha)*CE + alpha*D(teacher_T, student_T), batch mean, D by the objective.
struct Distillation {
  const Graph* teacher = nullptr;
  double temperature = 4;
  double alpha = 0.9;
  const Lessons* lessons = nullptr;  ///< what it says of the views `TrainOptions::views` repeats; null: it is asked anew
  Objective objective = Objective::kPlain;
};

struct TrainResult {
  Graph graph;                     ///< with the trained weights (in their forms), otherwise the graph given
  Graph shadow;                    ///< with the dense weights behind the forms; equal to `graph` without forms
  double validation_accuracy = 0;  ///< of the final weights; 0..1
  std::vector<double> epoch_loss;
  std::vector<double> epoch_accuracy;  ///< validation, once an epoch
  std::int64_t images = 0;             ///< training images seen
  std::int64_t macs = 0;               ///< forward + backward (2x forward) of the student, forward of the teacher
  double seconds = 0;                  ///< measured; for run.json only
};

/// Trains `graph` on `train`. Stops with an `Error` that names the step when the loss is not finite; the last good
/// checkpoint stays.
TrainResult train(const Graph& graph, const Samples& train, const Samples& validation, const TrainOptions& options,
                  const std::optional<Distillation>& distillation, Progress& progress);

/// Logits of every sample, row-major {n, classes}, computed in batches by libtorch: for quick float accuracies.
std::vector<float> logits(const Graph& graph, const Samples& samples, Device device);

/// Share of samples whose largest logit is their label.
double accuracy(std::span<const float> logits, std::span<const std::int32_t> labels, std::int64_t classes);

}  // namespace mj
