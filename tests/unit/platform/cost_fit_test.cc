// SPDX-License-Identifier: Apache-2.0
#include "mj/platform/cost_fit.h"

#include <gtest/gtest.h>

#include <cmath>

#include "mj/base/random.h"
#include "mj/platform/least_squares.h"
#include "tests/unit/error_of.h"

namespace mj {
namespace {

/// What a kernel with this line would take for random layers.
std::vector<KernelRun> runs_of(const CostLine& line, int count, double noise) {
  RandomStream random(11), symbols(12);
  std::vector<KernelRun> runs;
  for (int i = 0; i < count; ++i) {
    const auto draw = [&](std::uint64_t most) { return static_cast<std::int64_t>(1 + random.below(most)); };
    Cost cost{.kernel = Kernel::kConv, .macs = draw(100000), .outputs = draw(3000), .weight_bytes = draw(5000), .gathered = draw(20000), .runs = draw(2000)};
    cost.symbols = static_cast<std::int64_t>(symbols.below(60000));
    const double cycles = line.per_call + line.per_mac * static_cast<double>(cost.macs) + line.per_output * static_cast<double>(cost.outputs) +
                          line.per_weight_byte * static_cast<double>(cost.weight_bytes) + line.per_symbol * static_cast<double>(cost.symbols) +
                          line.per_gathered * static_cast<double>(cost.gathered) + line.per_run * static_cast<double>(cost.runs);
    runs.push_back({"layer", cost, cycles * (1 + noise * (random.uniform() - 0.5))});
  }
  return runs;
}

TEST(CostFit, FindsTheLineThatMadeTheRuns) {
  const CostLine made{.per_call = 900, .per_mac = 11.7, .per_output = 210, .per_symbol = 4.5, .per_gathered = 9, .per_run = 77, .source = {}};
  const auto runs = runs_of(made, 40, 0);
  const CostFit fit = fit_cost_line(runs);
  EXPECT_NEAR(fit.line.per_call, made.per_call, 1);
  EXPECT_NEAR(fit.line.per_mac, made.per_mac, 1e-3);
  EXPECT_NEAR(fit.line.per_output, made.per_output, 1e-2);
  EXPECT_NEAR(fit.line.per_weight_byte, 0, 1e-2);
  EXPECT_NEAR(fit.line.per_symbol, made.per_symbol, 1e-2);
  EXPECT_NEAR(fit.line.per_gathered, made.per_gathered, 1e-2);
  EXPECT_NEAR(fit.line.per_run, made.per_run, 1e-1);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    EXPECT_NEAR(fit.fitted[i] / runs[i].cycles, 1, 1e-5);
    EXPECT_NEAR(fit.left_out[i] / runs[i].cycles, 1, 1e-5);
  }
}

TEST(CostFit, NoTermIsNegativeAndNoiseStaysSmall) {
  const auto runs = runs_of({.per_mac = 12, .per_output = 300, .source = {}}, 30, 0.06);
  const CostFit fit = fit_cost_line(runs);
  for (const double term : {fit.line.per_call, fit.line.per_mac, fit.line.per_output, fit.line.per_weight_byte, fit.line.per_gathered, fit.line.per_run}) {
    EXPECT_GE(term, 0);
  }
  for (std::size_t i = 0; i < runs.size(); ++i) EXPECT_NEAR(fit.left_out[i] / runs[i].cycles, 1, 0.06);
}

TEST(CostFit, NeedsThreeRuns) {
  EXPECT_EQ(error_of([] { fit_cost_line(runs_of({.per_mac = 1, .source = {}}, 2, 0)); }), "2 runs of kernel conv; expected at least 3");
}

TEST(LeastSquares, MinimisesRelativeErrorsWithoutNegativeTerms) {
  // One term of two would be negative: the best without it is the mean of ratios, weighted to make squared relative errors
  // least: c = sum(x/y) / sum((x/y)^2).
  const std::vector<std::vector<double>> rows{{1, 1}, {2, 5}, {3, 9}};
  const std::vector<double> amounts{4, 7, 9};
  double first = 0, second = 0;
  for (std::size_t i = 0; i < 3; ++i) first += rows[i][0] / amounts[i], second += std::pow(rows[i][0] / amounts[i], 2);
  const auto fitted = fit_nonnegative(rows, amounts);
  EXPECT_NEAR(fitted[0], first / second, 1e-9);
  EXPECT_EQ(fitted[1], 0);
}

constexpr const char* kDescription = R"(# Of nothing
format = 1
name = "toy"

[kernel.conv]
cycles_per_call = 1
cycles_per_mac = 2
source = "assumed: so"

# A remark.
[kernel.pool]
cycles_per_call = 3

[intermittent]
cycles_per_unit = 5
)";

TEST(CostLines, AreReplacedAndAddedInADescription) {
  const CostLine conv{.per_call = 10.04, .per_mac = 1234.56, .per_run = 7, .code_bytes = 90, .bytes_per_call = 8,
                      .source = {Source::Kind::kEmulated, "by a test"}};
  const CostLine table{.per_output = 15, .source = {Source::Kind::kAssumed, "still"}};
  EXPECT_EQ(with_cost_lines(kDescription, "other", {{Kernel::kConv, conv}, {Kernel::kTable, table}}),
            R"(# Of nothing
format = 1
name = "other"

[kernel.conv]
cycles_per_call = 10.04
cycles_per_mac = 1235
cycles_per_output = 0
cycles_per_weight_byte = 0
cycles_per_run = 7
code_bytes = 90
bytes_per_call = 8
source = "emulated: by a test"

# A remark.
[kernel.pool]
cycles_per_call = 3

[kernel.table]
cycles_per_call = 0
cycles_per_mac = 0
cycles_per_output = 15
cycles_per_weight_byte = 0
code_bytes = 0
bytes_per_call = 0
source = "assumed: still"

[intermittent]
cycles_per_unit = 5
)");
}

}  // namespace
}  // namespace mj
