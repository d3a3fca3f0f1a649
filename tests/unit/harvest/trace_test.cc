// SPDX-License-Identifier: Apache-2.0
#include "mj/harvest/trace.h"

#include "samples.h"

namespace mj {
namespace {

std::vector<TraceSegment> all(Trace& trace, std::size_t most = 1'000'000) {
  std::vector<TraceSegment> out;
  TraceSegment segment;
  while (out.size() < most && trace.next(segment)) out.push_back(segment);
  return out;
}

std::string refusal(const std::string& text, const TraceOptions& options = {}) {
  const ScratchFile file(text);
  std::string said = error_of([&] { auto trace = open_trace_file(file.path(), options); all(*trace); });
  const std::size_t at = said.find(file.path());
  return at == std::string::npos ? said : said.replace(at, file.path().size(), "T");
}

TEST(TraceFile, ReadsPowerWithAHeaderOfOtherSeparators) {
  const ScratchFile file("sec RSSI,mW\n0.00\t0.5\n0.02\t1.5\r\n\n# pause\n0.04\t2.5\n");
  const auto trace = open_trace_file(file.path());
  EXPECT_EQ(trace->kind(), TraceKind::kPower);
  for (int pass = 0; pass < 2; ++pass) {
    const auto segments = all(*trace);
    ASSERT_EQ(segments.size(), 3u);
    EXPECT_DOUBLE_EQ(segments[1].duration_s, 0.02);
    EXPECT_DOUBLE_EQ(segments[2].duration_s, 0.02);
    EXPECT_DOUBLE_EQ(segments[0].value, 0.5e-3);
    EXPECT_DOUBLE_EQ(segments[2].value, 2.5e-3);
    trace->rewind();
  }
  EXPECT_EQ(trace->repairs().count(), 0);
}

TEST(TraceFile, TakesAFixedStepFromTheHeader) {
  const ScratchFile file("Sample rate: 300 seconds (5 minutes)\nc = Current I (mA)\nd,c\n1,0\n1,2.5\n2,5\n");
  const auto trace = open_trace_file(file.path());
  EXPECT_EQ(trace->kind(), TraceKind::kCurrent);
  const auto segments = all(*trace);
  ASSERT_EQ(segments.size(), 3u);
  EXPECT_DOUBLE_EQ(segments[2].duration_s, 300);
  EXPECT_DOUBLE_EQ(segments[2].value, 5e-3);
}

TEST(TraceFile, ReadsUnitsAsGiven) {
  const ScratchFile dbm("0 -10\n1 0\n2 10\n");
  const auto trace = open_trace_file(dbm.path(), {.unit = "dBm", .time_unit = "s", .step_s = {}});
  const auto segments = all(*trace);
  EXPECT_DOUBLE_EQ(segments[0].value, 1e-4);
  EXPECT_DOUBLE_EQ(segments[2].value, 1e-2);
  const ScratchFile one_column("1\n2\n");
  const auto steps = open_trace_file(one_column.path(), {.unit = "uA", .time_unit = "", .step_s = 0.5});
  EXPECT_DOUBLE_EQ(all(*steps)[1].value, 2e-6);
  const ScratchFile bare("5 0.1\n6 0.2\n7 0.3\n");
  const auto guessed = open_trace_file(bare.path());
  EXPECT_EQ(guessed->assumption(), "no header: columns read as milliseconds and volts");
  EXPECT_DOUBLE_EQ(all(*guessed)[0].duration_s, 1e-3);
}

TEST(TraceFile, RepairsWithACount) {
  const ScratchFile file("time_ms,mW\n0,1\n1,2\n2,nan\n3,-4\n2,5\n3;6\n5003,7\n5004,inf\n5005,8\n");
  const auto trace = open_trace_file(file.path());
  const auto segments = all(*trace);
  trace->rewind();
  all(*trace);  // counted once
  const TraceRepairs repairs = trace->repairs();
  EXPECT_EQ(repairs.not_a_number, 2);
  EXPECT_EQ(repairs.negative, 1);
  EXPECT_EQ(repairs.backward, 1);
  EXPECT_EQ(repairs.mixed_separators, 1);
  EXPECT_EQ(repairs.gaps, 1);
  EXPECT_NEAR(repairs.gap_s, 4.999, 1e-9);
  ASSERT_EQ(segments.size(), 9u);
  EXPECT_DOUBLE_EQ(segments[2].value, 2e-3);  // the sample before is held
  EXPECT_DOUBLE_EQ(segments[3].value, 0);
  EXPECT_DOUBLE_EQ(segments[3].duration_s, 1e-3);
  EXPECT_DOUBLE_EQ(segments[5].duration_s, 1e-3);
  EXPECT_DOUBLE_EQ(segments[7].value, 7e-3);
}

TEST(TraceFile, RefusesWithTheLine) {
  EXPECT_EQ(refusal("s,mW\n0,1\n1,two\n"), "T:3: 'two' is not a number; expected rows of numbers to the end of the file");
  EXPECT_EQ(refusal("s,mW\n0,1\n1,2\n2\n"), "T:4: 1 numbers in a row; expected 2; decimal commas are not read");
  EXPECT_EQ(refusal("s;mW\n0,0;1,5\n1,0;2,5\n"), "T:2: 4 numbers in a row; expected time and value; decimal commas are not read");
  EXPECT_EQ(refusal(""), "T: no rows of numbers; expected time and voltage, power or current");
  EXPECT_EQ(refusal("hello\nworld\n"), "T: no rows of numbers; expected time and voltage, power or current");
  EXPECT_EQ(refusal("time,lux\n0,1\n1,2\n"),
            "T: nothing says what the samples measure; expected a unit in the header or given: V, mV, W, mW, uW, nW, dBm, A, mA, uA, nA");
  EXPECT_EQ(refusal("mW\n0,1\n1,2\n"), "T: nothing says the unit of the times; expected it in the header or given: s, ms, us, min, h");
  EXPECT_EQ(refusal("0 1\n1 2\n", {.unit = "hp", .time_unit = "", .step_s = {}}),
            "trace unit 'hp' is not known; expected one of V, mV, W, mW, uW, nW, dBm, A, mA, uA, nA");
  EXPECT_EQ(refusal("s,mW\n1\n2\n"), "T:2: one number; expected time and value, or a fixed step given for the whole file");
  EXPECT_EQ(refusal("s,mW\n0,nan\n1,-1\n2,-3\n3,1\n4,-1\n"),
            "T: 4 of the first 5 samples are not numbers or below zero; expected a trace of harvested energy");
  EXPECT_EQ(refusal("s,mW\n5,1\n4,1\n3,2\n2,3\n"), "T: the times of 4 rows rise 0 times; expected a time in the first column");
  EXPECT_EQ(refusal("s,W\n0,1\n1,2e9\n"), "T:3: a sample of 2e+09 in SI units; expected less than 1000000");
  EXPECT_EQ(refusal("s,W\n0,1\n" + std::string(5000, '1') + "\n"), "T:3: a line of more than 4096 characters; expected rows of numbers");
  EXPECT_EQ(error_of([] { open_trace_file("/nowhere/t.csv"); }), "/nowhere/t.csv: no such file");
}

TEST(TraceFile, ReadsTheRealTraces) {
  const auto folder = trace_folder();
  if (folder.empty()) GTEST_SKIP() << "no traces: set MJ_SHARED to the folder that holds data/traces";
  // Rows and sums counted with awk.
  const auto solar = open_trace_file(folder / "solar-tuhh" / "TUHHx.txt");
  auto segments = all(*solar);
  EXPECT_EQ(segments.size(), 194u * 288);
  double most = 0;
  for (const TraceSegment& s : segments) most = std::max(most, s.value);
  EXPECT_DOUBLE_EQ(most, 34.214e-3);
  const auto cart = open_trace_file(folder / "react-rf" / "rf-cart.trace");
  segments = all(*cart);
  EXPECT_EQ(segments.size(), 15656u);
  EXPECT_DOUBLE_EQ(segments[1].value, 0.21e-3);
  // Steps of 1001 and 40001 ms forward; two files also jump back by 999 ms.
  for (const auto& [name, rows, jumps] : {std::tuple("1.txt", 25274u, 0), std::tuple("2.txt", 39232u, 2), std::tuple("3.txt", 39460u, 3)}) {
    const auto walk = open_trace_file(folder / "mementos-rf" / name);
    EXPECT_EQ(walk->kind(), TraceKind::kVoltage);
    segments = all(*walk);
    EXPECT_EQ(segments.size(), rows) << name;
    EXPECT_EQ(walk->repairs().gaps, jumps) << name;
    for (const TraceSegment& s : segments) ASSERT_NEAR(s.duration_s, 1e-3, 9.1e-3) << name;
  }
}

TEST(SyntheticTrace, HasTheMeansAskedFor) {
  const auto mean = [](const std::string& text, double seconds) {
    const auto trace = make_trace(text, 7);
    double passed = 0, sum = 0;
    TraceSegment s;
    while (passed < seconds && trace->next(s)) passed += s.duration_s, sum += s.duration_s * s.value;
    return sum / passed;
  };
  EXPECT_DOUBLE_EQ(mean("constant:2mW", 1000), 2e-3);
  EXPECT_NEAR(mean("square:2mW,period=2s,duty=0.3", 10000), 0.6e-3, 1e-6);
  EXPECT_NEAR(mean("markov:3mW,on=5s,off=10s", 1e6), 1e-3, 0.02e-3);
  EXPECT_NEAR(mean("diurnal:5mW", 86400 * 10), 5e-3 / 3.14159265, 1e-5);
  EXPECT_LT(mean("diurnal:5mW,clouds=0.8", 86400 * 10), 0.8 * mean("diurnal:5mW", 86400 * 10));
}

TEST(SyntheticTrace, ComesFromItsSeedAlone) {
  const auto first = make_trace("markov:1mW,on=1s,off=2s", 3), again = make_trace("markov:1mW,on=1s,off=2s", 3);
  const auto other = make_trace("markov:1mW,on=1s,off=2s", 4);
  const auto a = all(*first, 50), b = all(*again, 50), c = all(*other, 50);
  for (std::size_t i = 0; i < 50; ++i) EXPECT_EQ(a[i].duration_s, b[i].duration_s);
  EXPECT_NE(a[0].duration_s, c[0].duration_s);
  first->rewind();
  EXPECT_EQ(all(*first, 1)[0].duration_s, a[0].duration_s);
}

TEST(SyntheticTrace, RefusesWithOneSentence) {
  EXPECT_EQ(error_of([] { make_trace("sine:1mW", 1); }), "trace 'sine:1mW': 'sine' is no made-up course; expected constant, square, markov or diurnal and a colon");
  EXPECT_EQ(error_of([] { make_trace("square:1mW,phase=2", 1); }), "trace 'square:1mW,phase=2': unknown option 'phase'; known: period, duty");
  EXPECT_EQ(error_of([] { make_trace("constant:1mW,duty=2", 1); }), "trace 'constant:1mW,duty=2': unknown option 'duty'; known: none");
  EXPECT_EQ(error_of([] { make_trace("square:1mW,duty=1", 1); }), "trace 'square:1mW,duty=1': 'duty' is '1'; expected more than 0 and less than 1");
  EXPECT_EQ(error_of([] { make_trace("square:1mW,period=0s", 1); }), "trace 'square:1mW,period=0s': 'period' is '0s'; expected at least 1 us");
  EXPECT_EQ(error_of([] { make_trace("constant:1K", 1); }), "trace 'constant:1K': '1K': unknown unit 'K' for a power; expected one of W, mW, uW, nW");
}

}  // namespace
}  // namespace mj
