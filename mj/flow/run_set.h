// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "mj/base/progress.h"
#include "mj/data/dataset.h"
#include "mj/ir/evaluate.h"
#include "mj/ir/graph.h"
#include "mj/ir/tensor.h"

namespace mj {

/// A network run on samples by the reference evaluator.
struct SetRun {
  std::vector<Tensor> inputs;                      ///< one per sample
  std::vector<std::byte> outputs;                  ///< all outputs of sample 0, of sample 1, ...
  std::vector<std::vector<std::int32_t>> answers;  ///< {output, sample}: index of the largest element
  std::vector<double> accuracy;                    ///< {output}: share of answers that are the label
};

/// Runs all samples on all threads. Throws `Error` when the samples' shape is not what the network takes, or a label is
/// not among its classes.
SetRun run_set(const Graph& graph, const Samples& samples, std::string_view phase, Progress& progress,
               EvaluateOptions options = {});

/// Throws `Error` unless `samples` have the shape the network takes and labels it can give.
void require_samples_fit(const Graph& graph, const Samples& samples);

}  // namespace mj
