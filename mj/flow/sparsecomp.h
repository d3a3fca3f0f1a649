// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <span>

#include "mj/flow/compress_search.h"
#include "mj/ir/tensor.h"
#include "mj/learn/learn.h"

namespace mj {

/// What SparseComp (Farina et al., EWSN 2024) comes to before the last training.
struct SparseComp {
  Graph graph;         ///< dense weights
  WeightForms forms;   ///< densities that meet the size
  CompressSearch search;  ///< only what the report needs
  int rounds = 0;
  int fragile = 0;     ///< layers whose cut was taken back
};

/// Trains a graph on samples.
using TrainOn = std::function<TrainResult(const Graph& graph, const Samples& samples, const TrainOptions& options)>;

/// SparseComp: factorises every layer where that is smaller (ranks that keep 90 % of the squared weights), then, one round
/// after the other, halves the density of the largest layer that is not fragile with a hard threshold and retrains; a layer whose
/// cut costs more than two points is fragile, gets its weights back and is left alone until all layers are. Until the exported
/// bytes are within `target`. Weights have 8 bits.
///
/// Differs from the published program in three places: a cut halves the density (there the first one jumps from 1 to 0.1),
/// accuracy is judged on validation (there on test), and a layer is stored in its smallest encoding (there always as rows of
/// indices, which doubles a dense one). `options.epochs` are those of all rounds together; every round sees its share of `train`.
SparseComp run_sparsecomp(const Graph& trainable, std::span<const Tensor> inputs, const Samples& train, const TrainOptions& options,
                          Bytes target, const std::filesystem::path& checkpoints, const TrainOn& train_on);

}  // namespace mj
