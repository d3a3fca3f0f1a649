// SPDX-License-Identifier: Apache-2.0
#include <ATen/core/grad_mode.h>

#include <cmath>

#include "mj/base/clock.h"
#include "mj/base/parallel.h"
#include "mj/base/random.h"
#include "mj/ir/cost.h"
#include "mj/learn/batches.h"
#include "mj/learn/checkpoint.h"
#include "mj/learn/device.h"
#include "mj/learn/formed_weights.h"
#include "mj/learn/job.h"
#include "mj/learn/loss.h"
#include "mj/learn/optimizer.h"
#include "mj/learn/schedule.h"
#include "mj/learn/streams.h"
#include "mj/learn/torch_graph.h"
#include "mj/pass/passes.h"

namespace mj {
namespace {

std::vector<float> to_floats(const at::Tensor& tensor) {
  const at::Tensor host = tensor.detach().to(at::kCPU).contiguous();
  return {host.data_ptr<float>(), host.data_ptr<float>() + host.numel()};
}

void copy_into(const at::Tensor& tensor, std::vector<float>& values) {
  MJ_CHECK(tensor.numel() == static_cast<std::int64_t>(values.size()));
  const at::NoGradGuard no_gradient;
  tensor.copy_(at::from_blob(values.data(), {tensor.numel()}, at::kFloat));
}

/// The teacher of a distillation, frozen, with batch-norm folded away.
struct Teacher {
  TorchGraph network;
  Batches batches;
  bool same_input;  ///< its preprocessing is the student's, so it reads the same tensor

  Teacher(const Graph& graph, const Graph& student, const Samples& samples, c10::Device device, at::ScalarType images)
      : network(fold_batch_norm(graph), device, images),
        batches(graph, samples, device),
        same_input(graph.preprocess == student.preprocess) {}
};

/// One training from its first step, or from a checkpoint, to its last.
class Training {
 public:
  Training(const Graph& graph, const Samples& train, const Samples& validation, const TrainOptions& options,
           const std::optional<Distillation>& distillation, Progress& progress, c10::Device device)
      : graph_(graph),
        train_(train),
        validation_(validation),
        options_(options),
        distillation_(distillation),
        progress_(progress),
        device_(device),
        network_(graph, device, torch_type(options.precision)),
        optimizer_(network_.weights(), options.momentum, options.weight_decay),
        batches_(graph, train, device),
        steps_per_epoch_((train.size() + options.batch - 1) / options.batch),
        schedule_{options.learning_rate, steps_per_epoch_ * options.epochs,
                  std::llround(options.warmup_epochs * static_cast<double>(steps_per_epoch_)), options.last_learning_rate} {
    if (distillation && !distillation->lessons) teacher_.emplace(*distillation->teacher, graph, train, device, torch_type(options.precision));
    if (!options.forms.weights.empty()) {
      formed_.emplace(graph, options.forms, device);
      network_.see_weights([this](const Weights& weights) { return formed_->at(weights, progress_share()); });
    }
    if (options.ema_decay > 0) average_.emplace(network_.weights().all(), options.ema_decay);
    state_.threads = threads();
    state_.cuda = device.is_cuda();
    if (!options.checkpoint.empty()) {
      state_.job = job_hash(graph, train, validation, options, distillation);
      resume();
    }
  }

  TrainResult run() {
    progress_.begin("training", train_.size() * options_.epochs, "images");
    started_ = last_saved_ = steady_seconds();
    Batch batch;
    if (state_.step < schedule_.steps) batch = prepare(state_.step);
    while (state_.step < schedule_.steps) {
      const std::int64_t size = batch.labels.size(0);
      const at::Tensor loss = step(batch);
      ++state_.step;
      // On a GPU the step is still running: the next batch is made meanwhile.
      if (state_.step < schedule_.steps) batch = prepare(state_.step);
      take_loss(loss.item<double>(), size);
      if (state_.step % steps_per_epoch_ == 0) {
        finish_epoch();
        save();
      } else if (steady_seconds() - last_saved_ >= options_.checkpoint_seconds) {
        save();
      }
      report();
    }
    return result();
  }

 private:
  struct Batch {
    at::Tensor inputs, teacher_inputs, teacher_scores, labels;
  };

  const Graph& graph_;
  const Samples& train_;
  const Samples& validation_;
  const TrainOptions& options_;
  const std::optional<Distillation>& distillation_;
  Progress& progress_;
  const c10::Device device_;
  TorchGraph network_;
  Sgd optimizer_;
  Batches batches_;
  const std::int64_t steps_per_epoch_;
  const Schedule schedule_;
  std::optional<Teacher> teacher_;
  std::optional<MovingAverage> average_;
  std::optional<FormedWeights> formed_;
  Checkpoint state_;  ///< its tensors are filled in when it is written
  std::int64_t order_epoch_ = -1;
  std::vector<std::int64_t> order_;
  double last_loss_ = 0;
  double started_ = 0;
  double last_saved_ = 0;

