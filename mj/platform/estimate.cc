// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "mj/base/error.h"
#include "mj/ir/memory.h"
#include "mj/platform/platform.h"

namespace mj {
namespace {

double cycles_of(const Cost& cost, const CostLine& line) {
  return line.per_call * static_cast<double>(cost.calls) + line.per_mac * static_cast<double>(cost.macs) +
         line.per_output * static_cast<double>(cost.outputs) +
         line.per_weight_byte * static_cast<double>(cost.weight_bytes) +
         line.per_symbol * static_cast<double>(cost.symbols) + line.per_gathered * static_cast<double>(cost.gathered) +
         line.per_run * static_cast<double>(cost.runs) + line.per_window * static_cast<double>(cost.windows);
}

}  // namespace

double kernel_cycles(const Cost& cost, const Platform& platform) {
  if (cost.kernel == Kernel::kNone) return 0;
  MJ_CHECK(!platform.accelerator);
  return cycles_of(cost, platform.kernels[static_cast<std::size_t>(cost.kernel)]);
}

void require_microcontroller(const Platform& platform, std::string_view what) {
  if (platform.accelerator) fail("platform '{}' is an accelerator; {} for microcontrollers only", platform.name, what);
}

Estimate estimate(const Graph& lowered, const Platform& platform) {
  MJ_CHECK(lowered.plan.has_value());
  Estimate out;
  out.code_bytes = static_cast<Bytes>(platform.reserved_nvm_bytes.value);
  std::set<Kernel> used;
  for (const Node& node : lowered.nodes) {
    LayerEstimate layer{.name = node.name, .op = op_name(node.op), .cost = cost(lowered, node)};
    if (platform.accelerator) {
      layer.energy = Joules{platform.accelerator->energy_j(workload_of(layer.cost))};
    } else if (layer.cost.kernel != Kernel::kNone) {
      const CostLine& line = platform.kernels[static_cast<std::size_t>(layer.cost.kernel)];
      layer.cycles = cycles_of(layer.cost, line);
      out.code_bytes += line.bytes_per_call + (used.insert(general_kernel(layer.cost.kernel)).second ? line.code_bytes : 0);
      layer.energy = Joules{layer.cycles * platform.energy_per_cycle_j.value};
    }
    out.cycles += layer.cycles;
    out.energy += layer.energy;
    out.layers.push_back(std::move(layer));
  }
  if (platform.accelerator) {
    const Workload workload = workload_of(lowered);
    out.energy = Joules{platform.accelerator->energy_j(workload)};
    out.latency = Seconds{platform.accelerator->time_s(workload)};
  } else {
    if (platform.boots_per_inference) out.boot_energy = Joules{platform.boot_energy_j.value};
    out.energy += out.boot_energy;
    out.latency = Seconds{out.cycles / platform.frequency_hz.value};
  }
  out.constant_bytes = constant_bytes(lowered);
  out.exported_bytes = exported_bytes(lowered);
  out.nvm_bytes = out.code_bytes + out.constant_bytes;
  out.ram_bytes = state_bytes(lowered) + static_cast<Bytes>(platform.stack_bytes.value);
  return out;
}

}  // namespace mj
