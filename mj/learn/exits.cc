// SPDX-License-Identifier: Apache-2.0
#include "mj/learn/exits.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <numeric>

#include "mj/base/clock.h"
#include "mj/base/error.h"
#include "mj/base/hash.h"
#include "mj/base/parallel.h"
#include "mj/base/random.h"
#include "mj/ir/text.h"
#include "mj/learn/checkpoint.h"
#include "mj/learn/device.h"
#include "mj/learn/job.h"
#include "mj/learn/loss.h"
#include "mj/learn/optimizer.h"
#include "mj/learn/schedule.h"
#include "mj/learn/streams.h"
#include "mj/learn/torch_graph.h"

namespace mj {
namespace {

/// Features as a tensor {rows, numbers} over the memory they have.
at::Tensor rows_of(const Features& features) {
  auto* data = const_cast<std::uint16_t*>(features.halves.data());
  return at::from_blob(data, {features.views * features.samples, features.size}, at::kHalf);
}

std::uint64_t hash_of(const Head& head, const Features& train, std::span<const std::int32_t> labels, const HeadTraining& t) {
  std::uint64_t hash = content_hash(std::as_bytes(std::span(train.halves)));
  hash = content_hash(std::as_bytes(labels), hash);
  const std::string text = fmt::format("head {} {} {:a} {:a} {:a} {:a} {:a} {} {} {}\n{}", t.epochs, t.batch, t.learning_rate,
                                       t.warmup_epochs, t.weight_decay, t.alpha, t.temperature, t.random_exit, t.seed,
                                       train.views, print_text(head.graph));
  return content_hash(std::as_bytes(std::span(text)), hash);
}

/// One training of a head from its first step, or from a checkpoint, to its last.
class Exercise {
 public:
  Exercise(const Head& head, const Features& train, std::span<const std::int32_t> labels, const Features& validation,
           std::span<const std::int32_t> validation_labels, const HeadTraining& training, Progress& progress,
           c10::Device device)
      : head_(head),
        train_(train),
        labels_(labels),
        validation_(validation),
        validation_labels_(validation_labels),
        training_(training),
        progress_(progress),
        device_(device),
        network_(head.graph, device, at::kFloat, head.carries),
        optimizer_(network_.weights(), training.weight_decay),
        steps_per_epoch_((train.samples + training.batch - 1) / training.batch),
        schedule_{training.learning_rate, steps_per_epoch_ * training.epochs,
                  std::llround(training.warmup_epochs * static_cast<double>(steps_per_epoch_))},
        exits_(head.graph.outputs.size()),
        classes_(class_count(head.graph)) {
    all_.resize(exits_);
    std::iota(all_.begin(), all_.end(), 0);
    state_.threads = threads();
    state_.cuda = device.is_cuda();
    if (training.checkpoint.empty()) return;
    state_.job = hash_of(head, train, labels, training);
    resume();
  }

  HeadResult run() {
    progress_.begin("training the exits", train_.samples * training_.epochs, "images");
    double saved = started_ = steady_seconds();
    while (state_.step < schedule_.steps) {
      const std::int64_t epoch = state_.step / steps_per_epoch_;
      const std::vector<std::int64_t>& order = order_of(epoch);
      const std::int64_t begin = state_.step % steps_per_epoch_ * training_.batch;
      const std::int64_t end = std::min(begin + training_.batch, train_.samples);
      const auto indices = std::span(order).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
      const double loss = step(epoch, indices);
      ++state_.step;
      if (!std::isfinite(loss)) {
        fail("training the exits diverged: the loss is {} at step {} of {}; a lower learning rate may help", loss,
             state_.step, schedule_.steps);
      }
      state_.loss_sum += loss * static_cast<double>(indices.size());
      const bool epoch_done = state_.step % steps_per_epoch_ == 0;
      if (epoch_done) finish_epoch();
      if (epoch_done || steady_seconds() - saved >= training_.checkpoint_seconds) save(), saved = steady_seconds();
      report(epoch * train_.samples + end, epoch, loss);
    }
    HeadResult result;
    result.head = {network_.weights().store(head_.graph, network_.weights().all()), head_.carries};
    result.loss = state_.epoch_loss;
    for (std::size_t i = 0; i < state_.epoch_accuracy.size(); i += exits_) {
      const auto first = state_.epoch_accuracy.begin() + static_cast<std::ptrdiff_t>(i);
      result.accuracy.emplace_back(first, first + static_cast<std::ptrdiff_t>(exits_));
    }
    result.validation_logits = validation_logits();
    progress_.end(fmt::format("{} epochs, loss {:.4f}, validation {}", training_.epochs, result.loss.back(), note()));
    return result;
  }