  std::int64_t epoch() const { return state_.step / steps_per_epoch_; }
  double progress_share() const { return static_cast<double>(state_.step) / static_cast<double>(schedule_.steps); }
  const at::Tensor& kept_weights() { return average_ ? average_->average() : network_.weights().all(); }

  Batch prepare(std::int64_t step) {
    const std::int64_t epoch = step / steps_per_epoch_;
    if (epoch != order_epoch_) {
      order_ =
          permutation(train_.size(), RandomStream(options_.seed, static_cast<std::uint64_t>(epoch), 0, kShuffleStream));
      order_epoch_ = epoch;
    }
    // Batches of one size, but for one sample: the mean and variance of a small last one, of which linear layers have one
    // number a sample, would throw a training with batch-norm off its course.
    const auto begin_of = [&](std::int64_t i) { return static_cast<std::size_t>(i * train_.size() / steps_per_epoch_); };
    const std::int64_t in_epoch = step % steps_per_epoch_;
    const auto indices = std::span(order_).subspan(begin_of(in_epoch), begin_of(in_epoch + 1) - begin_of(in_epoch));
    const std::int64_t shown = options_.views > 0 ? epoch % options_.views : epoch;
    const std::vector<View> views = draw_views(options_.augment, train_.shape, options_.seed, shown, indices);
    Batch batch{batches_.inputs(indices, views), {}, {}, batches_.labels(indices)};
    if (teacher_) batch.teacher_inputs = teacher_->same_input ? batch.inputs : teacher_->batches.inputs(indices, views);
    if (distillation_ && distillation_->lessons) batch.teacher_scores = lesson(shown, indices);
    return batch;
  }

  /// What the teacher said of these samples in this view, {n, classes}.
  at::Tensor lesson(std::int64_t view, std::span<const std::int64_t> indices) const {
    const std::int64_t classes = class_count(graph_);
    at::Tensor scores = at::empty({static_cast<std::int64_t>(indices.size()), classes}, at::kFloat);
    float* to = scores.data_ptr<float>();
    for (std::int64_t index : indices) {
      to = std::copy_n(distillation_->lessons->logits.data() + (view * train_.size() + index) * classes, classes, to);
    }
    return scores.to(device_);
  }

  at::Tensor step(const Batch& batch) {
    const at::Tensor scores = network_.logits(batch.inputs, /*training=*/true);
    const double alpha = distillation_ ? distillation_->alpha : 0;
    at::Tensor loss;
    if (alpha < 1) loss = cross_entropy(scores, batch.labels, options_.label_smoothing) * (1 - alpha);
    if (alpha > 0) {
      at::Tensor teacher_scores = batch.teacher_scores;
      if (!teacher_scores.defined()) {
        const at::NoGradGuard no_gradient;
        teacher_scores = teacher_->network.logits(batch.teacher_inputs, /*training=*/false);
      }
      const at::Tensor taught = taught_loss(scores, teacher_scores, batch.labels) * alpha;
      loss = loss.defined() ? loss + taught : taught;
    }
    optimizer_.zero_gradient();
    loss.backward();
    optimizer_.step(schedule_.at(state_.step));
    if (average_) average_->update(network_.weights().all(), state_.step);
    return loss.detach();
  }

  at::Tensor taught_loss(const at::Tensor& student, const at::Tensor& teacher, const at::Tensor& labels) const {
    constexpr double kStandardisedGain = 10;  // published with weight 9 beside .1 for the labels
    constexpr double kDecoupledWarmUp = 1.0 / 12;  // of the training: 20 of the published 240 epochs
    const double temperature = distillation_->temperature;
    switch (distillation_->objective) {
      case Objective::kPlain: return distillation_loss(student, teacher, temperature);
      case Objective::kStandardised:
        return distillation_loss(standardised(student), standardised(teacher), temperature) * kStandardisedGain;
      case Objective::kDecoupled: {
        const double done = static_cast<double>(state_.step + 1) / (kDecoupledWarmUp * static_cast<double>(schedule_.steps));
        return decoupled_loss(student, teacher, labels, temperature) * std::min(1.0, done);
      }
    }
    MJ_CHECK(false);
    return {};
  }

  void take_loss(double loss, std::int64_t size) {
    if (!std::isfinite(loss)) diverged(fmt::format("the loss is {}", loss));
    last_loss_ = loss;
    state_.loss_sum += loss * static_cast<double>(size);
  }

  [[noreturn]] void diverged(const std::string& what) const {
    fail("training diverged: {} at step {} of {} (epoch {}); a lower learning rate may help", what, state_.step,
         schedule_.steps, (state_.step - 1) / steps_per_epoch_ + 1);
  }

