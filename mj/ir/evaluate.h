// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "mj/ir/graph.h"
#include "mj/ir/requantize.h"
#include "mj/ir/tensor.h"

namespace mj {

struct EvaluateOptions {
  Rounding rounding = Rounding::kDouble;
};

/// The reference evaluator: the oracle that importers, quantiser, emitted C and emulated devices are judged by.
///
/// Float nodes compute in float32; quantised nodes with the integer arithmetic of TFLite's int8 reference kernels, bit
/// for bit. Preparing (packing weights, fixed-point factors) happens once; `run` is const and may be called from several
/// threads at a time.
class Evaluator {
 public:
  explicit Evaluator(const Graph& graph, EvaluateOptions options = {});
  ~Evaluator();
  Evaluator(Evaluator&&) noexcept;
  Evaluator& operator=(Evaluator&&) noexcept;

  /// The graph outputs, in order, for one sample; `input` has the graph input's type.
  std::vector<Tensor> run(const Tensor& input) const;

  /// Called with every activation as soon as it is computed (the inputs too).
  using Observer = std::function<void(ValueId value, const Tensor& tensor)>;
  std::vector<Tensor> run(const Tensor& input, const Observer& observe) const;

  /// One node alone, from given inputs (constants included, in the node's order).
  Tensor run_node(std::int32_t node, std::span<const Tensor> inputs) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mj
