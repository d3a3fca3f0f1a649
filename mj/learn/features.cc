// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <numeric>

#include "mj/base/error.h"
#include "mj/base/hash.h"
#include "mj/base/text.h"
#include "mj/learn/batches.h"
#include "mj/learn/device.h"
#include "mj/learn/exits.h"
#include "mj/learn/job.h"
#include "mj/learn/torch_graph.h"
#include "mj/pass/passes.h"

namespace mj {
namespace {

constexpr std::int64_t kFeatureBatch = 256;

/// Features on disk: a head of 4 words (magic, hash of the job, rows, numbers per row), then the views, each followed by a
/// hash of its bytes, so that a view that was cut off is told from a whole one.
class FeatureFile {
 public:
  FeatureFile(std::filesystem::path path, std::uint64_t job, std::int64_t rows, std::int64_t size)
      : path_(std::move(path)),
        head_{kMagic, job, static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(size)},
        view_bytes_(static_cast<std::size_t>(rows * size) * sizeof(std::uint16_t)) {}

  /// Reads whole views into `to`, at most as many as it holds; returns how many. What follows is cut off.
  int read(std::span<std::uint16_t> to) {
    if (path_.empty()) return 0;
    int views = 0;
    {
      std::ifstream in(path_, std::ios::binary);
      std::array<std::uint64_t, 4> head{};
      const auto take = [&](void* where, std::size_t bytes) {
        return static_cast<bool>(in.read(static_cast<char*>(where), static_cast<std::streamsize>(bytes)));
      };
      if (in && take(head.data(), sizeof head) && head == head_) {
        auto bytes = std::as_writable_bytes(to);
        while (bytes.size() >= view_bytes_) {
          std::uint64_t hash = 0;
          const auto view = bytes.first(view_bytes_);
          if (!take(view.data(), view_bytes_) || !take(&hash, sizeof hash) || hash != content_hash(view)) break;
          bytes = bytes.subspan(view_bytes_);
          ++views;
        }
      }
    }
    std::error_code error;
    if (views == 0) {
      if (path_.has_parent_path()) std::filesystem::create_directories(path_.parent_path(), error);
      std::ofstream out(path_, std::ios::binary | std::ios::trunc);
      if (!out.write(reinterpret_cast<const char*>(head_.data()), sizeof head_)) fail("{}: cannot be written", path_.string());
    } else if (bytes_on_disk() < std::filesystem::file_size(path_, error) && bytes_on_disk(views) != 0) {
      std::filesystem::resize_file(path_, bytes_on_disk(views), error);
    }
    return views;
  }

  void append(std::span<const std::uint16_t> view) {
    if (path_.empty()) return;
    const auto bytes = std::as_bytes(view);
    const std::uint64_t hash = content_hash(bytes);
    std::ofstream out(path_, std::ios::binary | std::ios::app);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    out.write(reinterpret_cast<const char*>(&hash), sizeof hash);
    if (!out.flush()) fail("{}: cannot be written: the disk may be full", path_.string());
  }

 private:
  static constexpr std::uint64_t kMagic = 0x315446544f4a4d0au;  // format 1
  std::filesystem::path path_;
  std::array<std::uint64_t, 4> head_;
  std::size_t view_bytes_;

