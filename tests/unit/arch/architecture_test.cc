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
  EXPECT_EQ(error("alexnet-8"), "architecture 'alexnet-8': unknown architecture family 'alexnet'; known: resnet, bottleneck, densenet, "
                                "densenetcifar, vgg, mobilenet, mobilenetv2, dscnn, lenet, plain");
  EXPECT_EQ(error(""), "architecture '': unknown architecture family ''; known: resnet, bottleneck, densenet, densenetcifar, "
                       "vgg, mobilenet, mobilenetv2, dscnn, lenet, plain");
  EXPECT_EQ(error("vgg-12"), "architecture 'vgg-12': depth 12 of a vgg is unknown; expected one of 8, 11, 13, 16, 19");
  EXPECT_EQ(error("lenet-5-w65"), "architecture 'lenet-5-w65': width 65 is out of range; expected 1 to 64");
  EXPECT_EQ(error("mobilenet-28-s4"), "architecture 'mobilenet-28-s4': stem stride 4 is out of range; expected one of 1, 2");
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

// Six convolutions 32-32-64-64-128-128 and linear layers 2048-128-128-128-128-10: weights, biases of the linear layers, and
// gamma and beta of the norms.
TEST(Build, PlainNetworksHaveTheLayersTheySay) {
  const Graph graph = build(parse_architecture("plain-6"), {32, 32, 3}, 10, 1);
  const std::int64_t convolutions = 9 * (3 * 32 + 32 * 32 + 32 * 64 + 64 * 64 + 64 * 128 + 128 * 128);
  const std::int64_t linear = 2048 * 128 + 3 * 128 * 128 + 128 * 10 + 4 * 128 + 10;
  EXPECT_EQ(parameter_count(graph), convolutions + linear + 2 * 2 * (32 + 64 + 128));
  EXPECT_EQ(error_of([] { build(parse_architecture("plain-6"), {4, 32, 3}, 10, 1); }),
            "architecture 'plain-6-w32-s1': input 4x32x3 is too small for 3 pools; expected at least 8 pixels a side");
  EXPECT_EQ(error_of([] { parse_architecture("plain-7"); }),
            "architecture 'plain-7': depth 7 of a plain network is not a multiple of 3; expected 3, 6, ... up to 24");
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

// torchvision's models (0.14): MobileNetV2 has 3,504,872 parameters and 300.8 million multiply-accumulates. Keras's
// MobileNet: 4,253,864 parameters of which 21,888 are statistics; its paper says 569 million multiply-accumulates.
TEST(Build, MobilenetsHaveTheirPublishedCounts) {
  EXPECT_EQ(counts("mobilenet-28-s2", 224, 1000).first, 4253864 - 21888);
  EXPECT_NEAR(static_cast<double>(counts("mobilenet-28-s2", 224, 1000).second), 569e6, 0.5e6);
  EXPECT_EQ(counts("mobilenetv2-53-s2", 224, 1000).first, 3504872);
  EXPECT_NEAR(static_cast<double>(counts("mobilenetv2-53-s2", 224, 1000).second), 300.8e6, 0.1e6);
}

// MLPerf Tiny's keyword spotter, in Keras: 24,908 parameters, of which 9 * 64 biases of convolutions and 9 * 2 * 64 statistics
// are not ours; 2,656,768 multiply-accumulates as counted from its TFLite file.
TEST(Build, DscnnIsTheOneOfMlperfTiny) {
  const Graph graph = build(parse_architecture("dscnn-10-s2"), {49, 10, 1}, 12, 1);
  EXPECT_EQ(parameter_count(graph), 24908 - 9 * 64 - 9 * 2 * 64);
  EXPECT_EQ(total_macs(graph), 2656768);
}

// LeNet-5 has 61,706 parameters; here batch-norm's two per channel take the place of the 22 biases of the convolutions,
// and the second convolution keeps its size, so that the first hidden layer sees 7x7 instead of 5x5 features. The
// table 2 of the paper on DenseNets: 1.0M and 7.0M parameters. VGG-11 for CIFAR: 9,231,114 with the 2,752 biases that
// batch-norm makes superfluous; VGG-16: 14,728,266 with 4,224.
TEST(Build, SmallFamiliesHaveTheirPublishedCounts) {
  EXPECT_EQ(counts("vgg-11", 32, 10).first, 9231114 - 2752);
  EXPECT_EQ(counts("vgg-16", 32, 10).first, 14728266 - 4224);
  const Graph lenet = build(parse_architecture("lenet-5"), {28, 28, 1}, 10, 1);
  EXPECT_EQ(parameter_count(lenet), 61706 - 22 + 2 * 22 + 120 * 16 * (7 * 7 - 5 * 5));
  EXPECT_NEAR(static_cast<double>(counts("densenetcifar-40", 32, 10).first), 1.0e6, 0.05e6);
  EXPECT_NEAR(static_cast<double>(counts("densenetcifar-100", 32, 10).first), 7.0e6, 0.05e6);
}

TEST(Build, EveryFamilyAcceptsOddInputs) {
  for (const char* name : {"bottleneck-11-w8", "bottleneck-14-w4-s2", "densenet-53-w4", "densenet-53-w4-s2", "densenetcifar-10-w2",
                           "vgg-8-w4-s2", "mobilenet-18-w4", "mobilenetv2-23-w4-s2", "dscnn-4-w8-s4", "lenet-5-s2", "lenet-3-w2"}) {
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
  for (const char* name : {"bottleneck-26-w16", "densenet-169-w12", "densenetcifar-22-w6", "vgg-11-w12", "mobilenet-22-w8",
                           "mobilenetv2-38-w8", "dscnn-10-w24", "lenet-5-w6"}) {
    const std::vector<Architecture> students = students_of(parse_architecture(name));
    ASSERT_GT(students.size(), 5u);
    for (const Architecture& student : students) {
      EXPECT_EQ(std::ranges::count(students, student), 1);
      EXPECT_EQ(parse_architecture(to_text(student)), student);
    }
    const auto macs = [](const Architecture& a) {
      const std::int64_t channels = a.family == "dscnn" ? 1 : 3;  // the order in that family holds for spectrograms
      return total_macs(build(a, {32, 32, channels}, 10, 1));
    };
    EXPECT_GT(macs(students.front()), macs(students.back()));
    for (std::size_t i = 1; i < students.size(); ++i) {
      // What decides the order counts no classifier and rounds no odd side.
      EXPECT_LE(static_cast<double>(macs(students[i])), 1.05 * static_cast<double>(macs(students[i - 1]))) << to_text(students[i]);
    }
  }
}

TEST(Students, TheSmallestMemberHasNone) { EXPECT_TRUE(students_of({"resnet", 8, 4, 4}).empty()); }

}  // namespace
}  // namespace mj
