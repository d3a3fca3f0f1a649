// SPDX-License-Identifier: Apache-2.0
// Everything that trains, on CUDA and on the processor: the same to the accuracy of sums in another order.
#include <ATen/Context.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "mj/arch/architecture.h"
#include "mj/ir/cost.h"
#include "mj/learn/exits.h"
#include "mj/learn/learn.h"
#include "mj/learn/sensitivity.h"
#include "synthetic.h"

namespace mj {
namespace {

constexpr std::int64_t kClasses = 4;

class Cuda : public testing::Test {
 protected:
  void SetUp() override {
    if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device, and this libtorch takes no stand-in";
    std::filesystem::remove_all(folder_);
    options_.epochs = 2;
    options_.batch = 32;
    options_.learning_rate = 0.02;
    options_.warmup_epochs = 0.5;
    options_.augment = {1, true, 2};
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static Graph network(int width, std::uint64_t seed = 1) {
    Graph graph = build({"resnet", 8, width, 1}, {12, 12, 1}, kClasses, seed);
    graph.preprocess = {1 / 255.0f, {0.5f}, {0.25f}};
    return graph;
  }
  static void expect_near(const std::vector<double>& found, const std::vector<double>& expected, double share) {
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], share * std::abs(expected[i])) << i;
  }
  static void expect_near(const std::vector<float>& found, const std::vector<float>& expected, double share) {
    ASSERT_EQ(found.size(), expected.size());
    const double largest = std::abs(*std::ranges::max_element(expected, {}, [](float x) { return std::abs(x); }));
    double worst = 0;
    for (std::size_t i = 0; i < found.size(); ++i) worst = std::max(worst, std::abs(double{found[i]} - expected[i]));
    EXPECT_LE(worst, share * largest);
  }
  /// Trains on both; losses and what the trained networks say are the same but for `share`.
  void compare(const TrainOptions& wanted, const std::optional<Distillation>& distillation, double share = 1e-3) const {
    TrainOptions options = wanted;
    options.device = Device::kCpu;
    const TrainResult expected = train(network(8), train_, validation_, options, distillation, silent_progress());
    options.device = Device::kCuda;
    const TrainResult found = train(network(8), train_, validation_, options, distillation, silent_progress());
    expect_near(found.epoch_loss, expected.epoch_loss, share);
    expect_near(logits(found.graph, validation_, Device::kCuda), logits(expected.graph, validation_, Device::kCpu), 10 * share);
    EXPECT_LT(expected.epoch_loss.back(), expected.epoch_loss.front());
  }

  const std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) /
      (std::string("mj_cuda_") + testing::UnitTest::GetInstance()->current_test_info()->name());
  const Samples train_ = gratings(333, kClasses, 12, 1);
  const Samples validation_ = gratings(100, kClasses, 12, 2);
  TrainOptions options_;
};

TEST_F(Cuda, TrainsOnLabels) {
  options_.label_smoothing = 0.1;
  compare(options_, {});
  options_.ema_decay = 0.9;
  compare(options_, {});
}

TEST_F(Cuda, TrainsInBfloat16) {
  options_.precision = Precision::kBfloat16;
  compare(options_, {}, 2e-2);
}

TEST_F(Cuda, LearnsFromATeacherForEveryObjective) {
  const Graph teacher = network(16, 7);
  for (const Objective objective : {Objective::kPlain, Objective::kStandardised, Objective::kDecoupled}) {
    SCOPED_TRACE(static_cast<int>(objective));
    Distillation distillation{&teacher, 2, 0.5};
    distillation.objective = objective;
    compare(options_, distillation);
  }
  Graph otherwise = teacher;  // its preprocessing is not the student's
  otherwise.preprocess = {1 / 128.0f, {1}, {1}};
  compare(options_, Distillation{&otherwise, 2, 0.5});
}

TEST_F(Cuda, LessonsAreThoseOfTheProcessor) {
  const Graph teacher = network(16, 7);
  options_.views = 2;
  options_.device = Device::kCpu;
  const Lessons expected = teach(teacher, train_, options_, silent_progress());
  options_.device = Device::kCuda;
  const Lessons found = teach(teacher, train_, options_, silent_progress());
  expect_near(found.logits, expected.logits, 1e-4);
  Distillation distillation{&teacher, 2, 0.5};
  distillation.lessons = &expected;
  compare(options_, distillation);
}

