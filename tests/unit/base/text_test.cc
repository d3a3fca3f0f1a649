// SPDX-License-Identifier: Apache-2.0
#include "mj/base/text.h"

#include <gtest/gtest.h>

#include <bit>
#include <random>
#include <limits>

#include "mj/base/random.h"

namespace mj {
namespace {

TEST(Text, FloatsReadBackExactly) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomStream random(seed);
  for (int i = 0; i < 100000; ++i) {
    const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(random.next()));
    if (value != value) continue;
    const auto back = parse_number(float_text(value));
    ASSERT_TRUE(back.has_value()) << float_text(value);
    ASSERT_EQ(static_cast<float>(*back), value);
  }
  EXPECT_EQ(float_text(-std::numeric_limits<float>::infinity()), "-inf");
}

TEST(Text, WholeNumbersOnly) {
  EXPECT_EQ(parse_integer("12"), 12);
  EXPECT_FALSE(parse_integer("12x"));
  EXPECT_FALSE(parse_integer(""));
  EXPECT_FALSE(parse_number("1,5"));
  EXPECT_FALSE(parse_integer("99999999999999999999"));
}

TEST(Text, Thousands) {
  EXPECT_EQ(thousands(0), "0");
  EXPECT_EQ(thousands(999), "999");
  EXPECT_EQ(thousands(-1234), "-1,234");
  EXPECT_EQ(thousands(-123), "-123");
  EXPECT_EQ(thousands(1234567), "1,234,567");
}

TEST(Text, NearestKnowsSlipsFromOtherWords) {
  const std::vector<std::string> keys = {"teacher", "energy", "platform"};
  EXPECT_EQ(nearest("techer", keys), "teacher");
  EXPECT_EQ(nearest("enregy", keys), "energy");
  const std::vector<std::string> words{"width", "depth"};
  EXPECT_EQ(nearest("widht", words), "width");  // two letters swapped are one slip
  EXPECT_EQ(nearest("banana", keys), std::nullopt);
}

TEST(Text, TableAlignsByCodePoints) {
  const std::vector<std::string> header = {"layer", "uJ"};
  const std::vector<std::vector<std::string>> rows = {{"conv", "1.5"}, {"µ", "12"}};
  EXPECT_EQ(table_text(header, rows), "layer   uJ\n-----  ---\nconv   1.5\nµ       12\n");
}

}  // namespace
}  // namespace mj
