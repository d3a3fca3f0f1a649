// SPDX-License-Identifier: Apache-2.0
#include "mj/learn/sensitivity.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <variant>

#include "mj/base/error.h"
#include "mj/base/random.h"
#include "mj/learn/batches.h"
#include "mj/learn/device.h"
#include "mj/learn/loss.h"
#include "mj/learn/streams.h"
#include "mj/learn/torch_graph.h"

namespace mj {
namespace {

constexpr std::int64_t kGradientBatch = 16;

/// A label for each row, drawn from its softmax.
at::Tensor drawn_labels(const at::Tensor& logits, std::uint64_t seed, std::int64_t first) {
  const at::Tensor cumulated = at::softmax(logits, 1).cumsum(1).to(at::kCPU).contiguous();
  at::Tensor labels = at::empty({logits.size(0)}, at::kLong);
  for (std::int64_t i = 0; i < logits.size(0); ++i) {
    const float* row = cumulated.data_ptr<float>() + i * logits.size(1);
    const float* end = row + logits.size(1);
    const double u = RandomStream(seed, static_cast<std::uint64_t>(first + i), 0, kFisherStream).uniform() * end[-1];
    labels.data_ptr<std::int64_t>()[i] = std::min(std::upper_bound(row, end, static_cast<float>(u)), end - 1) - row;
  }
  return labels.to(logits.device());
}

std::vector<float> floats(const at::Tensor& tensor) {
  const at::Tensor host = tensor.to(at::kCPU).contiguous();
  return {host.data_ptr<float>(), host.data_ptr<float>() + host.numel()};
}

}  // namespace

Sensitivity fisher_information(const Graph& graph, const Samples& samples, std::int64_t images, std::uint64_t seed,
                               Device device, Progress& progress) {
  check_samples(graph, samples, "the");
  if (samples.size() == 0) fail("there are no samples to estimate the sensitivity on");
  return with_torch(device, [&](c10::Device where) {
    TorchGraph network(graph, where);
    const Batches batches(graph, samples, where);
    at::Tensor gradient = network.weights().track_gradients();
    std::vector<std::int64_t> order = permutation(samples.size(), RandomStream(seed, 0, 0, kFisherStream));
    const std::int64_t n = std::min(images, samples.size());
    std::map<ValueId, at::Tensor> weight, channel;
    progress.begin("measuring sensitivity", n, "images");
    for (std::int64_t begin = 0; begin < n; begin += kGradientBatch) {
      const std::int64_t size = std::min(kGradientBatch, n - begin);
      const auto indices = std::span(order).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(size));
      gradient.zero_();
      const at::Tensor scores = network.logits(batches.inputs(indices, {}), /*training=*/false);
      cross_entropy(scores, drawn_labels(scores.detach(), seed, begin), 0).backward();
      const at::NoGradGuard no_gradient;
      // The square of the mean over `size` samples, times size, weighs like `size` samples: size^2 / n in all.
      const double share = static_cast<double>(size) * static_cast<double>(size) / static_cast<double>(n);
      const auto add = [&](std::map<ValueId, at::Tensor>& sums, ValueId id, const at::Tensor& square) {
        const auto [entry, fresh] = sums.try_emplace(id, square * share);
        if (!fresh) entry->second.add_(square, share);
      };
      std::vector<ValueId> seen;  // a weight that several nodes share has one gradient
      for (const Node& node : graph.nodes) {
        if (std::holds_alternative<Conv2d>(node.op) || std::holds_alternative<Linear>(node.op)) {
          const ValueId id = node.inputs[1];
          if (!graph.value(id).constant() || std::ranges::find(seen, id) != seen.end()) continue;
          seen.push_back(id);
          add(weight, id, network.weights()[id].grad().square());
        } else if (std::holds_alternative<BatchNorm>(node.op)) {
          const at::Tensor gamma = network.weights()[node.inputs[1]], beta = network.weights()[node.inputs[2]];
          add(channel, node.output, (gamma * gamma.grad() + beta * beta.grad()).square());
        }
      }
      progress.update(begin + size, "");
    }
    Sensitivity result;
    for (const auto& [id, sums] : weight) result.weight[id] = floats(sums);
    for (const auto& [id, sums] : channel) result.channel[id] = floats(sums);
    progress.end(fmt::format("{} images", n));
    return result;
  });
}

}  // namespace mj
