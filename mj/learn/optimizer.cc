// SPDX-License-Identifier: Apache-2.0
#include "mj/learn/optimizer.h"

#include <algorithm>

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

void MovingAverage::update(const at::Tensor& weights, std::int64_t step) {
  const double t = static_cast<double>(step);
  const double decay = std::min(decay_, (1 + t) / (10 + t));
  average_.mul_(decay).add_(weights, 1 - decay);
}

}  // namespace mj
