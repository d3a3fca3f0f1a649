// SPDX-License-Identifier: Apache-2.0
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <numeric>

#include "mj/learn/augment.h"
#include "mj/learn/batches.h"
#include "mj/learn/checkpoint.h"
#include "mj/learn/device.h"
#include "mj/learn/job.h"
#include "mj/learn/torch_graph.h"
#include "mj/pass/passes.h"

namespace mj {
namespace {

// Large enough to keep all cores busy, small enough for the activations of a batch to stay in the cache's reach.
constexpr std::int64_t kInferBatch = 256;

/// A frozen network over samples, in their order and in batches of one size, so that every run gives the same bits.
class Inference {
 public:
  Inference(const Graph& graph, const Samples& samples, c10::Device device, at::ScalarType images = at::kFloat)
      : samples_(samples),
        classes_(class_count(graph)),
        network_(fold_batch_norm(graph), device, images),
        batches_(graph, samples, device) {}

  /// Logits of all samples, row-major {sample, class}, each seen as `augment` shows it in `epoch`.
  template <class Report>
  std::vector<float> logits(const Augmentation& augment, std::uint64_t seed, Report report, std::int64_t epoch = 0) const {
    const at::NoGradGuard no_gradient;
    std::vector<float> result(static_cast<std::size_t>(samples_.size() * classes_));
    std::vector<std::int64_t> indices;
    for (std::int64_t begin = 0; begin < samples_.size(); begin += kInferBatch) {
      indices.resize(static_cast<std::size_t>(std::min(kInferBatch, samples_.size() - begin)));
      std::iota(indices.begin(), indices.end(), begin);
      const std::vector<View> views = draw_views(augment, samples_.shape, seed, epoch, indices);
      const at::Tensor scores =
          network_.logits(batches_.inputs(indices, views), /*training=*/false).to(at::kCPU).contiguous();
      std::copy_n(scores.data_ptr<float>(), scores.numel(), result.begin() + begin * classes_);
      report(begin + static_cast<std::int64_t>(indices.size()));
    }
    return result;
  }

 private:
  const Samples& samples_;
  std::int64_t classes_;
  TorchGraph network_;
  Batches batches_;
};

}  // namespace

std::vector<float> logits(const Graph& graph, const Samples& samples, Device device) {
  check_samples(graph, samples, "the");
  return with_torch(device, [&](c10::Device where) {
    const Inference inference(graph, samples, where);
    return inference.logits({}, 0, [](std::int64_t) {});
  });
}

Lessons teach(const Graph& teacher, const Samples& train, const TrainOptions& options, Progress& progress) {
  check_options(options, {});
  check_samples(teacher, train, "training");
  if (options.views < 1) fail("training option 'views' is 0; expected at least 1 view to be taught");
  const std::uint64_t job = lessons_hash(teacher, train, options);
  Checkpoint state;
  if (!options.checkpoint.empty()) {
    std::optional<Checkpoint> found = read_checkpoint(options.checkpoint);
    if (found && found->job == job) state = std::move(*found);
  }
  state.job = job;
  return with_torch(options.device, [&](c10::Device where) {
    const Inference inference(teacher, train, where, torch_type(options.precision));
    progress.begin("asking the teacher", train.size() * options.views, "images");
    for (; state.step < options.views; ++state.step) {
      const auto report = [&](std::int64_t done) { progress.update(state.step * train.size() + done, ""); };
      const std::vector<float> scores = inference.logits(options.augment, options.seed, report, state.step);
      state.weights.insert(state.weights.end(), scores.begin(), scores.end());
      if (!options.checkpoint.empty()) {
        Checkpoint written = state;
        ++written.step;
        write_checkpoint(options.checkpoint, written);
      }
    }
    progress.end(fmt::format("{} views of {} images", options.views, train.size()));
    return Lessons{options.views, std::move(state.weights)};
  });
}

double accuracy(std::span<const float> logits, std::span<const std::int32_t> labels, std::int64_t classes) {
  MJ_CHECK(classes > 0 && logits.size() == labels.size() * static_cast<std::size_t>(classes));
  if (labels.empty()) return 0;
  std::int64_t right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto row = logits.subspan(i * static_cast<std::size_t>(classes), static_cast<std::size_t>(classes));
    right += std::ranges::max_element(row) - row.begin() == labels[i];
  }
  return static_cast<double>(right) / static_cast<double>(labels.size());
}

}  // namespace mj
