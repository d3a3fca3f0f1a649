// SPDX-License-Identifier: Apache-2.0
#include "mj/learn/batches.h"

#include "mj/base/error.h"

namespace mj {
namespace {

std::vector<float> per_channel(const std::vector<float>& values, std::int64_t channels, const char* what) {
  if (values.size() == 1) return std::vector<float>(static_cast<std::size_t>(channels), values[0]);
  if (static_cast<std::int64_t>(values.size()) != channels) {
    fail("preprocessing has {} entries of {}; expected 1 or {}, one per channel", values.size(), what, channels);
  }
  return values;
}

/// Features without rows and columns are one row of one-channel pixels.
Shape image_shape(const Shape& shape) {
  if (shape.size() == 3) return shape;
  const std::int64_t channels = shape.empty() ? 1 : shape.back();
  return {1, element_count(shape) / std::max<std::int64_t>(channels, 1), channels};
}

}  // namespace

Preprocessor::Preprocessor(const Preprocess& preprocess, std::int64_t channels)
    : scale_(preprocess.scale),
      mean_(per_channel(preprocess.mean, channels, "mean")),
      std_(per_channel(preprocess.std, channels, "std")),
      table_(static_cast<std::size_t>(channels)) {
  for (std::int64_t c = 0; c < channels; ++c) {
    for (int pixel = 0; pixel < 256; ++pixel) {
      table_[static_cast<std::size_t>(c)][static_cast<std::size_t>(pixel)] = (*this)(static_cast<float>(pixel), c);
    }
  }
}

void check_samples(const Graph& graph, const Samples& samples, std::string_view what) {
  if (graph.inputs.size() != 1) fail("the network has {} inputs; expected 1", graph.inputs.size());
  const Shape& expected = graph.type(graph.inputs[0]).shape;
  if (samples.shape != expected) {
    fail("{} samples are {}; the network expects {}", what, shape_text(samples.shape), shape_text(expected));
  }
  const std::int64_t classes = class_count(graph);
  for (std::size_t i = 0; i < samples.labels.size(); ++i) {
    if (samples.labels[i] < 0 || samples.labels[i] >= classes) {
      fail("{} sample {} has label {}; the network has {} classes", what, i, samples.labels[i], classes);
    }
  }
}

Batches::Batches(const Graph& graph, const Samples& samples, c10::Device device)
    : samples_(samples),
      preprocessor_(graph.preprocess, samples.shape.empty() ? 1 : samples.shape.back()),
      device_(device),
      image_(image_shape(samples.shape)) {}

at::Tensor Batches::host(std::span<const std::int64_t> sizes, at::ScalarType type) const {
  return at::empty(at::IntArrayRef(sizes.data(), sizes.size()),
                   at::TensorOptions().dtype(type).pinned_memory(device_.is_cuda()));
}

at::Tensor Batches::inputs(std::span<const std::int64_t> indices, std::span<const View> views) const {
  MJ_CHECK(views.empty() || views.size() == indices.size());
  std::vector<std::int64_t> sizes{static_cast<std::int64_t>(indices.size())};
  sizes.insert(sizes.end(), samples_.shape.begin(), samples_.shape.end());
  const at::Tensor batch = host(sizes, at::kFloat);
  const auto count = static_cast<std::size_t>(element_count(samples_.shape));
  float* out = batch.data_ptr<float>();
  std::visit(
      [&](const auto& elements) {
        for (std::size_t i = 0; i < indices.size(); ++i) {
          const auto source = std::span(elements).subspan(static_cast<std::size_t>(indices[i]) * count, count);
          apply_view(views.empty() ? View{} : views[i], image_, source, std::span(out + i * count, count),
                     preprocessor_);
        }
      },
      samples_.elements);
  return batch.to(device_, /*non_blocking=*/true);
}

at::Tensor Batches::labels(std::span<const std::int64_t> indices) const {
  const std::int64_t size = static_cast<std::int64_t>(indices.size());
  const at::Tensor batch = host({&size, 1}, at::kLong);
  std::int64_t* out = batch.data_ptr<std::int64_t>();
  for (std::size_t i = 0; i < indices.size(); ++i) out[i] = samples_.labels[static_cast<std::size_t>(indices[i])];
  return batch.to(device_, /*non_blocking=*/true);
}

}  // namespace mj
