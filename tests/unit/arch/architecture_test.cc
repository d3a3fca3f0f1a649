// SPDX-License-Identifier: Apache-2.0
#include "mj/arch/architecture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "mj/base/error.h"
#include "mj/ir/cost.h"
#include "mj/ir/verify.h"
#include "tests/unit/error_of.h"

namespace mj {
namespace {

TEST(Architecture, TextRoundTrips) {
  const Architecture architecture{"resnet", 26, 24, 2};
  EXPECT_EQ(to_text(architecture), "resnet-26-w24-s2");
  EXPECT_EQ(parse_architecture("resnet-26-w24-s2"), architecture);
  EXPECT_EQ(parse_architecture("resnet-26-s2-w24"), architecture);
}

TEST(Architecture, PartsAfterTheDepthHaveDefaults) {
  EXPECT_EQ(parse_architecture("resnet-20"), (Architecture{"resnet", 20, 16, 1}));
  EXPECT_EQ(parse_architecture("resnet-20-w8"), (Architecture{"resnet", 20, 8, 1}));
  EXPECT_EQ(parse_architecture("resnet-20-s2"), (Architecture{"resnet", 20, 16, 2}));
}

TEST(Architecture, BadTextIsRefusedWithWhatWasExpected) {
  const auto error = [](const char* text) { return error_of([&] { parse_architecture(text); }); };
  EXPECT_EQ(error("vgg-11"), "architecture 'vgg-11': unknown architecture family 'vgg'; known: resnet, bottleneck, densenet");
  EXPECT_EQ(error(""), "architecture '': unknown architecture family ''; known: resnet, bottleneck, densenet");
  EXPECT_EQ(error("resnet"),
            "architecture 'resnet': no depth; expected FAMILY-DEPTH[-wWIDTH][-sSTRIDE], e.g. resnet-20-w16-s1");
  EXPECT_EQ(error("resnet-21"),
            "architecture 'resnet-21': depth 21 of a resnet is not 6n + 2; expected 8, 14, 20, ... up to 1202");
  EXPECT_EQ(error("resnet-2"),
            "architecture 'resnet-2': depth 2 of a resnet is not 6n + 2; expected 8, 14, 20, ... up to 1202");
  EXPECT_EQ(error("resnet-99999999999"),
            "architecture 'resnet-99999999999': depth '99999999999' is not a positive whole number");
  EXPECT_EQ(error("resnet-20-w0"), "architecture 'resnet-20-w0': width '0' is not a positive whole number");
  EXPECT_EQ(error("resnet-20-w2000"), "architecture 'resnet-20-w2000': width 2000 is out of range; expected 1 to 1024");
  EXPECT_EQ(error("resnet-20-s3"), "architecture 'resnet-20-s3': stem stride 3 is out of range; expected 1, 2 or 4");
  EXPECT_EQ(error("resnet-20-w16-w8"),
            "architecture 'resnet-20-w16-w8': unexpected part 'w8'; expected FAMILY-DEPTH[-wWIDTH][-sSTRIDE], e.g. "
            "resnet-20-w16-s1");
  EXPECT_EQ(error("resnet-20-"),
            "architecture 'resnet-20-': unexpected part ''; expected FAMILY-DEPTH[-wWIDTH][-sSTRIDE], e.g. "
            "resnet-20-w16-s1");
}

TEST(Build, RefusesInputsThatAreNoImages) {
  const Architecture architecture{"resnet", 8, 4, 1};
  EXPECT_EQ(error_of([&] { build(architecture, {128}, 10, 1); }),
            "architecture 'resnet-8-w4-s1': input 128 is not an image; expected height x width x channels");
  EXPECT_EQ(error_of([&] {
              build(architecture, {8, 8, 1}, 1, 1);
            }),
            "architecture 'resnet-8-w4-s1': 1 classes; expected at least 2");
}

// The table of section 4.2 of the paper: 0.27M, 0.46M, 0.66M and 0.85M parameters for CIFAR-10 with identity shortcuts.
// Projections add 16*32 + 32*64 weights and two norms.
TEST(Build, ParameterCountIsThePublishedOnePlusProjections) {
  for (const auto& [depth, published] : {std::pair{20, 0.27e6}, {32, 0.46e6}, {44, 0.66e6}, {56, 0.85e6}}) {
    const Graph graph = build({"resnet", depth, 16, 1}, {32, 32, 3}, 10, 1);
    std::int64_t statistics = 0, count = 0;
    for (const Value& value : graph.values) {
      if (!value.constant()) continue;
      count += value.type.count();
      if (value.name.ends_with(".mean") || value.name.ends_with(".variance")) statistics += value.type.count();
    }
    const double projections = 16 * 32 + 32 * 64 + 2 * (32 + 64);
    EXPECT_NEAR(static_cast<double>(count - statistics) - projections, published, 0.005e6) << depth;
  }
}

/// Elements of constants that are no statistics, and multiply-accumulates.
std::pair<std::int64_t, std::int64_t> counts(const char* name, std::int64_t side, std::int64_t classes) {
  const Graph graph = build(parse_architecture(name), {side, side, 3}, classes, 1);
  return {parameter_count(graph), total_macs(graph)};
}

// torchvision's models (0.14): parameters exactly, and its table's "GFLOPS", which are multiply-accumulates.
TEST(Build, LargeFamiliesHaveTheirPublishedCounts) {
  EXPECT_EQ(counts("bottleneck-50-s2", 224, 1000).first, 25557032);
  EXPECT_EQ(counts("bottleneck-101-s2", 224, 1000).first, 44549160);
  EXPECT_EQ(counts("densenet-121-s2", 224, 1000).first, 7978856);
  EXPECT_EQ(counts("densenet-169-s2", 224, 1000).first, 14149480);
  EXPECT_EQ(counts("densenet-201-s2", 224, 1000).first, 20013928);
  EXPECT_NEAR(static_cast<double>(counts("bottleneck-50-s2", 224, 1000).second), 4.09e9, 0.005e9);
  EXPECT_NEAR(static_cast<double>(counts("densenet-121-s2", 224, 1000).second), 2.83e9, 0.005e9);
}

// Maisto et al. count with Keras: statistics and, in residual networks, a bias per convolution channel besides.
TEST(Build, TruncatedFamiliesHaveTheCountsOfTheZcu102Measurements) {
  const auto keras = [](const char* name) {
    const Graph graph = build(parse_architecture(name), {32, 32, 3}, 10, 1);
    std::int64_t count = parameter_count(graph);
    for (const Node& node : graph.nodes) {
      if (std::holds_alternative<BatchNorm>(node.op)) count += 2 * graph.type(node.output).shape.back();
      const bool biased = graph.metadata.at("millijoule.architecture").starts_with("bottleneck");
      if (biased && std::holds_alternative<Conv2d>(node.op)) count += graph.type(node.output).shape.back();
    }
    return count;
  };
  EXPECT_EQ(keras("bottleneck-11-s2"), 2000266);
  EXPECT_EQ(keras("bottleneck-14-s2"), 8065418);
  EXPECT_EQ(keras("bottleneck-26-s2"), 14012938);
  EXPECT_EQ(keras("bottleneck-38-s2"), 19960458);
  EXPECT_EQ(keras("bottleneck-50-s2"), 23608202);
  EXPECT_EQ(keras("densenet-53-s2"), 1733098);
  EXPECT_EQ(keras("densenet-121-s2"), 7047754);
  EXPECT_EQ(keras("densenet-169-s2"), 12659530);
  EXPECT_EQ(keras("densenet-185-s2"), 15332426);
  EXPECT_EQ(keras("densenet-201-s2"), 18341194);
}

TEST(Build, EveryFamilyAcceptsOddInputs) {
  for (const char* name : {"bottleneck-11-w8", "bottleneck-14-w4-s2", "densenet-53-w4", "densenet-53-w4-s2"}) {
    for (const Shape& input : {Shape{32, 32, 3}, Shape{33, 31, 1}, Shape{1, 1, 2}}) {
      const Graph graph = build(parse_architecture(name), input, 5, 1);
      verify(graph);
      EXPECT_EQ(class_count(graph), 5) << name;
    }
  }
}

TEST(Build, EveryDepthWidthAndStrideIsAWellFormedGraphThatSaysWhatItIs) {
  for (int depth : {8, 14}) {
    for (int width : {4, 5}) {
      for (int stride : {1, 2}) {
        for (const Shape& input : {Shape{28, 28, 1}, Shape{33, 31, 3}, Shape{1, 1, 2}}) {
          const Architecture architecture{"resnet", depth, width, stride};
          const Graph graph = build(architecture, input, 7, 3);
          verify(graph);
          EXPECT_EQ(class_count(graph), 7);
          EXPECT_EQ(graph.value(graph.outputs.back()).name, "logits");
          EXPECT_EQ(parse_architecture(architecture_of(graph)), architecture);
        }
      }
    }
  }
}

TEST(Build, WeightsAreHeNormalAndFollowTheSeed) {
  const Architecture architecture{"resnet", 8, 32, 1};
  const Graph graph = build(architecture, {16, 16, 3}, 10, 5);
  EXPECT_EQ(graph, build(architecture, {16, 16, 3}, 10, 5));
  EXPECT_NE(graph, build(architecture, {16, 16, 3}, 10, 6));
  int checked = 0;
  for (const Node& node : graph.nodes) {
    if (!std::holds_alternative<Conv2d>(node.op)) continue;
    const Value& weight = graph.value(node.inputs[1]);
    const auto elements = weight.data.as<float>();
    const double n = static_cast<double>(elements.size());
    const double fan_in = n / static_cast<double>(weight.type.shape[0]);
    double sum = 0, squares = 0;
    for (float w : elements) sum += w, squares += static_cast<double>(w) * w;
    // Five standard errors of the mean and of the variance of n normal samples.
    EXPECT_NEAR(sum / n, 0, 5 * std::sqrt(2 / fan_in / n)) << weight.name;
    EXPECT_NEAR(squares / n * fan_in / 2, 1, 5 * std::sqrt(2 / n)) << weight.name;
    ++checked;
  }
  EXPECT_EQ(checked, 1 + 6 + 2);
}

TEST(Students, AreAllSmallerAndTheLargestComesFirst) {
  const Architecture teacher{"resnet", 20, 16, 1};
  const std::vector<Architecture> students = students_of(teacher);
  EXPECT_EQ(students.size(), 3u * 7u * 3u - 1u);  // depths 8, 14, 20; widths 4, 6 .. 16; strides 1, 2, 4
  std::int64_t before = total_macs(build(teacher, {32, 32, 3}, 10, 1));
  for (const Architecture& student : students) {
    EXPECT_NE(student, teacher);
    EXPECT_LE(student.depth, teacher.depth);
    EXPECT_LE(student.width, teacher.width);
    EXPECT_GE(student.stem_stride, teacher.stem_stride);
    EXPECT_EQ(parse_architecture(to_text(student)), student);
    EXPECT_EQ(std::ranges::count(students, student), 1);
    const std::int64_t macs = total_macs(build(student, {32, 32, 3}, 10, 1));
    EXPECT_LE(macs, before) << to_text(student);
    before = macs;
  }
  EXPECT_EQ(to_text(students.back()), "resnet-8-w4-s4");
}

TEST(Students, OfEveryFamilyAreOrderedAndDistinct) {
  for (const char* name : {"bottleneck-26-w16", "densenet-169-w12"}) {
    const std::vector<Architecture> students = students_of(parse_architecture(name));
    ASSERT_GT(students.size(), 5u);
    for (const Architecture& student : students) {
      EXPECT_EQ(std::ranges::count(students, student), 1);
      EXPECT_EQ(parse_architecture(to_text(student)), student);
    }
    const auto macs = [](const Architecture& a) { return total_macs(build(a, {32, 32, 3}, 10, 1)); };
    EXPECT_GT(macs(students.front()), macs(students.back()));
  }
}

TEST(Students, TheSmallestMemberHasNone) { EXPECT_TRUE(students_of({"resnet", 8, 4, 4}).empty()); }

}  // namespace
}  // namespace mj