  std::uintmax_t bytes_on_disk(int views = 0) const {
    return sizeof head_ + static_cast<std::uintmax_t>(views) * (view_bytes_ + sizeof(std::uint64_t));
  }
};

}  // namespace

Features collect_features(const Graph& network, const Samples& samples, int views, const TrainOptions& options,
                          const std::filesystem::path& cache, Bytes most_bytes, Progress& progress) {
  MJ_CHECK(views >= 1);
  if (samples.shape != network.type(network.inputs[0]).shape) {
    fail("the network takes inputs of {}; the data has {}", shape_text(network.type(network.inputs[0]).shape),
         shape_text(samples.shape));
  }
  Features features;
  features.views = views;
  features.samples = samples.size();
  features.size = class_count(network);
  const std::int64_t rows_of_view = samples.size();
  const Bytes view_bytes = rows_of_view * features.size * 2;
  if (view_bytes > most_bytes / views) {
    fail("{} views of {} features take {}; {} is allowed, which {} would take", views, features.size,
         bytes_text(view_bytes * views), bytes_text(most_bytes),
         most_bytes / std::max<Bytes>(view_bytes, 1) > 0 ? fmt::format("{} views", most_bytes / view_bytes)
                                                         : std::string("only fewer images"));
  }
  features.halves.resize(static_cast<std::size_t>(rows_of_view * features.size * views));
  TrainOptions seen = options;
  seen.views = 0;  // a view does not depend on how many there are
  const auto view_of = [&](int v) {
    const auto count = static_cast<std::size_t>(rows_of_view * features.size);
    return std::span(features.halves).subspan(static_cast<std::size_t>(v) * count, count);
  };
  FeatureFile file(cache, cache.empty() ? 0 : lessons_hash(network, samples, seen), rows_of_view, features.size);
  const int known = file.read(features.halves);
  if (known == views || rows_of_view == 0) return features;
  return with_torch(options.device, [&](c10::Device where) {
    const at::NoGradGuard no_gradient;
    const TorchGraph frozen(fold_batch_norm(network), where);
    const Batches batches(network, samples, where);
    progress.begin("running the network", rows_of_view * views, "images");
    std::vector<std::int64_t> indices;
    for (int v = known; v < views; ++v) {
      const std::span<std::uint16_t> view = view_of(v);
      for (std::int64_t begin = 0; begin < rows_of_view; begin += kFeatureBatch) {
        indices.resize(static_cast<std::size_t>(std::min(kFeatureBatch, rows_of_view - begin)));
        std::iota(indices.begin(), indices.end(), begin);
        const std::vector<View> seen_as = draw_views(options.augment, samples.shape, options.seed, v, indices);
        const at::Tensor rows = frozen.logits(batches.inputs(indices, seen_as), /*training=*/false)
                                    .clamp(-65504, 65504)
                                    .to(at::kHalf)
                                    .to(at::kCPU)
                                    .contiguous();
        std::memcpy(view.data() + begin * features.size, rows.data_ptr(), static_cast<std::size_t>(rows.numel()) * 2);
        progress.update(v * rows_of_view + begin + rows.size(0), "");
      }
      file.append(view);
    }
    progress.end(fmt::format("{} views of {} images, {}", views, thousands(rows_of_view), bytes_text(view_bytes * views)));
    return std::move(features);
  });
}

std::vector<float> own_logits(const Features& features, std::int64_t classes) {
  std::vector<float> logits;
  for (std::int64_t i = 0; i < features.samples; ++i) {
    const std::uint16_t* end = features.halves.data() + (i + 1) * features.size;
    for (const std::uint16_t* half = end - classes; half != end; ++half) {
      logits.push_back(static_cast<float>(c10::Half(*half, c10::Half::from_bits())));
    }
  }
  return logits;
}

std::vector<std::vector<float>> all_outputs(const Graph& graph, const Samples& samples, Device device, Progress& progress) {
  check_samples(graph, samples, "the");
  return with_torch(device, [&](c10::Device where) {
    const at::NoGradGuard no_gradient;
    const TorchGraph network(fold_batch_norm(graph), where);
    const Batches batches(graph, samples, where);
    std::vector<std::size_t> wanted(graph.outputs.size());
    std::iota(wanted.begin(), wanted.end(), 0);
    std::vector<std::vector<float>> result(wanted.size());
    progress.begin("asking every exit", samples.size(), "images");
    std::vector<std::int64_t> indices;
    for (std::int64_t begin = 0; begin < samples.size(); begin += kFeatureBatch) {
      indices.resize(static_cast<std::size_t>(std::min(kFeatureBatch, samples.size() - begin)));
      std::iota(indices.begin(), indices.end(), begin);
      const auto outputs = network.outputs(batches.inputs(indices, {}), wanted, /*training=*/false);
      for (std::size_t k = 0; k < outputs.size(); ++k) {
        const at::Tensor host = outputs[k].to(at::kCPU).contiguous();
        result[k].insert(result[k].end(), host.data_ptr<float>(), host.data_ptr<float>() + host.numel());
      }
      progress.update(begin + static_cast<std::int64_t>(indices.size()), "");
    }
    progress.end(fmt::format("{} images", thousands(samples.size())));
    return result;
  });
}

}  // namespace mj
