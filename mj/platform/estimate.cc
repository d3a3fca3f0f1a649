// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "mj/base/error.h"
#include "mj/platform/platform.h"

namespace mj {
namespace {

constexpr Bytes kMultiplierBytes = 4;
constexpr Bytes kShiftBytes = 1;

double cycles_of(const Cost& cost, const CostLine& line) {
  return line.per_call + line.per_mac * static_cast<double>(cost.macs) +
         line.per_output * static_cast<double>(cost.outputs) +
         line.per_weight_byte * static_cast<double>(cost.weight_bytes);
}

/// Output channels that have a multiplier and a shift of their own: all when the weight is quantised per channel, else
/// one.
std::int64_t requantised_channels(const Graph& graph, const Node& node) {
  if (!std::holds_alternative<Conv2d>(node.op) && !std::holds_alternative<Linear>(node.op)) return 0;
  const Type& weight = graph.type(node.inputs[1]);
  if (!weight.quant) return 0;
  return static_cast<std::int64_t>(weight.quant->scale.size());
}

}  // namespace

Bytes constant_bytes(const Graph& lowered) {
  Bytes bytes = 0;
  std::set<ValueId> counted;
  for (const Node& node : lowered.nodes) {
    for (const ValueId id : node.inputs) {
      if (lowered.value(id).constant() && counted.insert(id).second) bytes += lowered.type(id).bytes();
    }
    bytes += requantised_channels(lowered, node) * (kMultiplierBytes + kShiftBytes);
  }
  return bytes;
}

Estimate estimate(const Graph& lowered, const Platform& platform) {
  MJ_CHECK(lowered.plan.has_value());
  Estimate out;
  std::set<Kernel> used;
  for (const Node& node : lowered.nodes) {
    LayerEstimate layer{.name = node.name, .op = op_name(node.op), .cost = cost(lowered, node)};
    if (layer.cost.kernel != Kernel::kNone) {
      layer.cycles = cycles_of(layer.cost, platform.kernels[static_cast<std::size_t>(layer.cost.kernel)]);
      used.insert(layer.cost.kernel);
    }
    layer.energy = Joules{layer.cycles * platform.energy_per_cycle_j.value};
    out.cycles += layer.cycles;
    out.energy += layer.energy;
    out.layers.push_back(std::move(layer));
  }
  if (platform.boots_per_inference) out.boot_energy = Joules{platform.boot_energy_j.value};
  out.energy += out.boot_energy;
  out.latency = Seconds{out.cycles / platform.frequency_hz.value};
  out.code_bytes = static_cast<Bytes>(platform.reserved_nvm_bytes.value);
  for (const Kernel kernel : used) out.code_bytes += platform.kernels[static_cast<std::size_t>(kernel)].code_bytes;
  out.constant_bytes = constant_bytes(lowered);
  out.nvm_bytes = out.code_bytes + out.constant_bytes;
  out.ram_bytes = lowered.plan->arena_bytes + static_cast<Bytes>(platform.stack_bytes.value);
  return out;
}

}  // namespace mj