 private:
  const Head& head_;
  const Features& train_;
  std::span<const std::int32_t> labels_;
  const Features& validation_;
  std::span<const std::int32_t> validation_labels_;
  const HeadTraining& training_;
  Progress& progress_;
  c10::Device device_;
  TorchGraph network_;
  Adam optimizer_;
  std::int64_t steps_per_epoch_;
  Schedule schedule_;
  std::size_t exits_;
  std::int64_t classes_;
  std::vector<std::size_t> all_;
  std::int64_t ordered_epoch_ = -1;
  std::vector<std::int64_t> order_;
  Checkpoint state_;
  double started_ = 0;

  const std::vector<std::int64_t>& order_of(std::int64_t epoch) {
    if (ordered_epoch_ != epoch) {
      order_ = permutation(train_.samples, RandomStream(training_.seed, static_cast<std::uint64_t>(epoch), kShuffleStream));
      ordered_epoch_ = epoch;
    }
    return order_;
  }

  double step(std::int64_t epoch, std::span<const std::int64_t> indices) {
    at::Tensor rows = at::empty({static_cast<std::int64_t>(indices.size())}, at::kLong);
    at::Tensor labels = at::empty_like(rows);
    for (std::size_t i = 0; i < indices.size(); ++i) {
      // Views of one step are mixed, and every sample shows another view in every epoch until all have been seen.
      const std::int64_t view = (epoch + indices[i]) % train_.views;
      rows.data_ptr<std::int64_t>()[i] = view * train_.samples + indices[i];
      labels.data_ptr<std::int64_t>()[i] = labels_[static_cast<std::size_t>(indices[i])];
    }
    const at::Tensor batch = rows_of(train_).index_select(0, rows).to(device_).to(at::kFloat);
    const at::Tensor features = batch.narrow(1, 0, train_.size - classes_);
    const at::Tensor own = batch.narrow(1, train_.size - classes_, classes_);
    labels = labels.to(device_);
    std::vector<std::size_t> asked = all_;
    if (training_.random_exit) {
      asked = {RandomStream(training_.seed, static_cast<std::uint64_t>(state_.step), kExitStream).below(exits_)};
    }
    at::Tensor loss;
    const std::vector<at::Tensor> answers = network_.outputs(features, asked, /*training=*/true);
    for (std::size_t i = 0; i < answers.size(); ++i) {
      const at::Tensor& answer = answers[i];
      at::Tensor here = cross_entropy(answer, labels, 0) * (1 - training_.alpha);
      if (training_.alpha > 0) here = here + distillation_loss(answer, own, training_.temperature) * training_.alpha;
      // A shared head would otherwise serve the early exits, whose loss is the largest, at the cost of the late ones.
      if (asked.size() > 1) here = here * (2 * static_cast<double>(asked[i] + 1) / static_cast<double>(exits_ + 1));
      loss = loss.defined() ? loss + here : here;
    }
    optimizer_.zero_gradient();
    loss.backward();
    optimizer_.step(schedule_.at(state_.step), state_.step);
    return loss.item<double>() / static_cast<double>(asked.size());
  }

  std::vector<std::vector<float>> validation_logits() const {
    const at::NoGradGuard no_gradient;
    std::vector<std::vector<float>> result(exits_);
    constexpr std::int64_t kBatch = 1024;
    const at::Tensor rows = rows_of(validation_);
    for (std::int64_t begin = 0; begin < validation_.samples; begin += kBatch) {
      const std::int64_t count = std::min(kBatch, validation_.samples - begin);
      const at::Tensor batch =
          rows.narrow(0, begin, count).narrow(1, 0, validation_.size - classes_).to(device_).to(at::kFloat);
      const auto answers = network_.outputs(batch, all_, /*training=*/false);
      for (std::size_t k = 0; k < exits_; ++k) {
        const at::Tensor host = answers[k].to(at::kCPU).contiguous();
        result[k].insert(result[k].end(), host.data_ptr<float>(), host.data_ptr<float>() + host.numel());
      }
    }
    return result;
  }

