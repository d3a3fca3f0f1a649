// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/exits.h"

#include <cmath>
#include <string_view>

#include "mj/base/error.h"
#include "mj/base/text.h"
#include "mj/ir/int8.h"

namespace mj {
namespace {

/// One number per exit from a list separated by commas; empty where there is no such entry.
std::vector<double> numbers_per_exit(const Graph& graph, const char* key, double low, double high) {
  std::vector<double> numbers;
  const auto entry = graph.metadata.find(key);
  if (entry == graph.metadata.end()) return numbers;
  std::string_view rest = entry->second;
  while (true) {
    const std::size_t comma = rest.find(',');
    const auto number = parse_number(rest.substr(0, comma));
    if (!number || !(*number >= low && *number <= high)) {
      fail("metadata '{}' holds '{}'; expected numbers of {} to {} separated by commas", key, entry->second, number_text(low),
           number_text(high));
    }
    numbers.push_back(*number);
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  if (numbers.size() != exit_count(graph)) {
    fail("metadata '{}' holds {} numbers; expected {}, one per exit", key, numbers.size(), exit_count(graph));
  }
  return numbers;
}

}  // namespace

std::size_t exit_count(const Graph& graph) {
  if (graph.outputs.size() < 2) return 0;
  const std::size_t count = graph.outputs.size() - 1;
  const std::vector<std::int32_t> maker = producers(graph);
  for (std::size_t k = 0; k <= count; ++k) {
    const ValueId output = graph.outputs[k];
    if (maker[static_cast<std::size_t>(output)] < 0) return 0;
    if (k < count && graph.value(output).name != fmt::format("exit{}", k + 1)) return 0;
  }
  return count;
}

std::vector<std::int32_t> answer_nodes(const Graph& graph) {
  const std::vector<std::int32_t> maker = producers(graph);
  std::vector<std::int32_t> nodes;
  for (const ValueId output : graph.outputs) {
    const std::int32_t node = maker[static_cast<std::size_t>(output)];
    if (!nodes.empty() && node <= nodes.back()) {
      fail("exit '{}' is computed before the exit in front of it; expected them in order", graph.value(output).name);
    }
    nodes.push_back(node);
  }
  return nodes;
}

std::vector<double> exit_temperatures(const Graph& graph) {
  constexpr double kLeast = 1e-3, kMost = 1e3;
  std::vector<double> temperatures = numbers_per_exit(graph, "exit_temperatures", kLeast, kMost);
  temperatures.resize(graph.outputs.size(), 1);
  return temperatures;
}

Exponents exit_exponents(const Graph& quantized, std::size_t exit) {
  const Affine affine = int8_affine(quantized.type(quantized.outputs[exit]), "output");
  const double step = affine.scale / exit_temperatures(quantized)[exit];
  Exponents exponents;
  for (std::size_t i = 0; i < exponents.low.size(); ++i) {
    const auto at = static_cast<double>(i);
    exponents.high[i] = static_cast<std::uint16_t>(std::lround(32768 * std::exp(-16 * at * step)));
    exponents.low[i] = static_cast<std::uint16_t>(std::lround(32768 * std::exp(-at * step)));
  }
  return exponents;
}

std::vector<double> exit_thresholds(const Graph& graph) { return numbers_per_exit(graph, "exit_thresholds", 0, 1); }

}  // namespace mj
