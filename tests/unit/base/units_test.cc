// SPDX-License-Identifier: Apache-2.0
#include "mj/base/units.h"

#include <gtest/gtest.h>

#include "mj/base/error.h"
#include "tests/unit/error_of.h"

namespace mj {
namespace {

TEST(Units, ParsesEnergy) {
  EXPECT_DOUBLE_EQ(parse_energy("3 mJ").value, 3e-3);
  EXPECT_DOUBLE_EQ(parse_energy("2.5uJ").value, 2.5e-6);
  EXPECT_DOUBLE_EQ(parse_energy("1 Wh").value, 3600);
  EXPECT_DOUBLE_EQ(parse_energy(" 1e-3 J ").value, 1e-3);
}

TEST(Units, ParsesElectricalQuantities) {
  EXPECT_DOUBLE_EQ(parse_capacitance("100uF"), 100e-6);
  EXPECT_DOUBLE_EQ(parse_resistance("30 kohm"), 30e3);
  EXPECT_DOUBLE_EQ(parse_voltage("2.4V"), 2.4);
  EXPECT_DOUBLE_EQ(parse_current("600 nA"), 600e-9);
  EXPECT_DOUBLE_EQ(parse_power("2 uW"), 2e-6);
  EXPECT_EQ(error_of([] { parse_capacitance("100 mA"); }),
            "'100 mA': unknown unit 'mA' for a capacitance; expected one of F, mF, uF, nF");
  EXPECT_EQ(si_text(440e-6, "F"), "440 uF");
  EXPECT_EQ(si_text(4700, "ohm"), "4.70 kohm");
  EXPECT_EQ(si_text(0, "V"), "0 V");
}

TEST(Units, ParsesBytes) {
  EXPECT_EQ(parse_bytes("32kB"), 32000);
  EXPECT_EQ(parse_bytes("8 KiB"), 8192);
  EXPECT_EQ(parse_bytes("17 B"), 17);
}

TEST(Units, RefusesWithOneSentence) {
  EXPECT_EQ(error_of([] { parse_bytes("32 KB"); }),
            "'32 KB': 'KB' means 1000 bytes to some and 1024 to others; write kB (1000) or KiB (1024)");
  EXPECT_EQ(error_of([] { parse_energy("3 mW"); }),
            "'3 mW': unknown unit 'mW' for an energy; expected one of J, mJ, uJ, nJ, pJ, kJ, Wh, mWh");
  EXPECT_EQ(error_of([] { parse_energy("3"); }),
            "'3' has no unit; expected one of J, mJ, uJ, nJ, pJ, kJ, Wh, mWh, e.g. \"2.5 mJ\"");
  EXPECT_EQ(error_of([] { parse_energy("mJ"); }), "'mJ' is not an energy; expected a number and a unit, e.g. \"2.5 mJ\"");
  EXPECT_EQ(error_of([] { parse_time("-3 s"); }), "'-3 s' is negative; expected a time of zero or more");
  EXPECT_EQ(error_of([] { parse_bytes("1.5 B"); }), "'1.5 B' is not a whole number of bytes");
}

TEST(Units, PrintsThreeDigits) {
  EXPECT_EQ(to_text(Joules{2.5e-3}), "2.50 mJ");
  EXPECT_EQ(to_text(Joules{354e-12}), "0.35 nJ");
  EXPECT_EQ(to_text(Joules{0.9999e-3}), "1.00 mJ");
  EXPECT_EQ(to_text(Joules{0}), "0 J");
  EXPECT_EQ(to_text(Seconds{1.234}), "1.23 s");
  EXPECT_EQ(to_text(Seconds{0.0999}), "99.9 ms");
  EXPECT_EQ(bytes_text(1234567), "1,234,567 B");
}

}  // namespace
}  // namespace mj
