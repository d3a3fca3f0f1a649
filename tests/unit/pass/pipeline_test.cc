// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mj/base/error.h"
#include "mj/pass/pass.h"

namespace mj {
namespace {

Graph small() {
  Graph g;
  g.outputs = {g.add_node("relu", Clamp{}, {g.add_input("x", {DType::kF32, {2}, {}})})};
  return g;
}

TEST(RunPipeline, RunsInOrderAndShowsEveryResult) {
  const auto rename = [](std::string name) {
    return Pass{"to_" + name, [name](Graph g) {
                  g.nodes[0].name += name;
                  return g;
                }};
  };
  std::vector<std::string> seen;
  const std::vector<Pass> passes{rename("a"), rename("b")};
  const Graph result = run_pipeline(small(), passes, [&](const std::string& name, const Graph& after, double) {
    seen.push_back(name + ":" + after.nodes[0].name);
  });
  EXPECT_EQ(result.nodes[0].name, "reluab");
  EXPECT_THAT(seen, ::testing::ElementsAre("to_a:relua", "to_b:reluab"));
}

TEST(RunPipeline, AnInvalidResultIsABugOfThePassAndNamesIt) {
  const std::vector<Pass> passes{{"forgetful", [](Graph g) {
                                    g.outputs.clear();
                                    return g;
                                  }}};
  try {
    run_pipeline(small(), passes);
    FAIL();
  } catch (const InternalError& error) {
    EXPECT_STREQ(error.what(), "pass forgetful made an invalid graph: the graph has no output");
  }
}

TEST(RunPipeline, AnInvalidGraphToStartWithIsTheUsers) {
  Graph g = small();
  g.outputs.clear();
  EXPECT_THROW(run_pipeline(g, {}), Error);
}

TEST(RunPipeline, AnErrorOfAPassComesThroughAsItIs) {
  const std::vector<Pass> passes{{"strict", [](Graph) -> Graph { fail("node 'relu' (clamp): too small"); }}};
  try {
    run_pipeline(small(), passes);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "node 'relu' (clamp): too small");
  }
}

}  // namespace
}  // namespace mj
