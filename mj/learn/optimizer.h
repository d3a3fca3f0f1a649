// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>

#include "mj/learn/weights.h"

namespace mj {

/// Stochastic gradient descent with Nesterov momentum (Sutskever et al., ICML 2013) over the flat weights:
/// g += decay*p; m = momentum*m + g; p -= rate*(g + momentum*m).
class Sgd {
 public:
  Sgd(Weights& weights, double momentum, double decay);

  /// Sets the gradient to zero; backward passes add to it.
  void zero_gradient() { gradient_.zero_(); }
  void step(double rate);

  /// The momentum buffer, for checkpoints.
  at::Tensor& momentum() { return momentum_; }

 private:
  at::Tensor parameters_, gradient_, momentum_;
  std::int64_t decayed_;
  double factor_;
  double decay_;
};

/// Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019) over the flat weights, for heads whose inputs
/// differ widely in size.
class Adam {
 public:
  Adam(Weights& weights, double decay);

  void zero_gradient() { gradient_.zero_(); }
  /// `step` counts from 0.
  void step(double rate, std::int64_t step);

  /// First and second moments one after the other, for checkpoints.
  at::Tensor& moments() { return moments_; }

 private:
  at::Tensor parameters_, gradient_, moments_;
  std::int64_t decayed_;
  double decay_;
};

/// A moving average of weights and running statistics. Its decay grows as (1+t)/(10+t) to the one given, so that early
/// weights are forgotten in short trainings too.
class MovingAverage {
 public:
  MovingAverage(const at::Tensor& weights, double decay) : average_(weights.clone()), decay_(decay) {}

  void update(const at::Tensor& weights, std::int64_t step);
  at::Tensor& average() { return average_; }

 private:
  at::Tensor average_;
  double decay_;
};

}  // namespace mj
