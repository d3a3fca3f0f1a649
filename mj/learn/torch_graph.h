// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>

#include <functional>
#include <map>
#include <span>
#include <vector>

#include "mj/ir/graph.h"
#include "mj/learn/weights.h"

namespace mj {

/// Runs a graph over libtorch tensors: no mirrored modules, a node is a call.
///
/// Layout: the batch comes first. A value of shape {H,W,C} is a tensor {N,C,H,W} in channels-last memory, which is the
/// same memory as the graph's order; every other shape is {N, shape...}.
class TorchGraph {
 public:
  /// Throws `Error` unless the graph is float with one input. `images`: the type of activations {H,W,C}, to which
  /// convolutions round their weights; all others are float32. `also_trained`: see `Weights`.
  TorchGraph(const Graph& graph, c10::Device device, at::ScalarType images = at::kFloat, std::span<const ValueId> also_trained = {});

  /// Scores of the classes before any final softmax, {n, classes}, in float32. `input` is {n, shape of the graph's input}. When
  /// training, batch-norm uses the statistics of the batch and moves its running ones by `kStatisticsMomentum`.
  at::Tensor logits(const at::Tensor& input, bool training) const;

  /// These outputs of the graph, each {n, elements}; what they do not need is not run. `wanted` holds indices into
  /// `Graph::outputs`.
  std::vector<at::Tensor> outputs(const at::Tensor& input, std::span<const std::size_t> wanted, bool training) const;

  /// Some constants as the forward pass is to see them, in place of what is trained.
  using WeightView = std::function<std::map<ValueId, at::Tensor>(const Weights& weights)>;
  /// Asked once in each forward pass from now on.
  void see_weights(WeightView view) { view_ = std::move(view); }

  Weights& weights() { return weights_; }
  const Weights& weights() const { return weights_; }

  static constexpr double kStatisticsMomentum = 0.1;

 private:
  std::vector<at::Tensor> run(const at::Tensor& input, std::span<const ValueId> wanted, bool training) const;

  const Graph graph_;
  const at::ScalarType images_;
  Weights weights_;
  WeightView view_;
  ValueId logits_ = -1;                  ///< the last output, or what its softmax reads
  std::vector<std::int32_t> last_node_;  ///< per value: the last node that reads it
  std::vector<char> may_overwrite_;      ///< per node: its input has no other reader and its maker does not need it
};

}  // namespace mj
