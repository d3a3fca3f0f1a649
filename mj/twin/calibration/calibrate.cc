// SPDX-License-Identifier: Apache-2.0
#include "mj/twin/calibration/calibrate.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>

#include "mj/base/error.h"
#include "mj/base/parallel.h"
#include "mj/base/random.h"
#include "mj/base/temporary_folder.h"
#include "mj/base/text.h"
#include "mj/emit/emit.h"
#include "mj/emit/machines.h"
#include "mj/twin/calibration/networks.h"
#include "mj/twin/run.h"

namespace mj {
namespace {

constexpr std::int64_t kMostBytes = 6500;  // state that fits the SRAM of an MSP430FR5994 beside the stack
constexpr std::size_t kFewestRuns = 4;

std::vector<KernelRun> run_network(const CalibrationNetwork& network, const DeviceMachine& machine, std::uint64_t seed) {
  const TemporaryFolder folder;
  const Graph& graph = network.graph;
  write_firmware(folder.path() / "net", emit(graph, {.name = "net", .target = std::string(machine.target)}));
  RandomStream random(seed, 0xca2);
  std::vector<std::byte> input(static_cast<std::size_t>(graph.type(graph.inputs[0]).bytes()));
  for (std::byte& byte : input) byte = static_cast<std::byte>(random.next() >> 56);
  const TwinRun run = run_twin(folder.path() / "net", input, {.machine = std::string(machine.name)});
  std::map<std::string, const Node*> nodes;
  for (const Node& node : graph.nodes) nodes[node.name] = &node;
  std::vector<KernelRun> out;
  for (const TwinLayer& layer : run.layers) {
    const auto node = nodes.find(layer.name);
    if (node == nodes.end()) continue;
    const Cost counted = cost(graph, *node->second);
    if (counted.kernel == Kernel::kNone) continue;
    const auto cycles = static_cast<double>(layer.cycles.value_or(layer.instructions));
    out.push_back({network.name + " " + layer.name, counted, cycles});
  }
  return out;
}

double worst(const std::vector<KernelRun>& runs, const std::vector<double>& predicted) {
  double error = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) error = std::max(error, std::abs(predicted[i] / runs[i].cycles - 1));
  return error;
}

}  // namespace

TwinCalibration calibrate_on_twin(const std::string& name, std::uint64_t seed, Progress& progress) {
  const DeviceMachine& machine = find_machine(name);
  const std::vector<CalibrationNetwork> networks = calibration_networks(kMostBytes, seed);
  TwinCalibration out;
  out.machine = name;
  out.title = machine.title;
  out.unit = machine.target == "msp430" ? "cycles" : "instructions";
  out.networks = static_cast<int>(networks.size());
  std::vector<std::vector<KernelRun>> found(networks.size());
  progress.begin("emulated runs", out.networks, "networks");
  std::atomic<std::int64_t> done = 0;
  std::mutex mutex;
  parallel_for(out.networks, [&](std::int64_t i) {
    const auto n = static_cast<std::size_t>(i);
    found[n] = with_context(networks[n].name, [&] { return run_network(networks[n], machine, seed); });
    const std::int64_t now = ++done;
    const std::lock_guard lock(mutex);
    progress.update(now, "");
  });
  for (const auto& runs : found) {
    for (const KernelRun& run : runs) out.runs[run.cost.kernel].push_back(run);
  }
  for (const auto& [kernel, runs] : out.runs) {
    if (runs.size() < kFewestRuns) continue;
    CostFit fit = fit_cost_line(runs);
    fit.line.source = {Source::Kind::kEmulated,
                       fmt::format("{} of {} layers of generated networks on the emulated {} (millijoule platform calibrate "
                                   "--from-twin), worst error of a layer left out of the fit {:.1f} %",
                                   out.unit, runs.size(), out.title, 100 * worst(runs, fit.left_out))};
    out.fits.emplace(kernel, std::move(fit));
  }
  progress.end(fmt::format("{} networks, {} kernels", out.networks, out.fits.size()));
  return out;
}

}  // namespace mj
