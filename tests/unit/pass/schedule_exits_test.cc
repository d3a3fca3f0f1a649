// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "mj/arch/architecture.h"
#include "mj/base/error.h"
#include "mj/base/random.h"
#include "mj/ir/cost.h"
#include "mj/ir/evaluate.h"
#include "mj/ir/exits.h"
#include "mj/ir/tiles.h"
#include "mj/ir/verify.h"
#include "mj/pass/exit_head.h"
#include "mj/pass/lower.h"
#include "mj/pass/schedule_exits.h"
#include "mj/pass/plan_units.h"

namespace mj {
namespace {

Graph network_with_exits(std::uint64_t seed) {
  const Graph network = build(parse_architecture("resnet-8-w4-s1"), {12, 12, 2}, 4, seed);
  const auto exits = block_boundaries(network, [](const Graph& graph) { return static_cast<double>(total_macs(graph)); });
  const HeadOptions options{ExitMethod::kHead, 6, 4};
  return attach_head(network, exits, options, make_head(network, exits, options, seed));
}

/// Another order in which every node still follows those it reads.
Graph shuffled(Graph graph, std::uint64_t seed) {
  RandomStream random(seed, 0x5f);
  const auto maker = producers(graph);
  std::vector<Node> left = std::move(graph.nodes), order;
  std::vector<char> made(graph.values.size(), 0);
  while (!left.empty()) {
    std::vector<std::size_t> ready;
    for (std::size_t n = 0; n < left.size(); ++n) {
      const bool waits = std::ranges::any_of(left[n].inputs, [&](ValueId input) {
        return maker[static_cast<std::size_t>(input)] >= 0 && !made[static_cast<std::size_t>(input)];
      });
      if (!waits) ready.push_back(n);
    }
    const std::size_t chosen = ready[random.below(ready.size())];
    made[static_cast<std::size_t>(left[chosen].output)] = 1;
    order.push_back(left[chosen]);
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(chosen));
  }
  graph.nodes = std::move(order);
  return graph;
}

/// Nodes that the first k outputs need.
std::size_t needed_by(const Graph& graph, std::size_t k) {
  Graph part = graph;
  part.outputs.resize(k);
  return compact(std::move(part)).nodes.size();
}

TEST(ScheduleExits, DoesNothingBeforeAnExitThatOnlyLaterOnesNeed) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Graph graph = simplify(network_with_exits(seed));
    const Graph mixed = shuffled(graph, seed);
    const Graph ordered = schedule_exits(mixed);
    verify(ordered);
    const std::vector<std::int32_t> answers = answer_nodes(ordered);
    for (std::size_t k = 0; k < answers.size(); ++k) {
      EXPECT_EQ(static_cast<std::size_t>(answers[k]) + 1, needed_by(ordered, k + 1));
    }
    EXPECT_EQ(schedule_exits(ordered), ordered);
    Tensor input = make_tensor(graph.type(graph.inputs[0]));
    RandomStream random(seed);
    for (float& x : input.as<float>()) x = static_cast<float>(random.normal());
    const auto before = Evaluator(graph).run(input), after = Evaluator(ordered).run(input);
    for (std::size_t k = 0; k < before.size(); ++k) EXPECT_EQ(before[k].data, after[k].data);
  }
}

TEST(ScheduleExits, LeavesNetworksWithoutExitsAlone) {
  Graph graph = shuffled(simplify(network_with_exits(1)), 3);
  graph.value(graph.outputs[0]).name = "early";
  EXPECT_EQ(exit_count(graph), 0u);
  EXPECT_EQ(schedule_exits(graph), graph);
}

Platform scheduling_platform() {
  Platform platform;
  platform.frequency_hz.value = 1e6;
  platform.energy_per_cycle_j.value = 1e-9;
  platform.units.per_unit = 10;
  for (CostLine& line : platform.kernels) line = {.per_call = 10, .per_mac = 1, .per_output = 1};
  return platform;
}

