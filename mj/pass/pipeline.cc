// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include "mj/base/error.h"
#include "mj/ir/verify.h"
#include "mj/pass/pass.h"

namespace mj {

Graph run_pipeline(Graph graph, std::span<const Pass> passes, const PassObserver& observe) {
  verify(graph);
  for (const Pass& pass : passes) {
    const auto start = std::chrono::steady_clock::now();
    graph = pass.run(std::move(graph));
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    try {
      verify(graph);
    } catch (const Error& error) {
      // The user's graph was sound, so what a pass made of it is our fault and not theirs.
      throw InternalError(fmt::format("pass {} made an invalid graph: {}", pass.name, error.what()));
    }
    if (observe) observe(pass.name, graph, seconds.count());
  }
  return graph;
}

}  // namespace mj
