// SPDX-License-Identifier: Apache-2.0
#include "mj/emit/c_text.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "mj/base/random.h"

namespace mj {
namespace {

TEST(CommentText, CannotEndTheComment) {
  EXPECT_EQ(comment_text("layer1/conv:0"), "layer1/conv:0");
  EXPECT_EQ(comment_text("x */ int y; /*"), "x _/ int y; /_");
  EXPECT_EQ(comment_text("a\\\nb"), "a__b");
  EXPECT_EQ(comment_text("what?\?/"), "what__/");
  EXPECT_EQ(comment_text("caf\xc3\xa9"), "caf__");
  EXPECT_EQ(comment_text(std::string(200, 'a')), std::string(80, 'a') + "...");
}

TEST(StringLiteral, KeepsEveryByte) {
  EXPECT_EQ(string_literal("T-shirt/top"), "\"T-shirt/top\"");
  EXPECT_EQ(string_literal("\"\\"), "\"\\042\\134\"");
  EXPECT_EQ(string_literal("\xc3\xa9" "1"), "\"\\303\\2511\"");
  EXPECT_EQ(string_literal("?\?="), "\"\\077\\077=\"");
}

TEST(FloatLiteral, ReadsBackToTheSameFloat) {
  EXPECT_EQ(float_literal(1), "1.0f");
  EXPECT_EQ(float_literal(1.0f / 256), "0.00390625f");
  RandomStream random(7);
  for (int i = 0; i < 1000; ++i) {
    const auto value = static_cast<float>(random.normal() * 1e-3);
    const std::string text = float_literal(value);
    EXPECT_EQ(text.back(), 'f');
    EXPECT_NE(text.find_first_of(".e"), std::string::npos);
    EXPECT_EQ(std::strtof(text.c_str(), nullptr), value);
  }
}

TEST(ArrayDefinition, BreaksLines) {
  const std::vector<std::int8_t> few{1, -2};
  EXPECT_EQ(array_definition("int8_t", "a", std::span(few)), "static const int8_t a[2] = {1, -2};\n");
  const std::vector<std::int8_t> many(100, -128);
  const std::string text = array_definition("int8_t", "a", std::span(many));
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = text.find('\n', begin);
    EXPECT_LE(end - begin, 120u);
    begin = end + 1;
  }
}

TEST(Identifier, IsNoKeyword) {
  EXPECT_TRUE(is_identifier("model"));
  EXPECT_TRUE(is_identifier("model_2"));
  for (const char* bad : {"", "2nd", "a-b", "int", "class", "_x", "mj_conv", "m\xc3\xb6" "del", "main"}) {
    EXPECT_FALSE(is_identifier(bad)) << bad;
  }
  EXPECT_FALSE(is_identifier(std::string(64, 'a')));
}

}  // namespace
}  // namespace mj
