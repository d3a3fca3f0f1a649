// SPDX-License-Identifier: Apache-2.0
#include "mj/base/process.h"

#include <gtest/gtest.h>

#include <csignal>

#include "mj/base/error.h"

namespace mj {
namespace {

TEST(Process, PipesMoreThanAPipeHolds) {
  const std::vector<std::byte> input(3'000'000, std::byte{42});
  const ProcessResult result = run_process({"cat"}, input);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.output, input);
}

TEST(Process, KeepsErrorsExitCodeAndFolder) {
  const ProcessResult result = run_process({"sh", "-c", "pwd; echo wrong >&2; exit 3"}, {}, "/");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.errors, "wrong\n");
  EXPECT_EQ(result.output.size(), 2u);
}

TEST(Process, SurvivesAProgramThatDoesNotRead) {
  const std::vector<std::byte> input(3'000'000);
  EXPECT_EQ(run_process({"true"}, input).exit_code, 0);
  EXPECT_EQ(run_process({"sh", "-c", "kill -9 $$"}).exit_code, 128 + SIGKILL);
}

TEST(Process, MissingProgram) {
  try {
    run_process({"no-such-program-here"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "no-such-program-here: not found; install it or put it on the PATH");
  }
}

}  // namespace
}  // namespace mj
