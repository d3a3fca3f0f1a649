// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/pieces.h"

#include <gtest/gtest.h>

#include "mj/base/random.h"
#include "mj/ir/verify_plan.h"
#include "tests/unit/error_of.h"

namespace mj {
namespace {

constexpr std::int64_t kRows = 5, kDepth = 40;

/// A linear layer whose sums units cut after `piece` terms.
Graph cut_network(Encoding encoding, std::int64_t piece) {
  RandomStream random(3, 0x91ec);
  std::vector<std::int8_t> elements(kRows * kDepth, 0);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    if (random.uniform() < 0.4) elements[i] = static_cast<std::int8_t>(random.below(15)) - 7;
  }
  Graph graph;
  const ValueId x = graph.add_input("x", Type{DType::kI8, {kDepth}, {}});
  const ValueId w = graph.add_constant("w", Type{DType::kI8, {kRows, kDepth}, {}}, Constant::of<std::int8_t>(elements));
  graph.value(w).encoding = encoding;
  graph.outputs = {graph.add_node("y", Linear{}, {x, w})};
  Tiling tiling{.node = 0,
                .count = kRows * ((kDepth + piece - 1) / piece),
                .rows = 1,
                .channels = 1,
                .depth = piece,
                .partial = {48, 52}};
  Tiling delivery{.node = 1, .first = tiling.count, .count = 1, .rows = 1};
  graph.plan = Plan{.arena_bytes = 60, .buffers = {{x, 0, kDepth, -1, 0}, {graph.outputs[0], 40, kRows, 0, 1}}};
  graph.plan->units = UnitPlan{.tilings = {tiling, delivery}};
  return graph;
}

TEST(Pieces, AreSmallerLayersOneBehindTheOther) {
  for (const Encoding encoding : all_encodings()) {
    SCOPED_TRACE(encoding_name(encoding));
    const Graph graph = cut_network(encoding, 16);
    const ValueId w = graph.nodes[0].inputs[1];
    const std::vector<std::byte> stored = stored_constant(graph, w);
    EXPECT_EQ(stored_bytes(graph, w), static_cast<Bytes>(stored.size()));
    if (encoding.plain()) {
      EXPECT_EQ(piece_columns(graph, w), 0);
      continue;
    }
    EXPECT_EQ(piece_columns(graph, w), 16);
    const auto offsets = piece_offsets(graph, w);
    ASSERT_EQ(offsets.size(), 3u);
    const auto elements = graph.value(w).data.as<std::int8_t>();
    for (std::int64_t p = 0; p < 3; ++p) {
      const auto& rows = offsets[static_cast<std::size_t>(p)];
      ASSERT_EQ(rows.size(), kRows + 1u);
      const std::int64_t begin = p * 16, end = std::min<std::int64_t>(kDepth, begin + 16);
      for (std::size_t r = 0; r < kRows; ++r) {
        const auto bytes = std::span(stored).subspan(static_cast<std::size_t>(rows[r]),
                                                     static_cast<std::size_t>(rows[r + 1] - rows[r]));
        const auto row =
            elements.subspan(r * kDepth + static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
        EXPECT_EQ(unpack(bytes, 1, end - begin, encoding), std::vector<std::int8_t>(row.begin(), row.end()))
            << "piece " << p << " row " << r;
      }
    }
    EXPECT_EQ(offsets.back().back(), static_cast<Bytes>(stored.size()));
  }
}

TEST(Pieces, AreTheSameForAllThatReadThem) {
  Graph graph = cut_network({Layout::kRelative, 8}, 16);
  const auto check = [&] { verify_plan(graph, *graph.plan); };
  EXPECT_EQ(error_of(check), "");
  graph.nodes.push_back({"z", Linear{}, graph.nodes[0].inputs, graph.add_value("z", Type{DType::kI8, {kRows}, {}})});
  graph.outputs.push_back(graph.nodes[1].output);
  graph.plan->buffers[0].last = 1, graph.plan->buffers[1].last = 2;
  graph.plan->buffers.push_back({graph.outputs[1], 45, kRows, 1, 2});
  graph.plan->arena_bytes = 80;
  graph.plan->buffers[1].offset = 60, graph.plan->buffers[2].offset = 70;
  auto& tilings = graph.plan->units->tilings;
  tilings = {tilings[0], tilings[0], tilings[1], tilings[1]};
  tilings[1].node = 1, tilings[1].first = 15, tilings[1].depth = 24, tilings[1].count = 10;
  EXPECT_EQ(error_of(check),
            "tiling 0: takes pieces of 16 columns of weight 'w', which tiling of node 1 takes in pieces of 24; "
            "expected the same");
}

TEST(Pieces, HoldWholeBlocks) {
  Graph graph = cut_network({Layout::kBlock4, 8}, 10);
  EXPECT_EQ(error_of([&] { verify_plan(graph, *graph.plan); }),
            "tiling 0: cuts rows into pieces of 10: blocks of four need rows of a multiple of four elements");
}

}  // namespace
}  // namespace mj
