// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "mj/base/progress.h"
#include "mj/data/dataset.h"
#include "mj/flow/compress_search.h"
#include "mj/learn/learn.h"
#include "mj/platform/platform.h"

namespace mj {

enum class CompressMethod {
  kOurs,
  kSparseComp,  ///< as published (see `sparsecomp.h`)
  kQat8, kQat4  ///< baselines: quantisation-aware training of a narrower network of the same bytes
};
/// "ours", "sparsecomp", "qat8", "qat4".
CompressMethod parse_compress_method(const std::string& text);

/// How a network is brought below limits.
struct CompressOptions {
  CompressLimits limits;
  CompressMethod method = CompressMethod::kOurs;
  TrainOptions training;   ///< `epochs` of them in all; its checkpoint is ignored, its batch raised where the last would be small
  std::optional<Graph> teacher;  ///< whom it learns from in every phase; none: from the network as it was
  double temperature = 4;        ///< of that distillation
  double alpha = 0.5;
  std::filesystem::path checkpoints;  ///< folder; empty: none
};

struct CompressedNetwork {
  Graph graph;  ///< float, simplified, every weight in its final form
  CompressSearch search;
  std::int64_t training_macs = 0;
  double search_seconds = 0;  ///< measured
};

/// Searches, then trains in two phases: falling density; fixed zeros over the last tenth of the learning rate. Choices are made on
/// `split.validation`. Continues from `checkpoints` where that is given. Throws `Error` when limits cannot be met.
CompressedNetwork compress_network(const Graph& network, const Split& split, const CompressOptions& options, const Platform& platform,
                                   Progress& progress);

}  // namespace mj
