// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "mj/base/error.h"
#include "mj/ir/text.h"
#include "mj/ir/verify.h"
#include "mj/pass/lower.h"
#include "mj/pass/passes.h"
#include "mj/pass/plan_units.h"
#include "random_graph.h"

namespace mj {
namespace {

/// 1 nJ per cycle and simple kernels: energies can be computed by hand.
Platform toy_platform() {
  Platform platform;
  platform.frequency_hz.value = 1e6;
  platform.energy_per_cycle_j.value = 1e-9;
  platform.boot_energy_j.value = 1e-6;
  platform.units.per_unit = 10;
  platform.units.per_restart = 0;
  for (CostLine& line : platform.kernels) line = {.per_call = 10, .per_mac = 1, .per_output = 1};
  return platform;
}

/// x -> a (1x1 conv, 4 channels) -> b (the same), y = a + b, answer = linear.
Graph residual_network() {
  Graph graph;
  const Quantization quant{{0.5f}, {0}, -1};
  const auto activation = [&](ValueId id) {
    graph.value(id).type.dtype = DType::kI8;
    graph.value(id).type.quant = quant;
    return id;
  };
  const auto weight = [&](std::int64_t outputs, std::int64_t inputs, bool conv) {
    const std::vector<std::int8_t> ones(static_cast<std::size_t>(outputs * inputs), 1);
    const Shape shape = conv ? Shape{outputs, 1, 1, inputs} : Shape{outputs, inputs};
    return graph.add_constant("w", Type{DType::kI8, shape, quant}, Constant::of<std::int8_t>(ones));
  };
  const ValueId x = graph.add_input("x", Type{DType::kI8, {8, 6, 2}, quant});
  const ValueId a = activation(graph.add_node("conv_a", Conv2d{}, {x, weight(4, 2, true)}));
  const ValueId b = activation(graph.add_node("conv_b", Conv2d{}, {a, weight(4, 4, true)}));
  const ValueId y = activation(graph.add_node("sum", Add{}, {a, b}));
  const ValueId flat = activation(graph.add_node("flat", Reshape{{192}}, {y}));
  const ValueId answer = activation(graph.add_node("answer", Linear{}, {flat, weight(3, 192, false)}));
  graph.outputs = {answer};
  return graph;
}

Graph planned(double charge_j, Bytes word = 1) {
  return plan_units(residual_network(), toy_platform(), {.charge = {charge_j}, .word_bytes = word});
}

std::string refusal(const Graph& graph) {
  try {
    prove_units(graph);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

Buffer& buffer(Graph& graph, const std::string& node) {
  for (const Node& candidate : graph.nodes) {
    if (candidate.name != node) continue;
    for (Buffer& buffer : graph.plan->buffers) {
      if (buffer.value == candidate.output) return buffer;
    }
  }
  throw std::runtime_error("no buffer of " + node);
}

TEST(PlanUnits, CoversEveryOutputByteOnce) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Graph lowered = lower_for_estimate(test::random_graph(seed));
    for (const Bytes word : {1, 2}) {
      Graph graph;
      try {
        graph = plan_units(lowered, toy_platform(), {.charge = {1e-4}, .word_bytes = word});
      } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("C2: shares a word"), std::string::npos) << error.what();
        EXPECT_NE(word, 1);
        continue;
      }
      verify(graph);
      std::int64_t next = 0;
      for (const Tiling& tiling : graph.plan->units->tilings) {
        EXPECT_EQ(tiling.first, next);
        next += tiling.count;
        EXPECT_LE(tiling.energy_pj + graph.plan->units->restart_pj, graph.plan->units->charge_pj);
      }
      EXPECT_LE(static_cast<double>(graph.plan->arena_bytes), 1.02 * static_cast<double>(unit_arena_lower_bound(graph)) + 3)
          << "more than 2 % above the lower bound";
    }
  }
}

TEST(PlanUnits, TilesPartitionWhatTheyCut) {
  const Extent extent{7, 5, 12, 30};
  const Tiling tiling{.rows = 1, .columns = 2, .channels = 5, .depth = 7};
  std::vector<int> seen(7 * 5 * 12 * 30, 0);
  const std::int64_t count = tile_count(tiling, extent);
  EXPECT_EQ(count, 7 * 3 * 3 * 5);
  for (std::int64_t k = 0; k < count; ++k) {
    const Tile tile = tile_of(tiling, extent, k);
    for (std::int64_t r = tile.row0; r < tile.row1; ++r) {
      for (std::int64_t c = tile.col0; c < tile.col1; ++c) {
        for (std::int64_t ch = tile.ch0; ch < tile.ch1; ++ch) {
          for (std::int64_t d = tile.depth0; d < tile.depth1; ++d) {
            ++seen[static_cast<std::size_t>(((r * 5 + c) * 12 + ch) * 30 + d)];
          }
        }
      }
    }
  }
  EXPECT_EQ(std::accumulate(seen.begin(), seen.end(), 0), static_cast<int>(seen.size()));
  EXPECT_EQ(*std::max_element(seen.begin(), seen.end()), 1);
}

