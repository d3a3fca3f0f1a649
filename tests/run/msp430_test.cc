// SPDX-License-Identifier: Apache-2.0

// The same bytes where `int` has 16 bits: emitted C for an MSP430, under mspdebug's simulator.
#include <gtest/gtest.h>

#include "compiled.h"
#include "mj/base/error.h"
#include "msp430.h"
#include "random_int8_graph.h"

namespace mj {
namespace {

class Msp430 : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Msp430, GivesTheEvaluatorsBytes) {
  std::string missing;
  if (!has_msp430_tools(missing)) {
    GTEST_SKIP() << "not installed: " << missing;
  }
  const std::uint64_t seed = GetParam();
  SCOPED_TRACE("seed " + std::to_string(seed));
  const Graph graph = random_int8_graph(seed, 20);
  if (state_bytes(graph) > 6000) {
    GTEST_SKIP() << "the state of this network does not fit the SRAM";
  }
  RandomStream random(seed, 0x430);
  const std::vector<Tensor> inputs{random_int8_input(graph, random)};
  const ScratchFolder folder;
  const Msp430Program program =
      build_for_msp430(emit(graph, {.name = "net"}), graph, inputs[0], folder.path() / "net");
  const Msp430Run run = run_on_msp430(program);
  EXPECT_EQ(outputs_in_state(graph, run.state), expected_outputs(graph, inputs));
}

INSTANTIATE_TEST_SUITE_P(Seeds, Msp430, testing::Range<std::uint64_t>(101, 107));

TEST(Msp430Cycles, FollowTheTablesOfTheManual) {
  EXPECT_EQ(msp430_instruction_cycles(0x4c0d), 1);  // mov r12, r13
  EXPECT_EQ(msp430_instruction_cycles(0x4c3d), 2);  // mov @r12+, r13
  EXPECT_EQ(msp430_instruction_cycles(0x4cb2), 4);  // mov @r12+, &address
  EXPECT_EQ(msp430_instruction_cycles(0x4e82), 3);  // mov r14, &address
  EXPECT_EQ(msp430_instruction_cycles(0x5e82), 4);  // add r14, &address
  EXPECT_EQ(msp430_instruction_cycles(0x4292), 5);  // mov &address, &address
  EXPECT_EQ(msp430_instruction_cycles(0x403c), 2);  // mov #n, r12
  EXPECT_EQ(msp430_instruction_cycles(0x431c), 1);  // mov #1, r12
  EXPECT_EQ(msp430_instruction_cycles(0x118e), 1);  // sxt r14
  EXPECT_EQ(msp430_instruction_cycles(0x120a), 3);  // push r10
  EXPECT_EQ(msp430_instruction_cycles(0x12b0), 4);  // call #n
  EXPECT_EQ(msp430_instruction_cycles(0x4130), 4);  // ret
  EXPECT_EQ(msp430_instruction_cycles(0x23fa), 2);  // jne
}

}  // namespace
}  // namespace mj
