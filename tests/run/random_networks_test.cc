// SPDX-License-Identifier: Apache-2.0

// Emitted C, compiled and run, against the evaluator: every output byte of random networks.
#include <gtest/gtest.h>

#include <set>

#include "compiled.h"
#include "mj/base/error.h"
#include "random_int8_graph.h"

namespace mj {
namespace {

class RandomNetworks : public testing::TestWithParam<std::uint64_t> {};

TEST_P(RandomNetworks, GiveTheEvaluatorsBytes) {
  const std::uint64_t seed = GetParam();
  SCOPED_TRACE("seed " + std::to_string(seed));
  const Graph graph = random_int8_graph(seed, 40);
  RandomStream random(seed, 0x1a9);
  std::vector<Tensor> inputs;
  std::vector<std::byte> records;
  for (int i = 0; i < 16; ++i) {
    inputs.push_back(random_int8_input(graph, random));
    records.insert(records.end(), inputs.back().data.begin(), inputs.back().data.end());
  }
  const ScratchFolder folder;
  // Every second one with the sanitizer that traps what C leaves undefined.
  const char* flags = seed % 2 == 0 ? "-O1" : "-O1 -fsanitize=undefined -fno-sanitize-recover=all";
  make_for_host(emit(graph, {.name = "net"}), folder.path() / "net", flags);
  const std::vector<std::byte> got = run_on_host(folder.path() / "net", "net", records);
  const std::vector<std::byte> expected = expected_outputs(graph, inputs);
  ASSERT_EQ(got.size(), expected.size());
  if (got == expected) {
    return;
  }
  // Name the first node whose output differs.
  std::size_t at = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    for (const ValueId output : graph.outputs) {
      const auto size = static_cast<std::size_t>(graph.type(output).bytes());
      if (!std::equal(got.begin() + static_cast<std::ptrdiff_t>(at),
                      got.begin() + static_cast<std::ptrdiff_t>(at + size),
                      expected.begin() + static_cast<std::ptrdiff_t>(at))) {
        const std::int32_t producer = producers(graph)[static_cast<std::size_t>(output)];
        FAIL() << "input " << i << ", output of " << describe(graph.nodes[static_cast<std::size_t>(producer)]);
      }
      at += size;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomNetworks, testing::Range<std::uint64_t>(1, 17));

TEST(RandomNetworks, CoverEveryOperator) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 1; seed < 17; ++seed) {
    for (const Node& node : random_int8_graph(seed, 40).nodes) {
      seen.insert(op_name(node.op));
    }
  }
  EXPECT_EQ(seen.size(), std::variant_size_v<Op> - 1) << "all but batch_norm";
}

}  // namespace
}  // namespace mj