TEST(PlanUnits, StandsInTheTextForm) {
  std::map<std::string, Constant> blobs;
  const Graph graph = planned(1.5e-6);
  const std::string text = print_text(graph, &blobs);
  EXPECT_NE(text.find("units charge_pj=1500000 restart_pj=1000000 commit_pj=10000 word_bytes=1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\ntiling "), std::string::npos);
  EXPECT_EQ(parse_text(text, blobs), graph);
}

TEST(PlanUnits, SplitsLongSumsBetweenTwoPlaces) {
  // 192 terms take at least 10 + 192 cycles; 160 nJ are left for a unit.
  const Graph graph = planned(1.17e-6);
  const Tiling& tiling = graph.plan->units->tilings[3];
  ASSERT_LT(tiling.depth, 192);
  EXPECT_GE(tiling.partial[0], 0);
  EXPECT_GE(std::abs(tiling.partial[0] - tiling.partial[1]), tiling.channels * 4);
}

TEST(PlanUnits, RefusesAChargeThatIsTooSmall) {
  try {
    planned(1.01e-6);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "unit 0 (node 'conv_a' (conv2d)): C5: its smallest tile, from 'x' to 'conv_a', takes 1.02 uJ with restart and "
                 "commit; one charge gives 1.01 uJ");
  }
}

TEST(ProveUnits, RefusesWhatIsComputedInPlace) {
  Graph graph = planned(2e-6);
  buffer(graph, "sum").offset = buffer(graph, "conv_b").offset;
  buffer(graph, "flat").offset = buffer(graph, "conv_b").offset;
  EXPECT_THAT(refusal(graph), ::testing::MatchesRegex(R"(unit [0-9]+ \(.*'sum'.*\): C1: writes '.*' where it reads '.*')"));
}

TEST(ProveUnits, RefusesToOverwriteWhatIsNeeded) {
  Graph graph = planned(2e-6);
  buffer(graph, "conv_b").offset = buffer(graph, "conv_a").offset;
  EXPECT_NE(refusal(graph).find("): C1: writes"), std::string::npos) << refusal(graph);
  graph = planned(1.06e-6);
  // A unit reads one pixel of conv_a and writes where the next lies, which the next unit reads.
  ASSERT_EQ(graph.plan->units->tilings[1].columns, 1);
  buffer(graph, "conv_b").offset = buffer(graph, "conv_a").offset + 24;
  graph.plan->arena_bytes += 64;
  EXPECT_THAT(refusal(graph), ::testing::MatchesRegex(
      R"(unit [0-9]+ \(node 'conv_b' \(conv2d\)\): C2: overwrites 'conv_a', which node 'sum' \(add\) still needs, with 'conv_b')"));
}

TEST(ProveUnits, RefusesToReadWhatNobodyWrote) {
  Graph graph = planned(2e-6);
  std::swap(graph.plan->units->tilings[1], graph.plan->units->tilings[2]);
  EXPECT_NE(refusal(graph).find("): C3: reads byte 0 of"), std::string::npos) << refusal(graph);
}

TEST(ProveUnits, RefusesGapsAndDoubleWork) {
  Graph graph = planned(2e-6);
  graph.plan->units->tilings[0].count -= 1;
  EXPECT_NE(refusal(graph).find("): C4: the units of its node write"), std::string::npos) << refusal(graph);
  graph = planned(2e-6);
  graph.plan->units->tilings.insert(graph.plan->units->tilings.begin(), graph.plan->units->tilings[0]);
  EXPECT_NE(refusal(graph).find("): C4: "), std::string::npos) << refusal(graph);
}

TEST(ProveUnits, RefusesPartialSumsInOnePlace) {
  Graph graph = planned(1.08e-6);
  auto& partial = graph.plan->units->tilings[3].partial;
  partial[1] = partial[0];
  EXPECT_THAT(refusal(graph), ::testing::MatchesRegex(
      R"(unit [0-9]+ \(.*'answer'.*\): C1: writes partial sums 1 of .*'answer'.* where it reads partial sums 0 of .*'answer'.*)"));
}

TEST(ProveUnits, RefusesAUnitBeyondTheCharge) {
  Graph graph = planned(2e-6);
  graph.plan->units->charge_pj = 1'010'000;
  EXPECT_NE(refusal(graph).find("C5: takes"), std::string::npos) << refusal(graph);
}

TEST(ProveUnits, RefusesTornWordsBetweenUnits) {
  Graph graph = planned(2e-6);
  graph.plan->units->word_bytes = 64;
  EXPECT_NE(refusal(graph).find("C"), std::string::npos);
}

}  // namespace
}  // namespace mj