  void finish_epoch() {
    state_.epoch_loss.push_back(state_.loss_sum / static_cast<double>(train_.samples));
    state_.loss_sum = 0;
    for (const auto& answers : validation_logits()) {
      state_.epoch_accuracy.push_back(accuracy(answers, validation_labels_, classes_));
    }
  }

  std::string note() const {
    if (state_.epoch_accuracy.size() < exits_) return {};
    std::string text;
    for (std::size_t k = state_.epoch_accuracy.size() - exits_; k < state_.epoch_accuracy.size(); ++k) {
      text += fmt::format("{}{:.1f}", text.empty() ? "" : " / ", 100 * state_.epoch_accuracy[k]);
    }
    return text + " %";
  }

  void report(std::int64_t done, std::int64_t epoch, double loss) {
    progress_.update(done, fmt::format("epoch {}/{}  loss {:.3f}  {}", epoch + 1, training_.epochs, loss, note()));
  }

  static std::vector<float> floats(const at::Tensor& tensor) {
    const at::Tensor host = tensor.detach().to(at::kCPU).contiguous();
    return {host.data_ptr<float>(), host.data_ptr<float>() + host.numel()};
  }
  static void copy_into(const at::Tensor& tensor, std::vector<float>& values) {
    MJ_CHECK(tensor.numel() == static_cast<std::int64_t>(values.size()));
    const at::NoGradGuard no_gradient;
    tensor.view({-1}).copy_(at::from_blob(values.data(), {tensor.numel()}, at::kFloat));
  }

  void save() {
    if (training_.checkpoint.empty()) return;
    Checkpoint checkpoint = state_;
    checkpoint.seconds += steady_seconds() - started_;
    checkpoint.weights = floats(network_.weights().all());
    checkpoint.momentum = floats(optimizer_.moments());
    write_checkpoint(training_.checkpoint, checkpoint);
  }

  void resume() {
    std::optional<Checkpoint> found = read_checkpoint(training_.checkpoint);
    if (!found) return;
    if (found->job != state_.job) {
      progress_.warn(fmt::format("{}: made with other options, network or data; training starts anew",
                                 training_.checkpoint.string()));
      return;
    }
    if (found->threads != state_.threads || found->cuda != state_.cuda) {
      progress_.warn(fmt::format("{}: made with {} threads on {}; the result will differ in its last bits",
                                 training_.checkpoint.string(), found->threads, found->cuda ? "cuda" : "cpu"));
      found->threads = state_.threads;
      found->cuda = state_.cuda;
    }
    copy_into(network_.weights().all(), found->weights);
    copy_into(optimizer_.moments(), found->momentum);
    found->weights.clear(), found->momentum.clear();
    state_ = std::move(*found);
  }
};

}  // namespace

HeadResult train_head(const Head& head, const Features& train, std::span<const std::int32_t> labels,
                      const Features& validation, std::span<const std::int32_t> validation_labels,
                      const HeadTraining& training, Progress& progress) {
  const std::int64_t classes = class_count(head.graph);
  MJ_CHECK(train.size == validation.size && train.size == head.graph.type(head.graph.inputs[0]).count() + classes);
  MJ_CHECK(train.samples == static_cast<std::int64_t>(labels.size()));
  MJ_CHECK(validation.samples == static_cast<std::int64_t>(validation_labels.size()));
  if (train.samples == 0) fail("there are no training samples");
  expect_option(training.epochs >= 1, "epochs", training.epochs, "at least 1");
  expect_option(training.batch >= 2, "batch", training.batch, "at least 2");
  expect_option(training.learning_rate > 0 && std::isfinite(training.learning_rate), "learning_rate", training.learning_rate,
                "a positive number");
  expect_option(training.alpha >= 0 && training.alpha <= 1, "alpha", training.alpha, "0 to 1");
  expect_option(training.temperature > 0, "temperature", training.temperature, "a positive number");
  return with_torch(training.device, [&](c10::Device device) {
    return Exercise(head, train, labels, validation, validation_labels, training, progress, device).run();
  });
}

}  // namespace mj
