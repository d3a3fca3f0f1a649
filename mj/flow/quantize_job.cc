// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/quantize_job.h"

#include <algorithm>
#include <vector>

#include "mj/base/parallel.h"
#include "mj/base/random.h"
#include "mj/flow/run_set.h"
#include "mj/ir/exits.h"
#include "mj/pass/lower.h"

namespace mj {

double usual_clip(const Graph& graph) {
  constexpr double kShare = 3e-4;  // chosen on validation images of FreeML's network, docs/results/exits.md
  return exit_count(graph) > 0 ? kShare : 0;
}

Graph quantize_on(const Graph& graph, const Samples& train, int images, double clip, std::uint64_t seed) {
  require_samples_fit(graph, train);
  const Graph simple = simplify(graph);
  constexpr std::uint64_t kCalibration = 3;  // a key apart from those of other draws with the same seed
  const std::vector<std::int64_t> order = permutation(train.size(), RandomStream(seed, kCalibration));
  const std::int64_t n = std::min<std::int64_t>(images, train.size());
  std::vector<Tensor> inputs(static_cast<std::size_t>(n));
  parallel_for(n, [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    inputs[at] = input_tensor(simple, train.sample(order[at]));
  });
  const Ranges ranges = calibrate(simple, inputs, clip);
  return lower(correct_biases(round_weights(simple, inputs), ranges, inputs), ranges);
}

}  // namespace mj
