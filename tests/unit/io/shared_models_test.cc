// SPDX-License-Identifier: Apache-2.0
// Networks made by others, read whole: they come in without anything left over of their exporters' layouts.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "mj/io/onnx.h"
#include "mj/ir/cost.h"

namespace mj {
namespace {

std::filesystem::path models_folder() {
  const char* given = std::getenv("MJ_SHARED");
  return (given ? std::filesystem::path(given) : std::filesystem::path(MJ_SOURCE_DIR).parent_path() / "shared") /
         "data" / "models";
}

struct Expected {
  const char* file;
  Shape input;
  std::int64_t classes;
  std::int64_t parameters;  ///< counted from the initialisers, running statistics left out
};

class SharedModel : public testing::TestWithParam<Expected> {};

TEST_P(SharedModel, LoadsWithoutTransposes) {
  const auto path = models_folder() / GetParam().file;
  if (!std::filesystem::exists(path))
    GTEST_SKIP() << "no " << path << "; set MJ_SHARED to the folder that holds data/models";
  const Graph graph = read_model(path);
  EXPECT_EQ(graph.type(graph.inputs.at(0)).shape, GetParam().input);
  EXPECT_EQ(class_count(graph), GetParam().classes);
  EXPECT_EQ(parameter_count(graph), GetParam().parameters);
  EXPECT_TRUE(std::none_of(graph.nodes.begin(), graph.nodes.end(),
                           [](const Node& node) { return std::holds_alternative<Transpose>(node.op); }));
}

INSTANTIATE_TEST_SUITE_P(All, SharedModel,
                         testing::Values(Expected{"freeml_cifar10_m.onnx", {32, 32, 3}, 10, 601258},
                                         Expected{"resnet20_cifar10.onnx", {32, 32, 3}, 10, 272282},
                                         Expected{"mnist_onnxmodels.onnx", {28, 28, 1}, 10, 5994},
                                         Expected{"stateful-cnn_HAR-CNN.onnx", {1, 128, 9}, 6, 13848},
                                         Expected{"stateful-cnn_squeezenet_cifar10.onnx", {32, 32, 3}, 10, 73546}),
                         [](const auto& info) {
                           std::string name = info.param.file;
                           std::replace_if(
                               name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
                           return name;
                         });

}  // namespace
}  // namespace mj
