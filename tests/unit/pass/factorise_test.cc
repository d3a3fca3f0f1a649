// SPDX-License-Identifier: Apache-2.0
#include "mj/pass/factorise.h"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "mj/base/random.h"
#include "random_graph.h"

namespace mj {
namespace {

std::vector<float> random_weight(const Shape& shape, std::uint64_t seed) {
  RandomStream random(seed);
  std::vector<float> weight(static_cast<std::size_t>(element_count(shape)));
  for (float& w : weight) w = static_cast<float>(random.normal());
  return weight;
}

double distance(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum);
}

TEST(Factors, OfFullRankMultiplyToTheWeight) {
  for (const Shape& shape : {Shape{5, 9}, Shape{9, 5}, Shape{6, 3, 3, 4}, Shape{4, 1, 5, 7}}) {
    const std::vector<float> weight = random_weight(shape, 1);
    const Ranks full = shape.size() == 2 ? Ranks{std::min(shape[0], shape[1]), 0} : Ranks{shape[3], shape[0]};
    EXPECT_LT(distance(product_of(factors_of(weight, shape, full)), weight), 1e-4) << shape_text(shape);
  }
}

// Eckart and Young: the best approximation of rank r leaves the root of the sum of the squared singular values behind it.
TEST(Factors, OfAMatrixLeaveWhatTheSingularValuesSay) {
  const Shape shape{12, 20};
  const std::vector<float> weight = random_weight(shape, 2);
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::JacobiSVD<Matrix> svd(Eigen::Map<const Matrix>(weight.data(), 12, 20));
  for (std::int64_t rank = 1; rank < 12; ++rank) {
    const double expected = svd.singularValues().tail(12 - rank).norm();
    EXPECT_NEAR(distance(product_of(factors_of(weight, shape, {rank, 0})), weight), expected, 1e-4) << "rank " << rank;
  }
}

// A weight that has low ranks is reproduced by them.
TEST(Factors, FindTheRanksAConvolutionHas) {
  const std::vector<Factor> made{{{8, 1, 1, 3}, random_weight({8, 3}, 3)},
                                 {{3, 3, 3, 2}, random_weight({3, 3, 3, 2}, 4)},
                                 {{2, 1, 1, 6}, random_weight({2, 6}, 5)}};
  const std::vector<float> weight = product_of(made);
  const Shape shape{8, 3, 3, 6};
  EXPECT_LT(distance(product_of(factors_of(weight, shape, {2, 3})), weight), 1e-3);
  EXPECT_GT(distance(product_of(factors_of(weight, shape, {1, 3})), weight), 0.1);
  EXPECT_GT(distance(product_of(factors_of(weight, shape, {2, 2})), weight), 0.1);
}

TEST(Factors, AreSmallerBelowThePublishedBounds) {
  EXPECT_TRUE(factors_are_smaller({128, 2048}, {120, 0}));   // 128 * 2048 / 2176 = 120.5
  EXPECT_FALSE(factors_are_smaller({128, 2048}, {121, 0}));
  EXPECT_TRUE(factors_are_smaller({64, 3, 3, 32}, {16, 32}));    // 32*16 + 9*16*32 + 32*64 = 7168 < 18432
  EXPECT_FALSE(factors_are_smaller({64, 3, 3, 32}, {32, 64}));
  EXPECT_FALSE(factors_are_smaller({16, 1, 1, 16}, {8, 8}));
}

TEST(Factorise, AtFullRankComputesTheSame) {
  Graph graph;
  ValueId x = graph.add_input("x", {DType::kF32, {7, 6, 5}, {}});
  const ValueId bias = test::normal_constant(graph, "b", {8}, 11);
  x = graph.add_node("conv", Conv2d{.stride = {2, 1}, .pad = {1, 0, 1, 2}, .clamp = {0, 6}},
                     {x, test::normal_constant(graph, "w", {8, 3, 2, 5}, 12, 0.3), bias});
  x = graph.add_node("flat", Reshape{{graph.type(x).count()}}, {x});
  x = graph.add_node("fc", Linear{}, {x, test::normal_constant(graph, "v", {4, graph.type(x).count()}, 13, 0.1)});
  graph.outputs = {x};
  const Graph conv = factorise(graph, "conv", {5, 8});
  EXPECT_EQ(conv.nodes.size(), graph.nodes.size() + 2);
  test::expect_same_outputs(graph, conv, 1);
  const Graph both = factorise(conv, "fc", {4, 0});
  EXPECT_EQ(both.nodes.size(), graph.nodes.size() + 3);
  test::expect_same_outputs(graph, both, 2);
  // All but the last factor of each ask for one scale.
  std::vector<bool> per_tensor;
  for (const Node& node : both.nodes) {
    if (node.inputs.size() > 1) per_tensor.push_back(both.value(node.inputs[1]).encoding.per_tensor);
  }
  EXPECT_EQ(per_tensor, (std::vector<bool>{true, true, false, true, false}));
}

// The scale of a channel between two factors is free: neither holds all of it.
TEST(Factors, ShareWhatScalesAChannel) {
  std::vector<Factor> made{{{8, 1, 1, 3}, random_weight({8, 3}, 3)},
                           {{3, 3, 3, 2}, random_weight({3, 3, 3, 2}, 4)},
                           {{2, 1, 1, 6}, random_weight({2, 6}, 5)}};
  const float sizes[] = {1, 10, 100};
  for (std::size_t i = 0; i < made[1].elements.size(); ++i) made[1].elements[i] *= sizes[i / 18];
  const std::vector<Factor> found = factors_of(product_of(made), {8, 3, 3, 6}, {2, 3});
  const auto spread = [](const std::vector<double>& squares) {
    const auto [least, most] = std::minmax_element(squares.begin(), squares.end());
    return std::sqrt(*most / *least);
  };
  std::vector<double> core(3, 0), last(3, 0);
  for (std::size_t i = 0; i < found[1].elements.size(); ++i) core[i / 18] += found[1].elements[i] * found[1].elements[i];
  for (std::size_t i = 0; i < found[0].elements.size(); ++i) last[i % 3] += found[0].elements[i] * found[0].elements[i];
  EXPECT_GT(spread(core), 4);
  EXPECT_LT(spread(core), 25) << "of about 100";
  EXPECT_GT(spread(last), 4);
  EXPECT_LT(spread(last), 25);
}

}  // namespace
}  // namespace mj
