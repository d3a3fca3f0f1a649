// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/spec.h"

#include <gtest/gtest.h>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "tests/unit/error_of.h"

namespace mj {
namespace {

const std::string kGood = R"(format = 1
[teacher]
model = "t.onnx"
[data]
set = "fashion-mnist"
[platform]
name = "msp430fr5994"
[budget]
energy = "3 mJ"
)";

std::string spec_error(const std::string& text) {
  return error_of([&] { parse_spec(text, "spec.toml", "folder"); });
}

TEST(Spec, DefaultsAndRelativePaths) {
  const Spec spec = parse_spec(kGood, "spec.toml", "folder");
  EXPECT_EQ(spec.teacher, "folder/t.onnx");
  EXPECT_EQ(spec.energy.value, 3e-3);
  EXPECT_EQ(spec.name, "model");
  EXPECT_EQ(spec.output, "out/model");
  EXPECT_EQ(spec.epochs, 10);
  EXPECT_FALSE(spec.nvm.has_value());
}

TEST(Spec, RefusesWithOneSentence) {
  EXPECT_EQ(spec_error("format = 2\n" + kGood.substr(11)), "spec.toml:1: format 2 unknown; this millijoule reads format 1");
  EXPECT_EQ(spec_error("name = \"a b\"\n" + kGood),
            "spec.toml:1: name 'a b' is not a C identifier; expected letters, digits and underscores");
  EXPECT_EQ(spec_error(kGood + "ram = \"8 KB\"\n"),
            "spec.toml:10: '8 KB': 'KB' means 1000 bytes to some and 1024 to others; write kB (1000) or KiB (1024)");
  EXPECT_EQ(spec_error(kGood + "[distil]\nalpha = 1.5\n"), "spec.toml:11: 'alpha' is 1.5; expected 0 to 1");
  EXPECT_EQ(spec_error(kGood + "[distil]\nepochs = 0\n"), "spec.toml:11: 'epochs' is 0; expected 1 to 100000");
  EXPECT_EQ(spec_error(kGood + "[compress]\nepochs = 1\n"),
            "spec.toml:11: 'epochs' is 1; expected 0 for no compression, or at least 2");
  EXPECT_EQ(spec_error(kGood + "[data2]\n"), "spec.toml:10: unknown key 'data2'; did you mean 'data'?");
  EXPECT_EQ(spec_error("format = 1\n"), "spec.toml: 'model' is missing in [teacher]; expected text in quotes");
}

TEST(Spec, ABudgetMayComeFromWhereTheEnergyComesFrom) {
  const auto with = [](const std::string& budget) {
    std::string text = kGood;
    return text.replace(text.find("energy = \"3 mJ\"\n"), 16, budget);
  };
  const Spec coin = parse_spec(with("battery = \"660 mWh\"\nlifetime = \"365 d\"\ninferences_per_day = 1440\nrest = 0.5\n"), "spec.toml", ".");
  EXPECT_DOUBLE_EQ(coin.energy.value, 660e-3 * 3600 / 365 / 2 / 1440);
  ASSERT_TRUE(coin.scenario.has_value());
  const Spec solar = parse_spec(with("harvest = \"50 uW\"\ninferences_per_day = 8640\n"), "spec.toml", ".");
  EXPECT_DOUBLE_EQ(solar.energy.value, 500e-6);
  EXPECT_EQ(spec_error(with("battery = \"1 J\"\nharvest = \"1 mW\"\n")),
            "spec.toml:10: battery and harvest are both given; expected one of them");
  EXPECT_EQ(spec_error(with("battery = \"1 J\"\nenergy = \"1 mJ\"\n")),
            "spec.toml:10: energy is given, and so is where it comes from; expected one of them");
  EXPECT_EQ(spec_error(with("battery = \"1 J\"\nlifetime = \"0 d\"\n")),
            "spec.toml:10: the lifetime is zero; expected more, e.g. \"365 d\"");
  EXPECT_EQ(spec_error(with("harvest = \"1 mW\"\ninferences_per_day = 0\n")),
            "spec.toml:10: 'inferences_per_day' is 0; expected more than 0");
}

TEST(Spec, TemperatureAndAlphaMayBeDerived) {
  const Spec spec = parse_spec(kGood + "[distil]\ntemperature = \"auto\"\nalpha = \"auto\"\nobjective = \"kd+ls\"\n", "spec.toml", ".");
  EXPECT_FALSE(spec.temperature.has_value());
  EXPECT_FALSE(spec.alpha.has_value());
  EXPECT_EQ(spec.objective, Objective::kStandardised);
  EXPECT_EQ(spec_error(kGood + "[distil]\ntemperature = \"hot\"\n"), "spec.toml:11: 'temperature' is \"hot\"; expected \"auto\" or a number");
  EXPECT_EQ(spec_error(kGood + "[distil]\nobjective = \"best\"\n"), "spec.toml:11: unknown objective 'best'; expected kd, kd+ls or dkd");
}

TEST(Spec, TrainingMayBeInBfloat16) {
  EXPECT_EQ(parse_spec(kGood, "spec.toml", ".").precision, Precision::kFloat32);
  EXPECT_EQ(parse_spec(kGood + "[distil]\nprecision = \"bfloat16\"\n", "spec.toml", ".").precision, Precision::kBfloat16);
  EXPECT_EQ(spec_error(kGood + "[distil]\nprecision = \"half\"\n"), "spec.toml:11: unknown precision 'half'; expected float32 or bfloat16");
}

TEST(Spec, ExitsAreAddedWhereASectionAsksForThem) {
  EXPECT_FALSE(parse_spec(kGood, "spec.toml", ".").exits.has_value());
  const Spec plain = parse_spec(kGood + "[exits]\n", "spec.toml", ".");
  ASSERT_TRUE(plain.exits.has_value());
  EXPECT_EQ(plain.exits->head.width, 16);
  EXPECT_TRUE(plain.exits->at.empty());
  const Spec spec = parse_spec(kGood + "[exits]\nat = [\"a\", \"b\"]\ncount = 2\nmethod = \"gnet\"\nwidth = 8\ngrid = 2\nepochs = 3\n"
                                       "views = 4\nlearning_rate = 0.01\ndrop = 0.02\n", "spec.toml", ".");
  EXPECT_EQ(spec.exits->at, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(spec.exits->count, 2);
  EXPECT_EQ(spec.exits->head.method, ExitMethod::kGnet);
  EXPECT_EQ(spec.exits->head.width, 8);
  EXPECT_EQ(spec.exits->head.grid, 2);
  EXPECT_EQ(spec.exits->epochs, 3);
  EXPECT_EQ(spec.exits->views, 4);
  EXPECT_EQ(spec.exits->learning_rate, 0.01);
  EXPECT_EQ(spec.exits->drop, 0.02);
  EXPECT_EQ(spec_error(kGood + "[exits]\nat = \"first\"\n"), "spec.toml:11: 'at' is \"first\"; expected \"auto\" or a list of names");
  EXPECT_EQ(spec_error(kGood + "[exits]\nat = []\n"), "spec.toml:11: 'at' names no exit; expected \"auto\" or a list of names");
  EXPECT_EQ(spec_error(kGood + "[exits]\nmethod = \"gnat\"\n"),
            "spec.toml:11: no method 'gnat' of exits; expected head, gnet, flat or pooled");
  EXPECT_EQ(spec_error(kGood + "[exits]\ndrop = 1.5\n"), "spec.toml:11: 'drop' is 1.5; expected 0 to 1");
  EXPECT_EQ(spec_error(kGood + "[exits]\nwidht = 4\n"), "spec.toml:11: unknown key 'widht' in [exits]; did you mean 'width'?");
}

TEST(Spec, TheExampleIsRead) {
  const Spec spec = read_spec(std::string(MJ_SOURCE_DIR) + "/examples/fashion-msp430/spec.toml");
  EXPECT_EQ(spec.name, "fashion");
  EXPECT_EQ(spec.data, "fashion-mnist");
}

}  // namespace
}  // namespace mj
