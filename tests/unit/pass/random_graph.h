// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mj/base/random.h"
#include "mj/ir/evaluate.h"
#include "mj/ir/graph.h"
#include "mj/ir/tensor.h"
#include "mj/pass/quantize.h"

namespace mj::test {

/// A small float network of random structure over all operators: branches, exits, batch-norms in odd places, pads,
/// transposes, reshapes. The same seed gives the same network.
Graph random_graph(std::uint64_t seed);

/// The type of real numbers of a shape.
Type real(Shape shape);

/// One range for every activation.
Ranges everywhere(const Graph& graph, float low, float high);

/// Standard-normal numbers of the graph input's type.
Tensor random_input(const Graph& graph, std::uint64_t seed);
std::vector<Tensor> random_inputs(const Graph& graph, std::uint64_t seed, int count);

/// Largest |a - b| over all outputs, divided by the largest |a| (1 where that is less than 1e-6).
double relative_difference(std::span<const Tensor> a, std::span<const Tensor> b);

/// Numbers of one kind of node in a graph.
template <class Op>
int count(const Graph& graph) {
  int n = 0;
  for (const Node& node : graph.nodes) n += std::holds_alternative<Op>(node.op);
  return n;
}

/// A constant of standard-normal numbers times `scale`.
ValueId normal_constant(Graph& graph, std::string name, Shape shape, std::uint64_t seed, double scale = 1);

/// gamma around 1 (negative for some channels), beta, mean, variance in 0.5..1.5, behind `x`.
ValueId add_batch_norm(Graph& graph, std::string name, ValueId x, std::uint64_t seed, bool positive = false);

/// Checks that `pass` leaves what the graph computes unchanged on random inputs, within 1e-4.
void expect_same_outputs(const Graph& before, const Graph& after, std::uint64_t seed);

}  // namespace mj::test
