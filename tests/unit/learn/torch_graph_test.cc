// SPDX-License-Identifier: Apache-2.0
#include "mj/learn/torch_graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "mj/base/error.h"
#include "mj/base/random.h"
#include "mj/ir/evaluate.h"

namespace mj {
namespace {

/// A graph under construction with random constants.
struct Builder {
  Graph graph;
  RandomStream stream;

  Builder(Shape input, std::uint64_t seed) : stream(seed) { graph.add_input("x", {DType::kF32, std::move(input), {}}); }

  ValueId random(Shape shape, double low = -1, double high = 1) {
    std::vector<float> elements(static_cast<std::size_t>(element_count(shape)));
    for (float& element : elements) element = static_cast<float>(low + (high - low) * stream.uniform());
    return graph.add_constant("c" + std::to_string(graph.values.size()), std::move(shape), elements);
  }
  ValueId add(Op op, std::vector<ValueId> inputs) {
    return graph.add_node("n" + std::to_string(graph.nodes.size()), std::move(op), std::move(inputs));
  }
  std::int64_t channels(ValueId x) const { return graph.type(x).shape.back(); }
  ValueId norm(ValueId x) {
    const std::int64_t c = channels(x);
    return add(BatchNorm{1e-3f}, {x, random({c}), random({c}), random({c}), random({c}, 0.5, 2)});
  }
};

/// The graph's output for a few random samples, by libtorch and by the reference evaluator. `tolerance` is relative to what is
/// largest where that is more than 1.
void compare(Graph graph, ValueId output, std::uint64_t seed, at::ScalarType activations = at::kFloat, double tolerance = 1e-4) {
  graph.outputs = {output};
  const TorchGraph network(graph, c10::kCPU, activations);
  const Evaluator reference(graph);
  const Type& type = graph.type(graph.inputs[0]);
  constexpr std::int64_t kSamples = 3;
  std::vector<std::int64_t> sizes{kSamples};
  sizes.insert(sizes.end(), type.shape.begin(), type.shape.end());
  const at::Tensor inputs = at::empty(sizes, at::kFloat);
  RandomStream stream(seed, 99);
  float* elements = inputs.data_ptr<float>();
  for (std::int64_t i = 0; i < inputs.numel(); ++i) elements[i] = static_cast<float>(2 * stream.normal());
  const at::Tensor found = network.logits(inputs, /*training=*/false).contiguous();
  const std::int64_t count = graph.type(output).count();
  ASSERT_EQ(found.sizes(), (std::vector<std::int64_t>{kSamples, count}));
  for (std::int64_t n = 0; n < kSamples; ++n) {
    Tensor sample = make_tensor(type);
    std::copy_n(elements + n * type.count(), type.count(), sample.as<float>().begin());
    const std::vector<Tensor> outputs = reference.run(sample);
    const auto expected = std::as_const(outputs[0]).as<float>();
    const auto magnitude = [](float x) { return std::abs(x); };
    const float largest = magnitude(std::ranges::max(expected, {}, magnitude));
    for (std::int64_t i = 0; i < count; ++i) {
      const float e = expected[static_cast<std::size_t>(i)];
      const float scale = activations == at::kFloat ? std::abs(e) : largest;
      ASSERT_NEAR(found.data_ptr<float>()[n * count + i], e, tolerance * std::max(1.0f, scale))
          << "seed " << seed << " sample " << n << " element " << i;
    }
  }
}

struct Case {
  const char* name;
  Shape input;
  std::function<ValueId(Builder&)> body;
};

std::vector<Case> cases() {
  const Shape image{7, 6, 4};
  return {
      {"conv", image,
       [](Builder& b) {
         return b.add(Conv2d{}, {0, b.random({5, 3, 2, 4})});
       }},
      {"conv_bias_stride_dilation", image,
       [](Builder& b) {
         return b.add(Conv2d{.stride = {2, 1}, .dilation = {1, 2}, .pad = {1, 2, 1, 2}, .clamp = {0, 6}},
                      {0, b.random({5, 3, 3, 4}), b.random({5})});
       }},
      {"conv_uneven_padding", image,
       [](Builder& b) {
         return b.add(Conv2d{.stride = {2, 2}, .pad = {0, 1, 2, 3}}, {0, b.random({5, 3, 3, 4})});
       }},
      {"conv_groups", image,
       [](Builder& b) {
         return b.add(Conv2d{.pad = {1, 1, 1, 1}, .groups = 2}, {0, b.random({6, 3, 3, 2})});
       }},
      {"conv_depthwise", image,
       [](Builder& b) {
         return b.add(Conv2d{.pad = {1, 1, 1, 1}, .groups = 4}, {0, b.random({8, 3, 3, 1})});
       }},
      {"conv_one_channel",
       {9, 9, 1},
       [](Builder& b) {
         return b.add(Conv2d{}, {0, b.random({3, 3, 3, 1})});
       }},
      {"conv_signal",
       {1, 20, 3},
       [](Builder& b) {
         return b.add(Conv2d{}, {0, b.random({4, 1, 5, 3})});
       }},
      {"linear",
       {9},
       [](Builder& b) {
         return b.add(Linear{{-1, kInfinity}}, {0, b.random({4, 9}), b.random({4})});
       }},
      {"linear_of_image", image,
       [](Builder& b) {
         return b.add(Linear{}, {0, b.random({3, 4})});
       }},
      {"batch_norm", image, [](Builder& b) { return b.norm(0); }},
      {"batch_norm_vector", {5}, [](Builder& b) { return b.norm(0); }},
      {"batch_norm_matrix", {3, 5}, [](Builder& b) { return b.norm(0); }},
      {"clamp", image,
       [](Builder& b) {
         return b.add(Clamp{{-0.5f, 1.5f}}, {0});
       }},
      {"clamp_above", image,
       [](Builder& b) {
         return b.add(Clamp{{-kInfinity, 1.5f}}, {0});
       }},
      {"clamp_of_clamp", image,
       [](Builder& b) {
         const ValueId y = b.add(Conv2d{.clamp = {0, kInfinity}}, {0, b.random({5, 1, 1, 4})});
         return b.add(Clamp{}, {y});
       }},
      {"leaky_relu", image, [](Builder& b) { return b.add(LeakyRelu{0.2f}, {0}); }},
      {"prelu_channel", image,
       [](Builder& b) {
         return b.add(PRelu{}, {0, b.random({4})});
       }},
      {"prelu_image", image,
       [](Builder& b) {
         return b.add(PRelu{}, {0, b.random({1, 1, 4})});
       }},
      {"hard_sigmoid", image, [](Builder& b) { return b.add(HardSigmoid{}, {0}); }},
      {"hard_swish", image, [](Builder& b) { return b.add(HardSwish{}, {0}); }},
      {"sigmoid", image, [](Builder& b) { return b.add(Sigmoid{}, {0}); }},
      {"tanh", image, [](Builder& b) { return b.add(Tanh{}, {0}); }},
      {"softmax_inside", {2, 3, 4}, [](Builder& b) { return b.add(Reshape{{24}}, {b.add(Softmax{0.7f}, {0})}); }},
      {"max_pool", image,
       [](Builder& b) {
         return b.add(MaxPool{{3, 2}, {2, 1}, {1, 1, 1, 1}, {}}, {0});
       }},
      {"max_pool_uneven", image,
       [](Builder& b) {
         return b.add(MaxPool{{3, 3}, {2, 2}, {0, 2, 1, 0}, {}}, {0});
       }},
      {"avg_pool", image,
       [](Builder& b) {
         return b.add(AvgPool{{3, 2}, {2, 1}, {0, 0, 0, 0}, false, {}}, {0});
       }},
      {"avg_pool_inside", image,
       [](Builder& b) {
         return b.add(AvgPool{{3, 3}, {2, 2}, {1, 1, 0, 1}, false, {}}, {0});
       }},
      {"avg_pool_padded", image,
       [](Builder& b) {
         return b.add(AvgPool{{3, 3}, {2, 2}, {1, 0, 1, 1}, true, {0, kInfinity}}, {0});
       }},
      {"mean", image, [](Builder& b) { return b.add(Mean{}, {0}); }},
      {"mean_kept", image,
       [](Builder& b) {
         return b.add(Mean{{0}, true}, {0});
       }},
      {"mean_of_channels", image,
       [](Builder& b) {
         return b.add(Mean{{2}, false}, {0});
       }},
      {"add_vector", image,
       [](Builder& b) {
         return b.add(Add{{0, kInfinity}}, {0, b.random({4})});
       }},
      {"sub_from_constant", image,
       [](Builder& b) {
         return b.add(Sub{}, {b.random({7, 6, 4}), 0});
       }},
      {"mul_row", image,
       [](Builder& b) {
         return b.add(Mul{}, {0, b.random({1, 6, 1})});
       }},
      {"squeeze_and_excite", image,
       [](Builder& b) {
         return b.add(Mul{}, {0, b.add(Sigmoid{}, {b.add(Mean{{0, 1}, true}, {0})})});
       }},
      {"mul_by_computed_vector", image,
       [](Builder& b) {
         return b.add(Mul{}, {0, b.add(Mean{}, {0})});
       }},
      {"concat_channels", image,
       [](Builder& b) {
         return b.add(Concat{2}, {0, b.add(Conv2d{}, {0, b.random({3, 1, 1, 4})}), 0});
       }},
      {"concat_rows", image,
       [](Builder& b) {
         return b.add(Concat{0}, {0, b.add(Clamp{}, {0})});
       }},
      {"reshape", image, [](Builder& b) { return b.add(Reshape{{168}}, {b.add(Clamp{}, {0})}); }},
      {"reshape_to_image",
       {24},
       [](Builder& b) {
         return b.add(Conv2d{}, {b.add(Reshape{{2, 3, 4}}, {0}), b.random({3, 2, 2, 4})});
       }},
      {"transpose", image,
       [](Builder& b) {
         return b.add(Transpose{{2, 0, 1}}, {0});
       }},
      {"pad", image,
       [](Builder& b) {
         return b.add(Pad{{1, 0, 2}, {0, 3, 1}, 0.5f}, {0});
       }},
      {"slice", image,
       [](Builder& b) {
         return b.add(Slice{{1, 0, 0}, {7, 6, 3}, {2, 1, 2}}, {0});
       }},
      {"residual", image,
       [](Builder& b) {
         const ValueId y = b.add(Clamp{}, {b.norm(b.add(Conv2d{.pad = {1, 1, 1, 1}}, {0, b.random({4, 3, 3, 4})}))});
         const ValueId z = b.norm(b.add(Conv2d{.pad = {1, 1, 1, 1}}, {y, b.random({4, 3, 3, 4})}));
         return b.add(Clamp{}, {b.add(Add{}, {z, b.add(Clamp{}, {0})})});
       }},
  };
}

class EveryOperator : public testing::TestWithParam<Case> {};

TEST_P(EveryOperator, AgreesWithTheReferenceEvaluator) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    Builder builder(GetParam().input, seed);
    const ValueId output = GetParam().body(builder);
    compare(builder.graph, output, seed);
  }
}

