// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/command_line.h"
#include "tests/shared_data.h"

namespace mj {
namespace {

/// A shipped network on the first 1,000 test images, exit by exit, against what docs/results has for these; one image of play for
/// the order of float sums.
void expect_answers(const std::string& model, const std::string& data, const std::vector<double>& expected) {
  const Ran ran = millijoule({"eval", std::string(MJ_SOURCE_DIR) + "/models/" + model, "--data", data, "--limit", "1000", "--json", "-"});
  if (ran.errors.find("dataset-fashion-mnist") != std::string::npos) GTEST_SKIP() << "not installed: dataset-fashion-mnist";
  ASSERT_EQ(ran.exit_code, 0) << ran.errors;
  const auto exits = nlohmann::json::parse(ran.output)["per_exit"];
  ASSERT_EQ(exits.size(), expected.size());
  for (std::size_t k = 0; k < exits.size(); ++k) EXPECT_NEAR(exits[k]["accuracy"].get<double>(), expected[k], 0.0015) << k;
}

TEST(ShippedModels, TheFashionTeachersExitsAnswerAsWritten) {
  expect_answers("fashion_teacher_exits.onnx", "fashion-mnist", {0.861, 0.886, 0.931, 0.940, 0.945, 0.954});
}

TEST(ShippedModels, ThePlainNetworksExitsAnswerAsWritten) {
  const auto cifar = cifar10();
  if (!cifar) GTEST_SKIP() << "no CIFAR-10; set MJ_SHARED to the folder that holds data/cifar";
  expect_answers("plain6_cifar10_exits.onnx", *cifar, {0.622, 0.695, 0.761, 0.809, 0.854, 0.911});
}

TEST(ShippedModels, TheStudentOfAResNet20AnswersAsWritten) {
  const auto cifar = cifar10();
  if (!cifar) GTEST_SKIP() << "no CIFAR-10; set MJ_SHARED to the folder that holds data/cifar";
  expect_answers("vgg8_cifar10.onnx", *cifar, {0.910});
}

}  // namespace
}  // namespace mj
