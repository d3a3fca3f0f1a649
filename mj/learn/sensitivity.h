// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <vector>

#include "mj/base/progress.h"
#include "mj/learn/learn.h"

namespace mj {

/// How much a network's answers change with its weights: the diagonal of the Fisher information.
///
/// To second order the divergence of the answers is KL(before || after) = 1/2 sum_i F_i (w_i - w_i')^2, with F_i the mean
/// square of d log p(y) / d w_i over samples and labels y drawn from the network's own answers (Amari; Theis et al., Faster
/// gaze prediction with dense networks and Fisher pruning, arXiv 1801.05787).
struct Sensitivity {
  std::map<ValueId, std::vector<float>> weight;  ///< per element of every weight of conv2d and linear
  /// Per channel of every batch_norm, by its output: the mean square derivative by a factor on that channel; half of it is
  /// the divergence when the channel is removed.
  std::map<ValueId, std::vector<float>> channel;
};

/// Estimated on `images` of the samples, in batches of 16 whose labels are drawn by the seed; the square of a batch's mean
/// gradient times its size has the same expectation as the mean of the squares, as drawn labels make the mean 0.
Sensitivity fisher_information(const Graph& graph, const Samples& samples, std::int64_t images, std::uint64_t seed,
                               Device device, Progress& progress);

}  // namespace mj