// Eight bits of mantissa: inputs, weights and every activation are off by up to 2^-9 of themselves, a product by 2^-8; sums of tens
// of products of both signs are several times smaller than what is added up.
constexpr double kBfloat16Tolerance = 1.0 / 32;

TEST_P(EveryOperator, AgreesInBfloat16) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    Builder builder(GetParam().input, seed);
    const ValueId output = GetParam().body(builder);
    compare(builder.graph, output, seed, at::kBFloat16, kBfloat16Tolerance);
  }
}

/// The sum of squares of the output, in training.
double energy(const Graph& graph, const at::Tensor& inputs) {
  const at::NoGradGuard no_gradient;
  return TorchGraph(graph, c10::kCPU).logits(inputs, /*training=*/true).to(at::kDouble).square().sum().item<double>();
}

TEST_P(EveryOperator, GradientOfItsParametersIsTheFiniteDifference) {
  Builder builder(GetParam().input, 11);
  builder.graph.outputs = {GetParam().body(builder)};
  Graph& graph = builder.graph;
  TorchGraph network(graph, c10::kCPU);
  if (network.weights().parameters().numel() == 0) return;
  std::vector<std::int64_t> sizes{4};
  sizes.insert(sizes.end(), GetParam().input.begin(), GetParam().input.end());
  const at::Tensor inputs = at::empty(sizes, at::kFloat);
  for (std::int64_t i = 0; i < inputs.numel(); ++i) {
    inputs.data_ptr<float>()[i] = static_cast<float>(builder.stream.normal());
  }
  const at::Tensor gradient = network.weights().track_gradients();
  network.logits(inputs, /*training=*/true).square().sum().backward();
  // Along the gradient itself the slope is its squared length.
  const double squared = gradient.square().sum().item<double>();
  ASSERT_GT(squared, 0);
  const double step = 1e-3 / std::sqrt(squared);
  const auto at_step = [&](double along) {
    at::Tensor moved = network.weights().all().clone();
    moved.narrow(0, 0, gradient.numel()).add_(gradient, along);
    return energy(network.weights().store(graph, moved), inputs);
  };
  const double slope = (at_step(step) - at_step(-step)) / (2 * step);
  EXPECT_NEAR(slope / squared, 1, 0.02);
}

