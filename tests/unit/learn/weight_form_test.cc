// SPDX-License-Identifier: Apache-2.0
#include "mj/learn/weight_form.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "mj/arch/architecture.h"
#include "mj/base/random.h"
#include "mj/learn/formed_weights.h"
#include "mj/learn/learn.h"
#include "mj/learn/sensitivity.h"
#include "synthetic.h"

namespace mj {
namespace {

at::Tensor random_tensor(std::vector<std::int64_t> sizes, std::uint64_t seed) {
  at::Tensor tensor = at::empty(sizes, at::kFloat);
  RandomStream random(seed);
  for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.data_ptr<float>()[i] = static_cast<float>(random.normal());
  return tensor;
}

TEST(WeightForm, DensityFallsAlongACubic) {
  EXPECT_DOUBLE_EQ(scheduled_density(0.1, 0.5, 0), 1);
  EXPECT_DOUBLE_EQ(scheduled_density(0.1, 0.5, 0.25), 0.1 + 0.9 / 8);
  EXPECT_DOUBLE_EQ(scheduled_density(0.1, 0.5, 0.5), 0.1);
  EXPECT_DOUBLE_EQ(scheduled_density(0.1, 0.5, 1), 0.1);
  EXPECT_DOUBLE_EQ(scheduled_density(0.1, 0, 0), 0.1);
  for (double t = 0; t < 0.5; t += 0.01) EXPECT_GT(scheduled_density(0.1, 0.5, t), scheduled_density(0.1, 0.5, t + 0.01));
}

TEST(WeightForm, MasksKeepTheLargestAndTheirNumber) {
  const at::Tensor weight = random_tensor({12, 3, 3, 8}, 1);
  for (const double density : {0.01, 0.1, 0.333, 0.9}) {
    const at::Tensor mask = magnitude_mask(weight, density, 1);
    EXPECT_EQ(mask.sum().item<double>(), std::round(density * 864));
    const double least_kept = weight.abs().masked_select(mask == 1).min().item<double>();
    const double largest_cut = weight.abs().masked_select(mask == 0).max().item<double>();
    EXPECT_GE(least_kept, largest_cut);
    const at::Tensor blocks = magnitude_mask(weight, density, 4).reshape({-1, 4});
    EXPECT_EQ(blocks.sum().item<double>(), 4 * std::max(1.0, std::round(density * 216)));
    EXPECT_TRUE(((blocks.sum(1) == 0) | (blocks.sum(1) == 4)).all().item<bool>());
  }
  EXPECT_EQ(magnitude_mask(weight, 1e-9, 1).sum().item<double>(), 1) << "one element always stays";
}

TEST(WeightForm, RoundsToTheGridOfItsBits) {
  const at::Tensor weight = random_tensor({7, 50}, 2);
  for (const int bits : {8, 4}) {
    const double limit = bits == 4 ? 7 : 127;
    const at::Tensor rounded = rounded_to_bits(weight, bits);
    const at::Tensor step = rounded.abs().amax(1, true) / limit;  // as the quantiser will take it from the result
    const at::Tensor steps = rounded / step;
    EXPECT_LT((steps - at::round(steps)).abs().max().item<double>(), 1e-4);
    EXPECT_LE(steps.abs().max().item<double>(), limit + 1e-4);
    EXPECT_LT((rounded_to_bits(rounded, bits) - rounded).abs().max().item<double>(), 1e-6) << "once is enough";
    // No worse than the grid whose ends are the largest element.
    const at::Tensor plain_step = weight.abs().amax(1, true) / limit;
    const at::Tensor plain = at::round(weight / plain_step) * plain_step;
    EXPECT_LE((rounded - weight).square().sum().item<double>(), (plain - weight).square().sum().item<double>() * 1.000001);
  }
  EXPECT_EQ(rounded_to_bits(at::zeros({2, 3}), 4).abs().sum().item<double>(), 0);
  // One step for all is that of one long row.
  for (const int bits : {8, 4}) {
    EXPECT_TRUE(rounded_to_bits(weight, bits, true).reshape({1, 350}).equal(rounded_to_bits(weight.reshape({1, 350}), bits)));
  }
}

/// A linear layer of six rows with a batch-norm behind it; its weight is value 1.
Graph normalised_layer(const at::Tensor& weight, const std::vector<float>& variance) {
  Graph graph;
  graph.add_input("x", {DType::kF32, {weight.size(1)}, {}});
  const std::size_t rows = static_cast<std::size_t>(weight.size(0));
  const auto constant = [&](const char* name, std::vector<float> elements) {
    return graph.add_constant(name, {static_cast<std::int64_t>(elements.size())}, elements);
  };
  const ValueId w = graph.add_constant("w", {weight.size(0), weight.size(1)},
                                       std::vector<float>(weight.data_ptr<float>(), weight.data_ptr<float>() + weight.numel()));
  const std::vector<float> zeros(rows, 0), ones(rows, 1);
  const ValueId y = graph.add_node("linear", Linear{}, {0, w});
  graph.outputs = {graph.add_node("norm", BatchNorm{1e-5f},
                                  {y, constant("gamma", ones), constant("beta", zeros), constant("mean", zeros), constant("variance", variance)})};
  return graph;
}

std::vector<float> formed(const Graph& graph, const WeightForm& form) {
  const Graph result = with_forms(graph, {{form}, 0, 0});
  const auto elements = result.value(form.weight).data.as<float>();
  return {elements.begin(), elements.end()};
}

TEST(WeightForm, BehindABatchNormTheSizeOfARowMeansNothing) {
  const at::Tensor weight = random_tensor({6, 20}, 3);
  at::Tensor grown = weight.clone();
  grown[2] *= 1e6;
  const std::vector<float> ones(6, 1);
  const WeightForm half{1, 0.5, 1, 0, false, {}};
  const std::vector<float> before = formed(normalised_layer(weight, ones), half), after = formed(normalised_layer(grown, ones), half);
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_EQ(before[i] == 0, after[i] == 0) << i;
}

TEST(WeightForm, ARowThatIsNotInUseDoesNotSetTheStepOfTheOthers) {
  at::Tensor weight = random_tensor({6, 20}, 4);
  weight[0][0].fill_(5);  // the largest of all
  weight[2].fill_(0.1);  // of no weight in the choice of a step, but 31 where there is no variance
  std::vector<float> variance(6, 1);
  for (const int bits : {8, 4}) {
    const WeightForm one_step{1, 1, 1, bits, true, {}};
    variance[2] = 1;
    const std::vector<float> used = formed(normalised_layer(weight, variance), one_step);
    variance[2] = 0;
    const std::vector<float> unused = formed(normalised_layer(weight, variance), one_step);
    for (std::size_t i = 0; i < used.size(); ++i) {
      if (i / 20 == 2) {
        EXPECT_LE(std::abs(unused[i]), 5.1 * std::sqrt(1e-5)) << "folded, at most as large as the largest";
      } else {
        EXPECT_EQ(unused[i], used[i]) << i;
      }
    }
  }
}

class FormedTraining : public testing::Test {
 protected:
  // One a test: ctest runs several at a time.
  FormedTraining()
      : folder_(std::filesystem::path(testing::TempDir()) /
                (std::string("mj_formed_training_") + testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(folder_);
  }
  ~FormedTraining() override { std::filesystem::remove_all(folder_); }

  static Graph network() {
    Graph graph = build(parse_architecture("resnet-8-w4-s2"), {12, 12, 1}, 4, 1);
    graph.preprocess = {1 / 255.0f, {0.5f}, {0.25f}};
    return graph;
  }
  static TrainOptions options(const Graph& graph) {
    TrainOptions options;
    options.epochs = 4;
    options.batch = 32;
    options.device = Device::kCpu;
    options.warmup_epochs = 0.5;
    for (const Node& node : graph.nodes) {
      if (!std::holds_alternative<Conv2d>(node.op)) continue;
      options.forms.weights.push_back({node.inputs[1], 0.3, 1, options.forms.weights.size() % 2 ? 4 : 8, false, {}});
    }
    return options;
  }

  const std::filesystem::path folder_;
  const Samples train_ = gratings(500, 4, 12, 1), validation_ = gratings(200, 4, 12, 2);
};

TEST_F(FormedTraining, EndsInTheFormsAndLearns) {
  const Graph graph = network();
  const TrainOptions asked = options(graph);
  const TrainResult result = train(graph, train_, validation_, asked, {}, silent_progress());
  EXPECT_GT(result.validation_accuracy, 0.6);
  EXPECT_EQ(accuracy(logits(result.graph, validation_, Device::kCpu), validation_.labels, 4), result.validation_accuracy);
  EXPECT_EQ(with_forms(result.shadow, asked.forms), result.graph);
  for (const WeightForm& form : asked.forms.weights) {
    const auto formed = result.graph.value(form.weight).data.as<float>(), dense = result.shadow.value(form.weight).data.as<float>();
    const auto zeros = std::ranges::count(formed, 0.0f);
    EXPECT_GE(zeros, std::llround(0.7 * static_cast<double>(formed.size())) - 1);
    EXPECT_EQ(std::ranges::count(dense, 0.0f), 0) << "the dense copy stays dense";
  }
}

// Rows that outgrew each other left weights of 7e7 here, and of 1e33 where training was longer. What few elements leave unused
// still grows, but not with itself.
TEST_F(FormedTraining, RowsDoNotOutgrowEachOther) {
  const Graph graph = network();
  TrainOptions asked = options(graph);
  asked.epochs = 12;
  asked.forms.sparse_until = 0.3;
  for (WeightForm& form : asked.forms.weights) form.density = 0.05, form.bits = 4, form.per_tensor = true;
  const Graph shadow = train(graph, train_, validation_, asked, {}, silent_progress()).shadow;
  for (const WeightForm& form : asked.forms.weights) {
    for (const float x : shadow.value(form.weight).data.as<float>()) ASSERT_LT(std::abs(x), 1e5) << shadow.value(form.weight).name;
  }
}

TEST_F(FormedTraining, FixedZerosStayZero) {
  const Graph graph = network();
  TrainOptions asked = options(graph);
  asked.forms.quantized_from = 0;
  RandomStream random(5);
  for (WeightForm& form : asked.forms.weights) {
    for (std::int64_t i = 0; i < graph.type(form.weight).count(); ++i) form.kept.push_back(random.uniform() < 0.5);
  }
  const TrainResult result = train(graph, train_, validation_, asked, {}, silent_progress());
  for (const WeightForm& form : asked.forms.weights) {
    const auto formed = result.graph.value(form.weight).data.as<float>();
    for (std::size_t i = 0; i < formed.size(); ++i) {
      if (!form.kept[i]) {
        EXPECT_EQ(formed[i], 0);
      }
    }
  }
}

TEST_F(FormedTraining, InterruptedItEndsWithTheSameBytes) {
  const Graph graph = network();
  const TrainOptions straight = options(graph);
  const TrainResult expected = train(graph, train_, validation_, straight, {}, silent_progress());
  TrainOptions interrupted = straight;
  interrupted.checkpoint = folder_ / "checkpoint";
  interrupted.checkpoint_seconds = 0;
  int interruptions = 0;
  std::optional<TrainResult> found;
  for (std::int64_t stop = 300; !found; stop += 300) {
    StopAfter progress(stop);
    try {
      found = train(graph, train_, validation_, interrupted, {}, progress);
    } catch (const StopAfter::Stop&) {
      ++interruptions;
    }
  }
  EXPECT_GE(interruptions, 3);
  EXPECT_EQ(found->graph, expected.graph);
  EXPECT_EQ(found->shadow, expected.shadow);

  TrainOptions denser = interrupted;
  denser.forms.weights[0].density = 0.5;
  RecordingProgress progress;
  train(graph, train_, validation_, denser, {}, progress);
  EXPECT_EQ(progress.warnings.size(), 1u) << "another form is another job";
}

// With one sample, one draw and one layer the Fisher information has a closed form: a linear layer z = W x has the
// gradient (p - y) x^T.
TEST(Sensitivity, OfALinearLayerIsTheSquareOfItsGradient) {
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::kF32, {1, 1, 3}, {}});
  const std::vector<float> w{0.5f, -1, 2, 1, 0.25f, -0.5f};
  const ValueId weight = graph.add_constant("w", {2, 3}, w);
  graph.outputs = {graph.add_node("flat", Reshape{{3}}, {x})};
  graph.outputs = {graph.add_node("fc", Linear{}, {graph.outputs[0], weight})};
  Samples one;
  one.shape = {1, 1, 3};
  const std::vector<float> input{1, 2, -1};
  one.elements = input;
  one.labels = {0};
  const Sensitivity found = fisher_information(graph, one, 1, 3, Device::kCpu, silent_progress());
  const double z0 = 0.5 - 2 - 2, z1 = 1 + 0.5 + 0.5;
  const double p0 = 1 / (1 + std::exp(z1 - z0));
  // Whichever label was drawn, both rows have the same gradient but for its sign.
  const double g = found.weight.at(weight)[0] > p0 * p0 * 1.5 ? 1 - p0 : p0;
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(found.weight.at(weight)[i], g * g * input[i % 3] * input[i % 3], 1e-5);
}

}  // namespace
}  // namespace mj
