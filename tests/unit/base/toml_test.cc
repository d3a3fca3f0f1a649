// SPDX-License-Identifier: Apache-2.0
#include "mj/base/toml.h"

#include <gtest/gtest.h>

#include "mj/base/error.h"
#include "tests/unit/error_of.h"

namespace mj {
namespace {

TEST(Toml, ReadsWhatIsThere) {
  auto top = TomlTable::parse("a = 3\nb = \"x\"\n[t]\nc = [\"p\", \"q\"]\nd = 1.5\ne = true\n", "f.toml");
  EXPECT_EQ(top.integer("a"), 3);
  EXPECT_EQ(top.text("b"), "x");
  EXPECT_EQ(top.text("none", "z"), "z");
  auto table = top.table("t");
  EXPECT_EQ(table.texts("c"), (std::vector<std::string>{"p", "q"}));
  EXPECT_EQ(table.number("d"), 1.5);
  EXPECT_TRUE(table.boolean("e", false));
  table.finish();
  top.finish();
}

TEST(Toml, ReadsListsOfNumbers) {
  auto top = TomlTable::parse("a = [1, 2.5]\nb = [\"x\"]\nc = [inf]\n", "f.toml");
  EXPECT_EQ(top.numbers("a"), (std::vector<double>{1, 2.5}));
  EXPECT_EQ(error_of([&] { top.numbers("b"); }), "f.toml:2: 'b' holds text; expected a list of numbers");
  EXPECT_EQ(error_of([&] { top.numbers("c"); }), "f.toml:3: 'c' holds a number that is not finite");
}

TEST(Toml, RefusesWithOneSentence) {
  auto top = TomlTable::parse("format = 1\n[budget]\nenergie = \"3 mJ\"\nram = 3\nnvm = [1]\n", "spec.toml");
  EXPECT_EQ(error_of([&] { top.text("teacher"); }), "spec.toml:1: 'teacher' is missing; expected text in quotes");
  auto budget = top.table("budget");
  EXPECT_EQ(error_of([&] { budget.text("ram"); }), "spec.toml:4: 'ram' in [budget] is an integer; expected text in quotes");
  EXPECT_EQ(error_of([&] { budget.texts("nvm"); }),
            "spec.toml:5: 'nvm' in [budget] holds an integer; expected a list of texts");
  EXPECT_EQ(error_of([&] { budget.text("lifetime"); }),
            "spec.toml:2: 'lifetime' is missing in [budget]; expected text in quotes");
  EXPECT_EQ(error_of([&] { budget.text("energy"); }), "spec.toml:3: unknown key 'energie' in [budget]; did you mean 'energy'?");
  EXPECT_EQ(error_of([&] { budget.finish(); }), "spec.toml:3: unknown key 'energie' in [budget]; did you mean 'energy'?");
  EXPECT_EQ(error_of([&] { top.finish(); }), "spec.toml:1: unknown key 'format'; known keys: budget, teacher");
  EXPECT_EQ(error_of([] { TomlTable::parse("a = 1\nb = [", "x.toml"); }).substr(0, 9), "x.toml:2:");
}

}  // namespace
}  // namespace mj
