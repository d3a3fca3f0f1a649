// SPDX-License-Identifier: Apache-2.0
#include "mj/platform/measurements.h"

#include <gtest/gtest.h>

#include "mj/base/error.h"
#include "tests/unit/error_of.h"

namespace mj {
namespace {

TEST(Measurements, MaySayInputAndClasses) {
  const char* header = "model,input,classes,energy_J,time_s\n";
  const auto found = parse_measurements(std::string(header) + "a,224x224x3,1000,1,1\nb,32x32x3,10,1,1\nc,49x10x1,12,1,1\n", "m.csv");
  EXPECT_EQ(found[0].input, (Shape{224, 224, 3}));
  EXPECT_EQ(found[0].classes, 1000);
  EXPECT_EQ(found[2].input, (Shape{49, 10, 1}));
  const auto error = [&](const std::string& row) { return error_of([&] { parse_measurements(header + row, "m.csv"); }); };
  EXPECT_EQ(error("a,224x,10,1,1\n"), "m.csv:2: '224x' in column 'input' is not a size such as 224x224x3");
  EXPECT_EQ(error("a,2x2x2,ten,1,1\n"), "m.csv:2: 'ten' in column 'classes' is not a positive whole number");
}

TEST(Measurements, ReadsColumnsInAnyOrderWithTheirUnits) {
  const auto found = parse_measurements("time_ms;model;energy_mJ\r\n10;a;5\n\n20;b;8.5\n30;c;9\n", "m.csv");
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[1].model, "b");
  EXPECT_DOUBLE_EQ(found[1].energy.value, 8.5e-3);
  EXPECT_DOUBLE_EQ(found[1].time.value, 20e-3);
}

TEST(Measurements, RefuseWithOneSentence) {
  const auto error = [](const char* text) { return error_of([&] { parse_measurements(text, "m.csv"); }); };
  EXPECT_EQ(error(""), "m.csv: empty; expected a header and rows");
  EXPECT_EQ(error("model,energy_J,time_s\na,1,1\nb,1,1\n"), "m.csv: 2 rows; expected at least 3 measured models");
  EXPECT_EQ(error("name,energy_J,time_s\n"), "m.csv: no column 'model'; found name, energy_J, time_s");
  EXPECT_EQ(error("model,energy_kWh,time_s\n"),
            "m.csv: no column energy_J or energy_mJ or energy_uJ; found model, energy_kWh, time_s");
  EXPECT_EQ(error("model,energy_J,time_s\na,1\n"), "m.csv:2: 2 cells; expected 3, as in the header");
  EXPECT_EQ(error("model,energy_J,time_s\na,one,1\n"), "m.csv:2: 'one' in column 'energy_J' is not a number");
  EXPECT_EQ(error("model,energy_J,time_s\na,-1,1\n"), "m.csv:2: energy and time must be positive");
  EXPECT_EQ(error("model,energy_J,time_us\na,5038,1.09\n"),
            "m.csv:2: 5.04e+03 J in 1.09e-06 s are 4.62e+09 W; expected 1e-06 to 10000 W: are the units or columns swapped?");
}

// 2 W and 1 W alternating every second, from 0 s to 9 s: a run from 2.5 s to 6.5 s holds the samples 3, 4, 5 and 6.
const char* const kTrace =
    "Sample;Timestamp;PS mW;PL mW\n0;0;500;1500\n1;1;500;500\n2;2;500;1500\n3;3;500;500\n4;4;500;1500\n"
    "5;5;500;500\n6;6;500;1500\n7;7;500;500\n8;8;500;1500\n9;9;500;500\n";

TEST(PowerTrace, EverySampleStandsForHalfTheWayToItsNeighbours) {
  const PowerRun run = integrate_power(kTrace, "t.csv", "Start(sec);End(sec)\n2.5;6.5\n", "t.time", {"PS mW", "PL mW"});
  EXPECT_EQ(run.samples, 4u);
  EXPECT_DOUBLE_EQ(run.energy.value, 1 + 2 + 1 + 2);
  EXPECT_DOUBLE_EQ(run.time.value, 4);
  EXPECT_DOUBLE_EQ(integrate_power(kTrace, "t.csv", "s;e\n2.5;6.5\n", "t.time", {"PS mW"}).energy.value, 2);
}

TEST(PowerTrace, RefusesWithOneSentence) {
  const auto error = [](std::string trace, const char* times) {
    return error_of([&] { integrate_power(trace, "t.csv", times, "t.time", {"PS mW"}); });
  };
  EXPECT_EQ(error(kTrace, "s;e\n5;4\n"), "t.time:2: the end 4 is not after the start 5");
  EXPECT_EQ(error(kTrace, "s;e\n"), "t.time: 0 rows of 2 cells; expected one row 'start;end'");
  EXPECT_EQ(error(kTrace, "s;e\n20;30\n"), "t.csv: 0 samples between start and end of t.time; expected at least 2");
  EXPECT_EQ(error(kTrace, "s;e\n5;30\n"), "t.csv: the run of t.time is not wholly inside the trace");
  EXPECT_EQ(error("Timestamp;PL mW\n0;1\n", "s;e\n0;1\n"), "t.csv: no column 'PS mW'; found Timestamp, PL mW");
  EXPECT_EQ(error("Timestamp;PS mW\n1;1\n0;1\n", "s;e\n0;2\n"), "t.csv:3: the time 0 is not after the one before");
  EXPECT_EQ(error("Timestamp;PS mW\n0;nan\n1;2\n", "s;e\n0;1\n"), "t.csv:2: 'nan' in column 'PS mW' is not a number");
}

}  // namespace
}  // namespace mj
