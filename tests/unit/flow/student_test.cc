// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/student.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "mj/io/onnx.h"
#include "mj/ir/cost.h"
#include "mj/ir/evaluate.h"
#include "mj/ir/verify.h"
#include "tests/shared_data.h"
#include "tests/unit/error_of.h"
#include "tests/unit/learn/synthetic.h"

namespace mj {
namespace {

TEST(Student, HasAName) {
  EXPECT_EQ(parse_student("resnet-8-w8").name, "resnet-8-w8-s1");
  const Student reduced = parse_student("some/where/net.onnx/drop2/width0.50");
  EXPECT_EQ(reduced.name, "some/where/net.onnx/drop2/width0.5");
  EXPECT_EQ(std::get<Reduction>(reduced.form), (Reduction{2, 0.5}));
  EXPECT_EQ(reduced_network(reduced), "some/where/net.onnx");
  EXPECT_EQ(reduced_network(parse_student("resnet-8-w8")), "");
  EXPECT_EQ(error_of([] { parse_student("net/dropped"); }),
            "student 'net/dropped': 'dropped' drops no whole number of blocks; expected e.g. drop2");
  EXPECT_EQ(error_of([] { parse_student("/drop2"); }),
            "student '/drop2': no network before the reduction; expected e.g. network/drop2/width0.5");
}

TEST(Student, IsSmallerOnlyAmongItsOwnKind) {
  const auto is_smaller = [](const char* a, const char* b) { return smaller(parse_student(a), parse_student(b)); };
  EXPECT_TRUE(is_smaller("resnet-8-w8-s2", "resnet-8-w8-s1"));
  EXPECT_FALSE(is_smaller("resnet-8-w8-s1", "resnet-8-w8-s1"));
  EXPECT_FALSE(is_smaller("resnet-8-w16-s1", "resnet-14-w8-s1"));
  EXPECT_FALSE(is_smaller("lenet-3-w4-s1", "resnet-14-w8-s1"));
  EXPECT_TRUE(is_smaller("net/drop2/width0.5", "net/drop1/width0.5"));
  EXPECT_TRUE(is_smaller("net/drop2/width0.5", "net/drop2"));
  EXPECT_FALSE(is_smaller("net/drop2", "net/drop1/width0.5"));
  EXPECT_FALSE(is_smaller("net/drop2", "other/drop1"));
  EXPECT_FALSE(is_smaller("net/drop2", "resnet-14-w8-s1"));
}

TEST(Student, OfANamelessNetworkIsWhatIsLeftOfIt) {
  Graph teacher = build({"resnet", 14, 4, 2}, {12, 12, 1}, 4, 1);
  EXPECT_EQ(students_of(teacher, "net").front().name, "resnet-8-w4-s2");
  forget_architecture(teacher);
  const std::vector<Student> students = students_of(teacher, "net");
  EXPECT_EQ(students.front().name, "net/drop1");
  EXPECT_EQ(students.back().name, "net/drop4/width0.125");
  const Samples samples = gratings(40, 4, 12, 1);
  const Graph graph = build_to_train(students.back(), &teacher, samples, 4, 1);
  verify(graph);
  EXPECT_EQ(class_count(graph), 4);
  EXPECT_EQ(graph, build_to_train(students.back(), &teacher, samples, 4, 1));
  EXPECT_EQ(error_of([&] { build(parse_student("net/drop9"), &teacher, {12, 12, 1}, 4, 1); }),
            "student 'net/drop9': 9 blocks cannot be dropped: the network has 4 that give what they take");
}

struct Import {
  const char* file;
  int blocks;  ///< counted by hand: residual blocks without projection, layers of as many outputs as inputs, fire modules
};
class ImportedStudents : public testing::TestWithParam<Import> {};

TEST_P(ImportedStudents, AreWhatIsLeft) {
  const std::filesystem::path path = shared_folder() / "data/models" / GetParam().file;
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path << "; set MJ_SHARED to the folder that holds data/models";
  const Graph network = read_model(path);
  const Graph whole = reducible(network);
  EXPECT_EQ(error_of([&] { reduce(whole, {GetParam().blocks + 1, 1}); }),
            fmt::format("{} blocks cannot be dropped: the network has {} that give what they take", GetParam().blocks + 1, GetParam().blocks));
  const Tensor input = input_tensor(whole, std::vector<float>(static_cast<std::size_t>(whole.type(whole.inputs[0]).count()), 0.5f));
  for (const Reduction& reduction : {Reduction{GetParam().blocks, 1}, Reduction{0, 0.5}, Reduction{GetParam().blocks, 0.125}}) {
    const Graph small = reduce(whole, reduction);
    verify(small);
    EXPECT_EQ(class_count(small), class_count(network));
    if (reduction != Reduction{}) {
      EXPECT_LT(total_macs(small), total_macs(whole));
    }
    EXPECT_EQ(Evaluator(small).run(input).size(), small.outputs.size());
  }
}

INSTANTIATE_TEST_SUITE_P(Shared, ImportedStudents,
                         testing::Values(Import{"resnet20_cifar10.onnx", 7}, Import{"freeml_cifar10_m.onnx", 6},
                                                                    Import{"stateful-cnn_squeezenet_cifar10.onnx", 1},
                                                                    Import{"stateful-cnn_HAR-CNN.onnx", 0}));

}  // namespace
}  // namespace mj