  void finish_epoch() {
    state_.epoch_loss.push_back(state_.loss_sum / static_cast<double>(train_.size()));
    state_.loss_sum = 0;
    const Graph current = in_forms(network_.weights().store(graph_, kept_weights()));
    const Device device = device_.is_cuda() ? Device::kCuda : Device::kCpu;
    state_.epoch_accuracy.push_back(
        accuracy(logits(current, validation_, device), validation_.labels, class_count(graph_)));
  }

  /// The weights as the forward pass sees them now.
  Graph in_forms(Graph graph) const {
    if (!formed_) return graph;
    const Weights dense(graph, device_);
    for (std::size_t i = 0; i < options_.forms.weights.size(); ++i) {
      const ValueId id = options_.forms.weights[i].weight;
      const std::vector<float> elements = to_floats(formed_->formed(i, [&](ValueId constant) { return dense[constant]; }, progress_share()));
      graph.value(id).data = Constant::of(std::span<const float>(elements));
    }
    return graph;
  }

  void report() {
    const std::int64_t in_epoch = state_.step % steps_per_epoch_ * train_.size() / steps_per_epoch_;
    std::string note = fmt::format("epoch {}/{}  loss {:.3f}", std::min<std::int64_t>(epoch() + 1, options_.epochs),
                                   options_.epochs, last_loss_);
    if (!state_.epoch_accuracy.empty())
      note += fmt::format("  validation {:.2f} %", 100 * state_.epoch_accuracy.back());
    progress_.update(epoch() * train_.size() + in_epoch, note);
  }

  void save() {
    last_saved_ = steady_seconds();
    if (options_.checkpoint.empty()) return;
    if (!at::isfinite(network_.weights().all()).all().item<bool>()) diverged("weights are not finite");
    Checkpoint checkpoint = state_;
    checkpoint.seconds += steady_seconds() - started_;
    checkpoint.weights = to_floats(network_.weights().all());
    checkpoint.momentum = to_floats(optimizer_.momentum());
    if (average_) checkpoint.average = to_floats(average_->average());
    write_checkpoint(options_.checkpoint, checkpoint);
  }

  void resume() {
    std::optional<Checkpoint> found = read_checkpoint(options_.checkpoint);
    if (!found) return;
    if (found->job != state_.job) {
      progress_.warn(fmt::format("{}: made with other options, network or data; training starts anew",
                                 options_.checkpoint.string()));
      return;
    }
    if (found->threads != state_.threads || found->cuda != state_.cuda) {
      progress_.warn(fmt::format("{}: made with {} threads on {}; the result will differ in its last bits",
                                 options_.checkpoint.string(), found->threads, found->cuda ? "cuda" : "cpu"));
      found->threads = state_.threads;
      found->cuda = state_.cuda;
    }
    copy_into(network_.weights().all(), found->weights);
    copy_into(optimizer_.momentum(), found->momentum);
    if (average_) copy_into(average_->average(), found->average);
    found->weights.clear(), found->momentum.clear(), found->average.clear();
    state_ = std::move(*found);
  }

  TrainResult result() {
    TrainResult result;
    result.shadow = network_.weights().store(graph_, kept_weights());
    result.graph = in_forms(result.shadow);
    result.epoch_loss = state_.epoch_loss;
    result.epoch_accuracy = state_.epoch_accuracy;
    result.validation_accuracy = state_.epoch_accuracy.back();
    result.images = train_.size() * options_.epochs;
    // A backward pass computes two products of the forward pass's size: for the inputs and for the weights.
    std::int64_t macs_per_image = 3 * total_macs(graph_);
    if (teacher_ && distillation_->alpha > 0) macs_per_image += total_macs(*distillation_->teacher);
    result.macs = result.images * macs_per_image;
    result.seconds = state_.seconds + steady_seconds() - started_;
    progress_.end(fmt::format("{} epochs, loss {:.4f}, validation accuracy {:.2f} %", options_.epochs,
                              result.epoch_loss.back(), 100 * result.validation_accuracy));
    return result;
  }
};

}  // namespace

TrainResult train(const Graph& graph, const Samples& train, const Samples& validation, const TrainOptions& options,
                  const std::optional<Distillation>& distillation, Progress& progress) {
  check_options(options, distillation);
  check_samples(graph, train, "training");
  check_samples(graph, validation, "validation");
  if (train.size() == 0) fail("there are no training samples");
  if (distillation) {
    with_context("teacher", [&] { check_samples(*distillation->teacher, train, "training"); });
    if (class_count(*distillation->teacher) != class_count(graph)) {
      fail("the teacher has {} classes; the student has {}", class_count(*distillation->teacher), class_count(graph));
    }
  }
  return with_torch(options.device, [&](c10::Device device) {
    if (options.precision == Precision::kBfloat16 && !has_bfloat16(device)) {
      progress.warn("this processor has no instructions for bfloat16; training would be faster in float32");
    }
    return Training(graph, train, validation, options, distillation, progress, device).run();
  });
}

}  // namespace mj
