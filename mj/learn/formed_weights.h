// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>

#include <map>

#include "mj/learn/weight_form.h"
#include "mj/learn/weights.h"

namespace mj {

/// 1 for the `count` elements (or whole blocks of them) of largest magnitude, 0 elsewhere; of the weight's shape. Of blocks,
/// as many are kept as hold `count` elements, rounded to nearest, at least one.
at::Tensor magnitude_mask(const at::Tensor& weight, double density, int block);

/// Rounded to `bits`, symmetric per row, -127..127 or -7..7 steps. With 8 bits the largest magnitude of a row is 127 steps;
/// with 4 bits the step is the one of eight candidates, 7 of which clip, that makes the squared error least. Either way the
/// largest magnitude of the result is 127 or 7 steps, so that quantising it once more by its maximum gives the same integers.
at::Tensor rounded_to_bits(const at::Tensor& weight, int bits);

/// Weights as the forward pass sees them.
class FormedWeights {
 public:
  /// Throws `Error` on forms no weight can have.
  FormedWeights(const Graph& graph, WeightForms forms, c10::Device device);

  /// At a share of the training's steps; gradients reach the dense weights as if nothing had been done, but for elements cut
  /// by a fixed mask.
  std::map<ValueId, at::Tensor> at(const Weights& weights, double progress) const;
  /// One weight in its form, without gradient.
  at::Tensor formed(std::size_t form, const at::Tensor& weight, double progress) const;

  const WeightForms& forms() const { return forms_; }

 private:
  WeightForms forms_;
  std::vector<at::Tensor> fixed_masks_;  ///< per form; undefined where the mask follows the weight
};

}  // namespace mj