TEST_P(EveryOperator, GradientInBfloat16IsThatInFloat32) {
  Builder builder(GetParam().input, 12);
  builder.graph.outputs = {GetParam().body(builder)};
  const Graph& graph = builder.graph;
  std::vector<std::int64_t> sizes{4};
  sizes.insert(sizes.end(), GetParam().input.begin(), GetParam().input.end());
  const at::Tensor inputs = at::empty(sizes, at::kFloat);
  for (std::int64_t i = 0; i < inputs.numel(); ++i) inputs.data_ptr<float>()[i] = static_cast<float>(builder.stream.normal());
  const auto gradient = [&](at::ScalarType activations) {
    TorchGraph network(graph, c10::kCPU, activations);
    const at::Tensor collected = network.weights().track_gradients();
    if (collected.numel() > 0) network.logits(inputs, /*training=*/true).square().sum().backward();
    return collected;
  };
  const at::Tensor exact = gradient(at::kFloat), rounded = gradient(at::kBFloat16);
  EXPECT_EQ(rounded.scalar_type(), at::kFloat);
  EXPECT_LE((rounded - exact).norm().item<double>(), 0.05 * exact.norm().item<double>());
}

INSTANTIATE_TEST_SUITE_P(Learn, EveryOperator, testing::ValuesIn(cases()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(TorchGraph, ScoresAreThoseBeforeAFinalSoftmax) {
  Builder b({6}, 1);
  const ValueId scores = b.add(Linear{}, {0, b.random({3, 6})});
  Graph without = b.graph;
  without.outputs = {scores};
  Graph with = b.graph;
  with.outputs = {with.add_node("softmax", Softmax{}, {scores})};
  const at::Tensor inputs = at::ones({2, 6});
  EXPECT_TRUE(at::equal(TorchGraph(with, c10::kCPU).logits(inputs, false),
                        TorchGraph(without, c10::kCPU).logits(inputs, false)));
}

TEST(TorchGraph, VectorsStayInFloat32) {
  Builder b({6}, 1);
  b.graph.outputs = {b.norm(b.add(Clamp{}, {b.add(Linear{}, {0, b.random({5, 6}), b.random({5})})}))};
  const at::Tensor inputs = at::rand({4, 6}, at::kFloat);
  for (const bool training : {false, true}) {
    EXPECT_TRUE(at::equal(TorchGraph(b.graph, c10::kCPU, at::kBFloat16).logits(inputs, training),
                          TorchGraph(b.graph, c10::kCPU).logits(inputs, training)));
  }
}

TEST(TorchGraph, TrainingMovesTheRunningStatistics) {
  Builder b({2, 2, 1}, 1);
  const ValueId one = b.graph.add_constant("one", {1}, std::vector<float>{1});
  const ValueId zero = b.graph.add_constant("zero", {1}, std::vector<float>{0});
  const ValueId mean = b.graph.add_constant("mean", {1}, std::vector<float>{2});
  const ValueId variance = b.graph.add_constant("variance", {1}, std::vector<float>{3});
  b.graph.outputs = {b.add(BatchNorm{}, {0, one, zero, mean, variance})};
  TorchGraph network(b.graph, c10::kCPU);
  const at::Tensor inputs = at::arange(8, at::kFloat).reshape({2, 2, 2, 1});  // mean 3.5, unbiased variance 6
  network.logits(inputs, true);
  const Graph after = network.weights().store(b.graph, network.weights().all());
  EXPECT_FLOAT_EQ(after.value(mean).data.as<float>()[0], 0.9f * 2 + 0.1f * 3.5f);
  EXPECT_FLOAT_EQ(after.value(variance).data.as<float>()[0], 0.9f * 3 + 0.1f * 6);
}

TEST(TorchGraph, OneElementPerChannelUsesRunningStatistics) {
  Builder b({3}, 1);
  b.graph.outputs = {b.norm(0)};
  TorchGraph network(b.graph, c10::kCPU);
  const at::Tensor inputs = at::ones({1, 3});
  EXPECT_TRUE(at::equal(network.logits(inputs, true), network.logits(inputs, false)));
  EXPECT_EQ(network.weights().store(b.graph, network.weights().all()), b.graph);
}

TEST(TorchGraph, StoresBackWhatItTook) {
  Builder b({7, 6, 4}, 5);
  b.graph.outputs = {b.norm(b.add(Conv2d{}, {0, b.random({5, 3, 2, 4}), b.random({5})}))};
  const TorchGraph network(b.graph, c10::kCPU);
  EXPECT_EQ(network.weights().store(b.graph, network.weights().all()), b.graph);
}

TEST(TorchGraph, RefusesIntegerNetworks) {
  Builder b({4}, 1);
  const ValueId weight = b.graph.add_constant("w", {DType::kI8, {2, 4}, Quantization{{1}, {0}}},
                                              Constant::of(std::span<const std::int8_t>(std::vector<std::int8_t>(8))));
  b.graph.outputs = {b.add(Linear{}, {0, b.random({2, 4})})};
  b.graph.nodes[0].inputs[1] = weight;
  try {
    TorchGraph(b.graph, c10::kCPU);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "value 'w' is i8; libtorch runs float networks only");
  }
}

}  // namespace
}  // namespace mj
