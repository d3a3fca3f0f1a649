// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "mj/ir/graph.h"

namespace mj {

/// A named step of a pipeline: a pure function from graph to graph.
struct Pass {
  std::string name;
  std::function<Graph(Graph)> run;
};

/// Called after each pass with its name, the graph it made and the seconds it took (for `--dump-after`, `--time`).
using PassObserver = std::function<void(const std::string& name, const Graph& after, double seconds)>;

/// Runs the passes in order, verifying the graph after every one; a failed check names the pass.
Graph run_pipeline(Graph graph, std::span<const Pass> passes, const PassObserver& observe = {});

}  // namespace mj
