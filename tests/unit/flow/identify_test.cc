// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/identify.h"

#include <gtest/gtest.h>

#include "mj/base/error.h"

namespace mj {
namespace {

Candidate candidate(int depth, int width, int stride, double millijoules, Bytes nvm = 1000, Bytes ram = 1000) {
  return {.student = student_of({"resnet", depth, width, stride}), .energy = {millijoules * 1e-3}, .nvm_bytes = nvm, .ram_bytes = ram};
}

const Limits kLimits{{3e-3}, 10000, 4000};

double never(const Student&) {
  ADD_FAILURE() << "nothing needed a probe";
  return 0;
}

TEST(Identify, TakesTheLargestThatFitsInOneFamily) {
  std::vector<Candidate> all = {candidate(8, 32, 2, 5), candidate(8, 16, 2, 2.5), candidate(8, 8, 2, 1)};
  EXPECT_EQ(identify(all, kLimits, 3, 1000, never), 1u);
  EXPECT_FALSE(all[0].fits);
  EXPECT_EQ(all[0].verdict, "needs 5.00 mJ, 1.67 x the budget");
  EXPECT_EQ(all[1].verdict, "chosen: the largest that fits");
  EXPECT_EQ(all[2].verdict, "resnet-8-w16-s2 is larger and fits");
}

TEST(Identify, MemoryCountsToo) {
  std::vector<Candidate> all = {candidate(8, 32, 2, 2, 20000, 5000), candidate(8, 16, 2, 1)};
  EXPECT_EQ(identify(all, kLimits, 3, 1000, never), 1u);
  EXPECT_EQ(all[0].verdict, "needs 20,000 B of NVM, needs 5,000 B of RAM");
}

TEST(Identify, ProbesAcrossAxesAndPrefersTheCheaperWithinOneStandardError) {
  // Neither is smaller than the other on every axis. With 1000 images at 80 % one standard error is 1.26 points.
  const std::vector<Candidate> all = {candidate(14, 8, 2, 2.9), candidate(8, 16, 2, 2.5), candidate(8, 12, 1, 2.7)};
  auto run = [&](double deep, double wide, double fine) {
    std::vector<Candidate> copy = all;
    const std::size_t winner = identify(copy, kLimits, 3, 1000, [&](const Student& student) {
      const auto& a = std::get<Architecture>(student.form);
      return a.depth == 14 ? deep : a.width == 16 ? wide : fine;
    });
    EXPECT_TRUE(copy[winner].chosen);
    for (const Candidate& c : copy) EXPECT_TRUE(c.probe_accuracy.has_value());
    return winner;
  };
  EXPECT_EQ(run(0.80, 0.70, 0.75), 0u);
  EXPECT_EQ(run(0.80, 0.79, 0.70), 1u) << "within one standard error the cheaper one";
  EXPECT_EQ(run(0.80, 0.78, 0.79), 2u);
}

TEST(Identify, ProbesOnlyAsManyAsAsked) {
  std::vector<Candidate> all = {candidate(14, 8, 2, 2.9), candidate(8, 16, 2, 2.5), candidate(8, 12, 1, 2.7)};
  int probes = 0;
  identify(all, kLimits, 2, 1000, [&](const Student&) { return ++probes, 0.5; });
  EXPECT_EQ(probes, 2);
  EXPECT_EQ(all[1].verdict, "not probed: 2 others spend more of the budget");
}

TEST(Identify, NamesTheSmallestWhenNoneFits) {
  std::vector<Candidate> all = {candidate(8, 16, 2, 50, 900, 800), candidate(8, 8, 2, 40, 700, 600)};
  try {
    identify(all, kLimits, 3, 1000, never);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "no student fits 3.00 mJ per inference, 10,000 B of NVM and 4,000 B of RAM; the smallest, resnet-8-w8-s2, needs "
                 "40.0 mJ, 700 B and 600 B");
  }
}

}  // namespace
}  // namespace mj
