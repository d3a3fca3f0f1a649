// SPDX-License-Identifier: Apache-2.0
#include "mj/learn/optimizer.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

namespace mj {

Sgd::Sgd(Weights& weights, double momentum, double decay)
    : parameters_(weights.parameters()),
      gradient_(weights.track_gradients()),
      momentum_(at::zeros_like(gradient_)),
      decayed_(weights.decayed_count()),
      factor_(momentum),
      decay_(decay) {}

void Sgd::step(double rate) {
  const at::NoGradGuard no_gradient;
  gradient_.narrow(0, 0, decayed_).add_(parameters_.narrow(0, 0, decayed_), decay_);
  momentum_.mul_(factor_).add_(gradient_);
  gradient_.add_(momentum_, factor_);
  parameters_.add_(gradient_, -rate);
}

Adam::Adam(Weights& weights, double decay)
    : parameters_(weights.parameters()),
      gradient_(weights.track_gradients()),
      moments_(at::zeros({2, gradient_.size(0)}, gradient_.options())),
      decayed_(weights.decayed_count()),
      decay_(decay) {}

void Adam::step(double rate, std::int64_t step) {
  constexpr double kFirst = 0.9, kSecond = 0.999, kEpsilon = 1e-8;
  const at::NoGradGuard no_gradient;
  at::Tensor mean = moments_[0], square = moments_[1];
  mean.mul_(kFirst).add_(gradient_, 1 - kFirst);
  square.mul_(kSecond).addcmul_(gradient_, gradient_, 1 - kSecond);
  const double t = static_cast<double>(step + 1);
  const double unbias = 1 / std::sqrt(1 - std::pow(kSecond, t));
  parameters_.narrow(0, 0, decayed_).mul_(1 - rate * decay_);
  parameters_.addcdiv_(mean, square.sqrt().mul_(unbias).add_(kEpsilon), -rate / (1 - std::pow(kFirst, t)));
}

void MovingAverage::update(const at::Tensor& weights, std::int64_t step) {
  const double t = static_cast<double>(step);
  const double decay = std::min(decay_, (1 + t) / (10 + t));
  average_.mul_(decay).add_(weights, 1 - decay);
}

}  // namespace mj
