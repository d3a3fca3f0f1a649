// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace mj {

/// How an exit's own scores join those of the exits before it.
struct EnsembleStep {
  double carry = 0;        ///< c_k: logits_k = own_k + c_k logits_(k-1)
  double temperature = 1;  ///< softmax(logits_k / temperature) is calibrated
};

/// The geometric ensemble of an exit with those before: maximises the likelihood of the labels under
/// softmax(a own + b before), a concave problem in (a, b) solved by Newton's method; carry = b/a, temperature = 1/a.
/// Negative b is held at 0. `before` may be empty: then the temperature alone is fitted. Rows are {sample, class}.
/// When the scores tell nothing (a <= 0), `fallback` is returned.
EnsembleStep fit_ensemble(std::span<const float> own, std::span<const float> before, std::span<const std::int32_t> labels,
                          const EnsembleStep& fallback);

}  // namespace mj