TEST_F(Cuda, TrainsWeightsInTheirForms) {
  const Graph graph = network(8);
  int formed = 0;
  for (const Node& node : graph.nodes) {
    if (!std::holds_alternative<Conv2d>(node.op) && !std::holds_alternative<Linear>(node.op)) continue;
    WeightForm form{node.inputs[1], 0.5, formed % 2 ? 4 : 1, formed % 3 ? 4 : 8, formed % 2 == 1};
    if (formed % 4 == 3) {
      form.kept.assign(static_cast<std::size_t>(graph.type(form.weight).count()), 1);
      for (std::size_t i = 0; i < form.kept.size(); i += 3) form.kept[i] = 0;
    }
    options_.forms.weights.push_back(form);
    ++formed;
  }
  // Which elements are cut hangs on the last bit of some, so that the two trainings part.
  compare(options_, {}, 2e-2);
}

TEST_F(Cuda, ResumesToTheSameBytes) {
  options_.device = Device::kCuda;
  options_.checkpoint_seconds = 0;
  options_.ema_decay = 0.9;
  const TrainResult whole = train(network(8), train_, validation_, options_, {}, silent_progress());
  options_.checkpoint = folder_ / "train.checkpoint";
  StopAfter stop(400);
  EXPECT_THROW(train(network(8), train_, validation_, options_, {}, stop), StopAfter::Stop);
  RecordingProgress progress;
  const TrainResult resumed = train(network(8), train_, validation_, options_, {}, progress);
  EXPECT_EQ(resumed.graph, whole.graph);
  EXPECT_EQ(resumed.epoch_loss, whole.epoch_loss);
  EXPECT_GE(progress.updates.front(), 400);

  // Gone on with elsewhere, it says so.
  std::filesystem::remove(options_.checkpoint);
  StopAfter again(400);
  EXPECT_THROW(train(network(8), train_, validation_, options_, {}, again), StopAfter::Stop);
  options_.device = Device::kCpu;
  RecordingProgress elsewhere;
  expect_near(train(network(8), train_, validation_, options_, {}, elsewhere).epoch_loss, whole.epoch_loss, 1e-3);
  ASSERT_EQ(elsewhere.warnings.size(), 1u);
  EXPECT_NE(elsewhere.warnings[0].find("on cuda; the result will differ in its last bits"), std::string::npos) << elsewhere.warnings[0];
}

TEST_F(Cuda, StopsWhereTrainingDiverges) {
  options_.device = Device::kCuda;
  options_.learning_rate = 1e20;
  try {
    train(network(8), train_, validation_, options_, {}, silent_progress());
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("training diverged"), std::string::npos) << error.what();
  }
}

TEST_F(Cuda, MeasuresSensitivity) {
  const Sensitivity expected = fisher_information(network(8), train_, 64, 1, Device::kCpu, silent_progress());
  const Sensitivity found = fisher_information(network(8), train_, 64, 1, Device::kCuda, silent_progress());
  ASSERT_EQ(found.weight.size(), expected.weight.size());
  for (const auto& [id, numbers] : expected.weight) expect_near(found.weight.at(id), numbers, 1e-3);
  for (const auto& [id, numbers] : expected.channel) expect_near(found.channel.at(id), numbers, 1e-3);
}

TEST_F(Cuda, TrainsAnExitHead) {
  const Graph frozen = network(8);
  const auto exits = block_boundaries(frozen, [](const Graph& graph) { return static_cast<double>(total_macs(graph)); });
  const auto on = [&](Device device, Features& rows) {
    TrainOptions views = options_;
    views.device = device;
    const Graph features = feature_network(frozen, exits, {});
    rows = collect_features(features, train_, 2, views, {}, 1 << 30, silent_progress());
    HeadTraining training;
    training.epochs = 3;
    training.batch = 32;
    training.device = device;
    return train_head(make_head(frozen, exits, {}, 1), rows, train_.labels,
                      collect_features(features, validation_, 1, views, {}, 1 << 30, silent_progress()), validation_.labels,
                      training, silent_progress());
  };
  Features expected_rows, found_rows;
  const HeadResult expected = on(Device::kCpu, expected_rows), found = on(Device::kCuda, found_rows);
  expect_near(own_logits(found_rows, kClasses), own_logits(expected_rows, kClasses), 2e-3);  // kept in half precision
  expect_near(found.loss, expected.loss, 1e-2);
  for (std::size_t k = 0; k < exits.size(); ++k) expect_near(found.validation_logits[k], expected.validation_logits[k], 5e-2);
}

TEST_F(Cuda, AsksEveryOutput) {
  const auto expected = all_outputs(network(8), validation_, Device::kCpu, silent_progress());
  const auto found = all_outputs(network(8), validation_, Device::kCuda, silent_progress());
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t k = 0; k < found.size(); ++k) expect_near(found[k], expected[k], 1e-4);
}

}  // namespace
}  // namespace mj
