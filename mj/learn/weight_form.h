// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "mj/ir/graph.h"

namespace mj {

/// What the forward pass makes of one weight (of conv2d or linear, rows first): zeros in the places of least magnitude,
/// the rest rounded to few bits. The weight that is trained stays dense: gradients go straight through (Bengio et al.,
/// arXiv 1308.3432), so what was cut away can come back (Lin et al., Dynamic model pruning with feedback, ICLR 2020).
struct WeightForm {
  ValueId weight = -1;
  double density = 1;              ///< share of the elements that are not zero at the end, above 0 and at most 1
  int block = 1;                   ///< zeros come in runs of this many within a row, from multiples of it on (1 or 4)
  int bits = 0;                    ///< 8 or 4; 0 leaves reals
  bool per_tensor = false;         ///< rounded with one step instead of one per row, as its batch-norm scales them if it has one
  std::vector<std::uint8_t> kept;  ///< not empty: exactly these elements stay, whatever their size; `density` is not used

  bool operator==(const WeightForm&) const = default;
};

/// All forms of a training and when they set in, in shares of its steps.
///
/// Density falls along the cubic of Zhu and Gupta (To prune, or not to prune, arXiv 1710.01878):
/// d(t) = d + (1 - d) (1 - t / sparse_until)^3.
struct WeightForms {
  std::vector<WeightForm> weights;
  double sparse_until = 0.6;
  double quantized_from = 0.3;

  bool operator==(const WeightForms&) const = default;
};

/// Density at a share of the training's steps, 0..1.
double scheduled_density(double final_density, double sparse_until, double progress);

/// The weights of a float graph in their final forms.
Graph with_forms(Graph graph, const WeightForms& forms);

}  // namespace mj
