// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "mj/ir/graph.h"

namespace mj {

/// Ranks of a factorised layer: `in` and `out` of a convolution's core; a linear layer uses `in` alone.
struct Ranks {
  std::int64_t in = 0;
  std::int64_t out = 0;

  bool operator==(const Ranks&) const = default;
};

/// The largest ranks with which the factors of a weight have fewer elements than itself; nothing below is worth storing.
/// Linear {m,n}: r < mn / (m + n). Convolution: I r1 + k r1 r2 + r2 O < k I O with k = kh kw, at the same share of both ranks.
bool factors_are_smaller(const Shape& weight, const Ranks& ranks);

/// A weight as factors: linear {O,I} = {O,r} {r,I} by the singular value decomposition, each factor with the root of the
/// singular values. Conv2d {O,kh,kw,I} = {O,1,1,r2} {r2,kh,kw,r1} {r1,1,1,I}, Tucker-2 by higher-order SVD and `kSweeps` of
/// alternating least squares (De Lathauwer et al., SIAM J. Matrix Anal. Appl. 21, 2000; Kim et al., ICLR 2016), its factors
/// balanced: what scales a channel between two of them is shared by both.
struct Factor {
  Shape shape;
  std::vector<float> elements;
};
std::vector<Factor> factors_of(std::span<const float> weight, const Shape& shape, const Ranks& ranks);

/// The product of the factors, in the shape of the weight.
std::vector<float> product_of(std::span<const Factor> factors);

/// Replaces node `name` by its factors: a linear by two, a conv2d (groups 1) by 1x1, kh x kw and 1x1; bias and activation stay
/// with the last, and the weights of the others ask for one scale. The new nodes are called NAME.in, NAME.core and NAME; their intermediate activations count as memory
/// like any other. Throws `Error` when the node has no such form.
Graph factorise(const Graph& graph, const std::string& name, const Ranks& ranks);

}  // namespace mj
