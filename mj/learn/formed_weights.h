// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "mj/learn/weight_form.h"
#include "mj/learn/weights.h"

namespace mj {

/// 1 for the `count` elements (or whole blocks of them) of largest magnitude, 0 elsewhere; of the weight's shape. Of blocks,
/// as many are kept as hold `count` elements, rounded to nearest, at least one.
at::Tensor magnitude_mask(const at::Tensor& weight, double density, int block);

/// Rounded to `bits`, symmetric per row or per tensor, -127..127 or -7..7 steps. With 8 bits the largest magnitude is 127 steps;
/// with 4 bits the step is the one of eight candidates, 7 of which clip, that makes the squared error least. Either way the
/// largest magnitude of the result is 127 or 7 steps, so that quantising it once more by its maximum gives the same integers.
/// `deciding`, which broadcasts to the weight, is 1 for the elements that decide on the step, 0 for those that are cut to its ends.
at::Tensor rounded_to_bits(const at::Tensor& weight, int bits, bool per_tensor = false, const at::Tensor& deciding = {});

/// Weights as the forward pass sees them.
class FormedWeights {
 public:
  /// Throws `Error` on forms no weight can have.
  FormedWeights(const Graph& graph, WeightForms forms, c10::Device device);

  /// At a share of the training's steps; gradients reach the dense weights as if nothing had been done, but for elements cut
  /// by a fixed mask.
  std::map<ValueId, at::Tensor> at(const Weights& weights, double progress) const;
  /// One weight in its form, without gradient. `constant` gives the constants of the network by their id.
  at::Tensor formed(std::size_t form, const std::function<at::Tensor(ValueId)>& constant, double progress) const;

  const WeightForms& forms() const { return forms_; }

 private:
  /// The batch-norm behind a weight: it takes the size of a row away, and folded it scales the rows before they are rounded
  /// with one step.
  struct Norm {
    ValueId gamma, variance;
    double epsilon;
  };

  WeightForms forms_;
  std::vector<std::optional<Norm>> norms_;  ///< per form
  std::vector<at::Tensor> fixed_masks_;  ///< per form; undefined where the mask follows the weight
};

}  // namespace mj
