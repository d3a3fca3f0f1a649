// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/lower.h"

#include <utility>

#include "mj/base/error.h"
#include "mj/pass/choose_encodings.h"
#include "mj/pass/passes.h"
#include "mj/pass/schedule_exits.h"

namespace mj {

std::vector<Pass> simplify_passes() {
  return {
      {"strip_quantized_borders", strip_quantized_borders},
      {"remove_identities", remove_identities},
      // Batch-norms first go where they cost nothing; activations are fused after that, for a fused one would be in the
      // way.
      {"fold_batch_norm", fold_batch_norm},
      {"lower_batch_norm", lower_batch_norm},
      {"fuse_pad", fuse_pad},
      {"fuse_activation", fuse_activation},
      {"fold_transpose", fold_transpose},
      {"remove_identities", remove_identities},
  };
}

Graph simplify(Graph graph, const PassObserver& observe) {
  const std::vector<Pass> passes = simplify_passes();
  // Every rewrite leaves fewer nodes, or as many of a kind that none makes again, so this ends; usually after one round
  // and one that finds nothing.
  for (std::size_t round = 0; round <= graph.nodes.size(); ++round) {
    Graph next = run_pipeline(graph, passes, observe);
    if (next == graph) return graph;
    graph = std::move(next);
  }
  return graph;
}

Graph lower(Graph graph, const Ranges& ranges, const PassObserver& observe) {
  const std::vector<Pass> passes = {
      {"quantize_int8", [&](Graph g) { return quantize_int8(std::move(g), ranges); }},
      {"choose_encodings", [](Graph g) { return choose_encodings(std::move(g)); }},
      {"schedule_exits", schedule_exits},
      {"plan_memory", plan_memory},
  };
  return run_pipeline(simplify(std::move(graph), observe), passes, observe);
}

Graph lower_for_estimate(Graph graph) {
  graph = simplify(std::move(graph));
  // All a little different: where equal ranges would make a requantisation unnecessary, real ones would not. Not symmetric:
  // where a zero point of 0 would make a bias unnecessary, real ones would not.
  Ranges any;
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    const float limit = graph.values[i].constant() ? 0.0f : 1 + 1e-4f * static_cast<float>(i);
    any.low.push_back(-0.9f * limit);
    any.high.push_back(limit);
  }
  return lower(std::move(graph), any);
}

}  // namespace mj
