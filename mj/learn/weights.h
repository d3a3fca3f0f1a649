// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>

#include <map>
#include <span>
#include <vector>

#include "mj/ir/graph.h"

namespace mj {

/// What training changes of a graph, as one flat tensor: [decayed parameters | other parameters | running statistics],
/// every constant at a 64-byte boundary. One tensor makes optimiser, moving average and checkpoint one line each.
class Weights {
 public:
  /// Copies the constants out of `graph`; those of `also_trained` are parameters whatever reads them. Throws `Error`
  /// unless all of its values are float.
  Weights(const Graph& graph, c10::Device device, std::span<const ValueId> also_trained = {});

  /// The constant with this id, of its shape in the graph; parameters are autograd leaves that share the flat memory.
  const at::Tensor& operator[](ValueId id) const { return tensors_.at(id); }

  /// All elements, in one dimension.
  const at::Tensor& all() const { return all_; }
  /// What the optimiser moves.
  at::Tensor parameters() const { return all_.narrow(0, 0, parameter_count_); }
  /// The beginning of `parameters`: convolution and linear weights, which decay.
  std::int64_t decayed_count() const { return decayed_count_; }

  /// Makes every parameter collect its gradient into one flat tensor, which is returned.
  at::Tensor track_gradients();

  /// `graph` with its constants replaced from a flat tensor of the same layout as `all`.
  Graph store(Graph graph, const at::Tensor& flat) const;

 private:
  struct Place {
    ValueId id;
    std::int64_t offset;
  };
  std::vector<Place> places_;
  at::Tensor all_;
  std::int64_t decayed_count_ = 0;
  std::int64_t parameter_count_ = 0;
  std::map<ValueId, at::Tensor> tensors_;
};

}  // namespace mj