/// Bytes of the head that lie in the arena when exit k has been delivered and the inference goes on.
Bytes kept_behind(const Graph& planned, std::size_t k) {
  const std::int32_t answer = answer_nodes(planned)[k];
  const std::vector<char> backbone = backbone_nodes(planned);
  Bytes bytes = 0;
  for (const Buffer& buffer : planned.plan->buffers) {
    const bool head = buffer.first >= 0 && !backbone[static_cast<std::size_t>(buffer.first)];
    if (head && buffer.first <= answer && buffer.last > answer) bytes += buffer.size;
  }
  return bytes;
}

TEST(ExitPlan, KeepsWhatTheReportSaysBetweenExits) {
  const Graph lowered = lower_for_estimate(network_with_exits(7));
  const Graph planned = plan_units(lowered, scheduling_platform(), {.charge = {5e-5}});
  const std::vector<Bytes> said = exit_state_bytes(planned);
  ASSERT_EQ(said.size(), 3u);
  EXPECT_EQ(said[0], 4 * 4 * 6 + 4);
  for (std::size_t k = 0; k < said.size(); ++k) {
    EXPECT_EQ(kept_behind(planned, k), said[k]) << "with units";
    // In continuous execution the answers on the way stay readable to the end.
    const bool carried = k + 1 < said.size();
    EXPECT_EQ(kept_behind(lowered, k), said[k] + 4 * static_cast<Bytes>(k + (carried ? 0 : 1))) << "continuous";
  }
}

TEST(ExitPlan, DecidesBehindEveryAnswerAndNumbersOneUnitForIt) {
  const Graph planned = plan_units(lower_for_estimate(network_with_exits(7)), scheduling_platform(), {.charge = {5e-5}});
  const std::vector<std::int32_t> answers = answer_nodes(planned);
  std::size_t exit = 0;
  std::int32_t node = -1;
  for (std::size_t i = 0; i < planned.plan->units->tilings.size(); ++i) {
    const Tiling& tiling = planned.plan->units->tilings[i];
    if (tiling.node < delivery_index(planned)) node = tiling.node;
    if (tiling.node != decision_index(planned)) continue;
    EXPECT_EQ(tiling.part, static_cast<std::int32_t>(exit));
    EXPECT_EQ(tiling.count, 1);
    EXPECT_EQ(planned.plan->units->tilings[i - 1].node, delivery_index(planned));
    EXPECT_EQ(planned.plan->units->tilings[i - 1].part, tiling.part);
    EXPECT_EQ(node, answers[exit]);
    ++exit;
  }
  EXPECT_EQ(exit, planned.outputs.size());
  EXPECT_EQ(planned.plan->units->tilings.back().node, decision_index(planned));
}

TEST(ExitPlan, RefusesWhatOverwritesAnAnswerBeforeItIsDelivered) {
  Graph planned = plan_units(lower_for_estimate(network_with_exits(7)), scheduling_platform(), {.charge = {5e-5}});
  // The answer of the first exit is put where the state lies that the second reads.
  const auto buffer_of = [&](ValueId value) -> Buffer& {
    return *std::ranges::find(planned.plan->buffers, value, &Buffer::value);
  };
  const ValueId state = planned.nodes[static_cast<std::size_t>(answer_nodes(planned)[0])].inputs[0];
  buffer_of(planned.outputs[0]).offset = buffer_of(state).offset;
  std::string message;
  try {
    prove_units(planned);
  } catch (const Error& error) {
    message = error.what();
  }
  EXPECT_NE(message.find(": C1: writes 'exit1' where it reads "), std::string::npos) << message;
}

TEST(ExitPlan, NeedsExitsInOrder) {
  Graph graph = lower_for_estimate(network_with_exits(1));
  std::swap(graph.outputs[0], graph.outputs[1]);
  std::swap(graph.value(graph.outputs[0]).name, graph.value(graph.outputs[1]).name);
  std::string message;
  try {
    answer_nodes(graph);
  } catch (const Error& error) {
    message = error.what();
  }
  EXPECT_EQ(message, "exit 'exit2' is computed before the exit in front of it; expected them in order");
}

}  // namespace
}  // namespace mj
