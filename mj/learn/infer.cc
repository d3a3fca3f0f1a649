// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "mj/learn/batches.h"
#include "mj/learn/device.h"
#include "mj/learn/torch_graph.h"
#include "mj/pass/passes.h"

namespace mj {
namespace {

// Large enough to keep all cores busy, small enough for the activations of a batch to stay in the cache's reach.
constexpr std::int64_t kBatch = 256;

}  // namespace

std::vector<float> logits(const Graph& graph, const Samples& samples, Device device) {
  check_samples(graph, samples, "the");
  return with_torch(device, [&](c10::Device where) {
    const at::NoGradGuard no_gradient;
    const TorchGraph network(fold_batch_norm(graph), where);
    const Batches batches(graph, samples, where);
    const std::int64_t classes = class_count(graph);
    std::vector<float> result(static_cast<std::size_t>(samples.size() * classes));
    std::vector<std::int64_t> indices;
    for (std::int64_t begin = 0; begin < samples.size(); begin += kBatch) {
      indices.resize(static_cast<std::size_t>(std::min(kBatch, samples.size() - begin)));
      std::iota(indices.begin(), indices.end(), begin);
      const at::Tensor scores =
          network.logits(batches.inputs(indices, {}), /*training=*/false).to(at::kCPU).contiguous();
      std::copy_n(scores.data_ptr<float>(), scores.numel(), result.begin() + begin * classes);
    }
    return result;
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
