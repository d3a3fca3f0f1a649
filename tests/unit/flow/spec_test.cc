// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/spec.h"

#include <gtest/gtest.h>

#include "mj/base/error.h"
#include "mj/base/file.h"

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

std::string error_of(const std::string& text) {
  try {
    parse_spec(text, "spec.toml", "folder");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
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
  EXPECT_EQ(error_of("format = 2\n" + kGood.substr(11)), "spec.toml:1: format 2 unknown; this millijoule reads format 1");
  EXPECT_EQ(error_of("name = \"a b\"\n" + kGood),
            "spec.toml:1: name 'a b' is not a C identifier; expected letters, digits and underscores");
  EXPECT_EQ(error_of(kGood + "ram = \"8 KB\"\n"),
            "spec.toml:10: '8 KB': 'KB' means 1000 bytes to some and 1024 to others; write kB (1000) or KiB (1024)");
  EXPECT_EQ(error_of(kGood + "[distil]\nalpha = 1.5\n"), "spec.toml:11: 'alpha' is 1.5; expected 0 to 1");
  EXPECT_EQ(error_of(kGood + "[distil]\nepochs = 0\n"), "spec.toml:11: 'epochs' is 0; expected 1 to 100000");
  EXPECT_EQ(error_of(kGood + "[data2]\n"), "spec.toml:10: unknown key 'data2'; did you mean 'data'?");
  EXPECT_EQ(error_of("format = 1\n"), "spec.toml: 'model' is missing in [teacher]; expected text in quotes");
}

TEST(Spec, TheExampleIsRead) {
  const Spec spec = read_spec(std::string(MJ_SOURCE_DIR) + "/examples/fashion-msp430/spec.toml");
  EXPECT_EQ(spec.name, "fashion");
  EXPECT_EQ(spec.data, "fashion-mnist");
}

}  // namespace
}  // namespace mj
