// SPDX-License-Identifier: Apache-2.0
#include "mj/emit/far.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <variant>

#include "mj/base/error.h"
#include "mj/emit/layer.h"
#include "mj/emit/machines.h"
#include "mj/ir/pieces.h"
#include "mj/platform/platform.h"

namespace mj {
namespace {

/// Code, start-up and arithmetic, and what intermittent firmware keeps beside the code.
constexpr Bytes kNearReserve = 10 * 1024;

}  // namespace

std::map<ValueId, Bytes> far_weights(const Graph& graph, const std::string& target) {
  std::map<ValueId, Bytes> far;
  if (target != "msp430") return far;
  const DeviceMachine& machine = find_machine("msp430fr5994");
  const Bytes kept = graph.plan && graph.plan->units ? graph.plan->arena_bytes : 0;
  if (constant_bytes(graph) + kept + kNearReserve <= static_cast<Bytes>(machine.rom.bytes)) return far;
  // Only what nothing but kernels with weights reads: other kernels take pointers.
  std::set<ValueId> pointers;
  std::vector<ValueId> weights;
  for (const Node& node : graph.nodes) {
    const bool weighted = std::holds_alternative<Conv2d>(node.op) || std::holds_alternative<Linear>(node.op);
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (weighted && i == 1) {
        weights.push_back(node.inputs[i]);
      } else {
        pointers.insert(node.inputs[i]);
      }
    }
  }
  Bytes offset = 0;
  for (const ValueId id : weights) {
    if (pointers.contains(id) || far.contains(id) || graph.type(id).dtype != DType::kI8) continue;
    far[id] = offset;
    offset += stored_bytes(graph, id);
  }
  if (offset > static_cast<Bytes>(machine.nvm.bytes)) {
    fail("weights of {} bytes; expected at most {}, the device's memory above 64 KB", offset, machine.nvm.bytes);
  }
  return far;
}

std::string print_far_weights(const Graph& graph, const std::map<ValueId, Bytes>& far) {
  std::vector<std::pair<Bytes, ValueId>> order;
  for (const auto& [id, offset] : far) order.emplace_back(offset, id);
  std::ranges::sort(order);
  std::string text = "; SPDX-License-Identifier: MIT-0\n; Weights, which lie above 64 KB.\n    .section .far, \"a\", @progbits\n";
  auto out = std::back_inserter(text);
  constexpr std::size_t kPerLine = 24;
  for (const auto& [offset, id] : order) {
    const std::vector<std::int8_t> bytes = stored_elements(graph, id);
    fmt::format_to(out, "; offset {}: constant_{}, {} bytes\n", offset, id, bytes.size());
    for (std::size_t i = 0; i < bytes.size(); i += kPerLine) {
      text += "    .byte ";
      for (std::size_t k = i; k < std::min(i + kPerLine, bytes.size()); ++k) {
        fmt::format_to(out, "{}{}", k == i ? "" : ",", static_cast<int>(bytes[k]));
      }
      text += '\n';
    }
  }
  return text;
}

}  // namespace mj
