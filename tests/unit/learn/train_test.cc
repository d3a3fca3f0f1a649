// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "mj/arch/architecture.h"
#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/parallel.h"
#include "mj/ir/cost.h"
#include "mj/ir/evaluate.h"
#include "mj/learn/checkpoint.h"
#include "mj/learn/learn.h"
#include "tests/unit/error_of.h"
#include "gratings_network.h"
#include "synthetic.h"

namespace mj {
namespace {

TrainOptions training_options(int epochs) {
  TrainOptions options;
  options.epochs = epochs;
  options.batch = 32;
  options.warmup_epochs = 0.5;
  options.augment = {1, false, 2};
  options.device = Device::kCpu;
  return options;
}

class Train : public testing::Test {
 protected:
  Train()
      : folder_(std::filesystem::path(testing::TempDir()) /
                (std::string("mj_train_") + testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(folder_);
  }
  ~Train() override { std::filesystem::remove_all(folder_); }

  const std::filesystem::path folder_;
  const Samples train_ = gratings(333, kClasses, 12, 1);  // the last batch is smaller
  const Samples validation_ = gratings(200, kClasses, 12, 2);
};

TEST_F(Train, LearnsWhatALinearClassifierCannot) {
  const Samples samples = gratings(1600, kClasses, 12, 3);
  RecordingProgress progress;
  const TrainResult result = train(gratings_network(4), samples, validation_, training_options(6), {}, progress);
  EXPECT_GE(result.validation_accuracy, 0.97);
  EXPECT_LT(result.epoch_loss.back(), 0.5 * result.epoch_loss.front());
  ASSERT_EQ(result.epoch_accuracy.size(), 6u);
  EXPECT_EQ(result.epoch_accuracy.back(), result.validation_accuracy);
  EXPECT_EQ(result.images, 6 * 1600);
  EXPECT_EQ(result.macs, 6 * 1600 * 3 * total_macs(gratings_network(4)));
  EXPECT_EQ(progress.total_, 6 * 1600);
  EXPECT_EQ(progress.updates.back(), 6 * 1600);
  EXPECT_TRUE(std::ranges::is_sorted(progress.updates));

  // The weights that are returned have the accuracy that was printed, judged by the reference evaluator too.
  const std::vector<float> scores = logits(result.graph, validation_, Device::kCpu);
  EXPECT_EQ(accuracy(scores, validation_.labels, kClasses), result.validation_accuracy);
  const Evaluator reference(result.graph);
  for (std::int64_t i = 0; i < 20; ++i) {
    const std::vector<Tensor> outputs = reference.run(input_tensor(result.graph, validation_.sample(i)));
    const auto expected = outputs[0].as<float>();
    for (std::int64_t c = 0; c < kClasses; ++c) {
      ASSERT_NEAR(scores[static_cast<std::size_t>(i * kClasses + c)], expected[static_cast<std::size_t>(c)], 1e-3);
    }
  }
}

TEST_F(Train, TheSameOptionsGiveTheSameBytes) {
  const auto trained = [&](std::uint64_t seed) {
    TrainOptions with_seed = training_options(1);
    with_seed.seed = seed;
    return train(gratings_network(4), train_, validation_, with_seed, {}, silent_progress());
  };
  for (int count : {1, 2}) {
    set_threads(count);
    const TrainResult once = trained(1), again = trained(1);
    EXPECT_EQ(once.graph, again.graph) << count << " threads";
    EXPECT_EQ(once.epoch_loss, again.epoch_loss) << count << " threads";
    EXPECT_NE(once.graph, trained(2).graph);
  }
  set_threads(1);
}

TEST_F(Train, InBfloat16ItLearnsAsWellToOtherWeights) {
  const Samples samples = gratings(1600, kClasses, 12, 3);
  TrainOptions rounded = training_options(6);
  rounded.precision = Precision::kBfloat16;
  const TrainResult found = train(gratings_network(4), samples, validation_, rounded, {}, silent_progress());
  EXPECT_GE(found.validation_accuracy, 0.97);
  EXPECT_EQ(found.graph, train(gratings_network(4), samples, validation_, rounded, {}, silent_progress()).graph);
  // What is printed is the accuracy in float32.
  EXPECT_EQ(accuracy(logits(found.graph, validation_, Device::kCpu), validation_.labels, kClasses), found.validation_accuracy);
  const TrainResult exact = train(gratings_network(4), samples, validation_, training_options(6), {}, silent_progress());
  EXPECT_NE(found.graph, exact.graph);
  EXPECT_NEAR(found.epoch_loss.front(), exact.epoch_loss.front(), 0.1 * exact.epoch_loss.front());
}

TEST_F(Train, ACheckpointOfAnotherPrecisionIsNotContinued) {
  TrainOptions first = training_options(1);
  first.checkpoint = folder_ / "checkpoint";
  train(gratings_network(4), train_, validation_, first, {}, silent_progress());
  first.precision = Precision::kBfloat16;
  RecordingProgress progress;
  train(gratings_network(4), train_, validation_, first, {}, progress);
  ASSERT_FALSE(progress.warnings.empty());
  EXPECT_EQ(progress.warnings.back(), first.checkpoint.string() + ": made with other options, network or data; training starts anew");
}

// oneDNN 2.6 corrupts the heap in the projections of such networks; where it does, this ends the program.
TEST_F(Train, ThinNetworksAndOddBatchesOnTwoThreads) {
  set_threads(2);
  TrainOptions odd = training_options(4);
  odd.batch = 33;
  EXPECT_GT(train(gratings_network(8), train_, validation_, odd, {}, silent_progress()).validation_accuracy, 0.5);
  set_threads(1);
}

TEST_F(Train, OnlyWeightsChange) {
  const Graph before = gratings_network(4);
  Graph after = train(before, train_, validation_, training_options(1), {}, silent_progress()).graph;
  EXPECT_NE(after, before);
  for (std::size_t v = 0; v < before.values.size(); ++v) after.values[v].data = before.values[v].data;
  EXPECT_EQ(after, before);
}

/// Interrupts a training after every `images` images, again and again, until it ends.
TrainResult train_with_interruptions(const Samples& samples, const Samples& validation, const TrainOptions& options,
                                     const std::optional<Distillation>& distillation, std::int64_t images,
                                     int* interruptions) {
  for (std::int64_t stop = images;; stop += images) {
    StopAfter progress(stop);
    try {
      return train(gratings_network(4), samples, validation, options, distillation, progress);
    } catch (const StopAfter::Stop&) {
      ++*interruptions;
    }
  }
}

TEST_F(Train, InterruptedAnywhereItEndsWithTheSameBytes) {
  const Graph teacher = gratings_network(8, 3);
  for (const bool distilled : {false, true}) {
    for (const double every_seconds : {0.0, 1e9}) {  // a checkpoint after every step, or at the end of epochs only
      TrainOptions straight = training_options(3);
      straight.ema_decay = distilled ? 0.9 : 0;
      std::optional<Distillation> distillation;
      if (distilled) distillation = Distillation{&teacher, 4, 0.7};
      const TrainResult expected = train(gratings_network(4), train_, validation_, straight, distillation, silent_progress());
      TrainOptions interrupted = straight;
      interrupted.checkpoint = folder_ / (distilled ? "d" : "p") / std::to_string(every_seconds);
      interrupted.checkpoint_seconds = every_seconds;
      int interruptions = 0;
      const TrainResult found =
          train_with_interruptions(train_, validation_, interrupted, distillation, 150, &interruptions);
      EXPECT_GE(interruptions, 5);
      EXPECT_EQ(found.graph, expected.graph);
      EXPECT_EQ(found.epoch_loss, expected.epoch_loss);
      EXPECT_EQ(found.epoch_accuracy, expected.epoch_accuracy);
      EXPECT_EQ(found.macs, expected.macs);
      // What is finished is not trained again.
      StopAfter nothing(0);
      EXPECT_EQ(train(gratings_network(4), train_, validation_, interrupted, distillation, nothing).graph, expected.graph);
    }
  }
}

TEST_F(Train, ACheckpointOfOtherWorkIsNotContinued) {
  TrainOptions first = training_options(1);
  first.checkpoint = folder_ / "checkpoint";
  train(gratings_network(4), train_, validation_, first, {}, silent_progress());
  TrainOptions second = first;
  second.learning_rate *= 2;
  RecordingProgress progress;
  const Graph found = train(gratings_network(4), train_, validation_, second, {}, progress).graph;
  EXPECT_EQ(progress.warnings, (std::vector<std::string>{first.checkpoint.string() +
                                                         ": made with other options, network or data; training starts "
                                                         "anew"}));
  second.checkpoint.clear();
  EXPECT_EQ(train(gratings_network(4), train_, validation_, second, {}, silent_progress()).graph, found);

  write_file(first.checkpoint, std::string_view("my thesis"));
  EXPECT_EQ(
      error_of([&] { train(gratings_network(4), train_, validation_, first, {}, silent_progress()); }),
      first.checkpoint.string() + ": not a checkpoint of a training; expected a file that millijoule wrote, or none");
  EXPECT_EQ(read_text(first.checkpoint), "my thesis");
}

TEST_F(Train, DivergenceNamesTheStepAndKeepsTheLastGoodCheckpoint) {
  TrainOptions bad = training_options(3);
  bad.learning_rate = 1e30;
  bad.warmup_epochs = 0;
  bad.checkpoint = folder_ / "checkpoint";
  bad.checkpoint_seconds = 0;
  const std::string message = error_of([&] { train(gratings_network(4), train_, validation_, bad, {}, silent_progress()); });
  EXPECT_TRUE(message.starts_with("training diverged: ")) << message;
  EXPECT_TRUE(message.find(" at step ") != std::string::npos) << message;
  EXPECT_TRUE(message.ends_with(" of 33 (epoch 1); a lower learning rate may help")) << message;
  const std::optional<Checkpoint> kept = read_checkpoint(bad.checkpoint);
  if (kept) {
    for (float weight : kept->weights) ASSERT_TRUE(std::isfinite(weight));
  }
}

TEST_F(Train, AFullDiskIsAClearError) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  TrainOptions full = training_options(1);
  full.checkpoint = "/dev/full/checkpoint";
  const std::string message = error_of([&] { train(gratings_network(4), train_, validation_, full, {}, silent_progress()); });
  EXPECT_TRUE(message.starts_with("/dev/full")) << message;
}

TEST_F(Train, DistillationBringsTheStudentCloserToTheTeacher) {
  const TrainResult teacher = train(gratings_network(8, 5), train_, validation_, training_options(10), {}, silent_progress());
  const auto distance = [&](const Graph& student) {
    const std::vector<float> a = logits(student, validation_, Device::kCpu);
    const std::vector<float> b = logits(teacher.graph, validation_, Device::kCpu);
    double sum = 0;
    for (std::int64_t i = 0; i < validation_.size(); ++i) {
      // Logits count up to a constant.
      double mean = 0;
      for (std::int64_t c = 0; c < kClasses; ++c) {
        const auto k = static_cast<std::size_t>(i * kClasses + c);
        mean += (a[k] - b[k]) / kClasses;
      }
      for (std::int64_t c = 0; c < kClasses; ++c) {
        const auto k = static_cast<std::size_t>(i * kClasses + c);
        sum += (a[k] - b[k] - mean) * (a[k] - b[k] - mean);
      }
    }
    return sum;
  };
  const Graph alone = train(gratings_network(4), train_, validation_, training_options(10), {}, silent_progress()).graph;
  const TrainResult taught =
      train(gratings_network(4), train_, validation_, training_options(10), Distillation{&teacher.graph, 4, 1}, silent_progress());
  EXPECT_LT(distance(taught.graph), 0.5 * distance(alone));
  EXPECT_EQ(taught.macs, taught.images * (3 * total_macs(gratings_network(4)) + total_macs(teacher.graph)));
}

TEST_F(Train, TheTeachersOwnPreprocessingIsApplied) {
  // The same function written for pixels in 0..1 and for pixels in -1..1 must teach the same.
  Graph teacher = gratings_network(8, 5);
  const Distillation distillation{&teacher, 4, 0.9};
  const Graph expected = train(gratings_network(4), train_, validation_, training_options(1), distillation, silent_progress()).graph;
  Graph student = gratings_network(4);
  student.preprocess = {1 / 127.5f, {1.0f}, {0.5f}};
  Graph other = teacher;
  other.preprocess = {1 / 127.5f, {1.0f}, {0.5f}};
  const Graph changed =
      train(student, train_, validation_, training_options(1), Distillation{&teacher, 4, 0.9}, silent_progress()).graph;
  const Graph both =
      train(student, train_, validation_, training_options(1), Distillation{&other, 4, 0.9}, silent_progress()).graph;
  const auto distance = [](const Graph& a, const Graph& b) {
    double sum = 0;
    for (std::size_t v = 0; v < a.values.size(); ++v) {
      const auto x = a.values[v].data.as<float>(), y = b.values[v].data.as<float>();
      for (std::size_t i = 0; i < x.size(); ++i) sum += std::abs(x[i] - y[i]);
    }
    return sum;
  };
  EXPECT_LT(distance(changed, expected), 1e-2);
  EXPECT_LT(distance(both, expected), 1e-2);
}

TEST_F(Train, AverageIsKeptInsteadOfTheLastWeights) {
  TrainOptions averaged = training_options(2);
  averaged.ema_decay = 0.99;
  const TrainResult with = train(gratings_network(4), train_, validation_, averaged, {}, silent_progress());
  const TrainResult without = train(gratings_network(4), train_, validation_, training_options(2), {}, silent_progress());
  EXPECT_EQ(with.epoch_loss, without.epoch_loss);
  EXPECT_NE(with.graph, without.graph);
}

TEST_F(Train, BatchesOfOneWork) {
  const Samples few = gratings(9, kClasses, 12, 1);
  TrainOptions one = training_options(1);
  one.learning_rate = 1e-3;
  for (int batch : {1, 4, 8, 100}) {
    one.batch = batch;
    EXPECT_EQ(train(gratings_network(4), few, validation_, one, {}, silent_progress()).epoch_loss.size(), 1u);
  }
}

TEST_F(Train, WhatDoesNotFitIsRefused) {
  const auto error = [&](const Samples& samples, const TrainOptions& options,
                         const std::optional<Distillation>& distillation) {
    return error_of([&] { train(gratings_network(4), samples, validation_, options, distillation, silent_progress()); });
  };
  EXPECT_EQ(error(gratings(8, 4, 16, 1), training_options(1), {}), "training samples are 16x16x1; the network expects 12x12x1");
  EXPECT_EQ(error(gratings(8, 6, 12, 1), training_options(1), {}), "training sample 4 has label 4; the network has 4 classes");
  EXPECT_EQ(error(gratings(0, 4, 12, 1), training_options(1), {}), "there are no training samples");
  const Graph ten = build({"resnet", 8, 4, 2}, {12, 12, 1}, 10, 1);
  EXPECT_EQ(error(train_, training_options(1), Distillation{&ten, 4, 0.5}), "the teacher has 10 classes; the student has 4");
  const Graph large = build({"resnet", 8, 4, 2}, {16, 16, 1}, 4, 1);
  EXPECT_EQ(error(train_, training_options(1), Distillation{&large, 4, 0.5}),
            "teacher: training samples are 12x12x1; the network expects 16x16x1");
  const Graph teacher = gratings_network(4);
  EXPECT_EQ(error(train_, training_options(1), Distillation{&teacher, 0, 0.5}),
            "training option 'temperature' is 0; expected a positive number");
  EXPECT_EQ(error(train_, training_options(1), Distillation{&teacher, 1, 1.5}),
            "training option 'alpha' is 1.5; expected 0 to 1");
  EXPECT_EQ(error(train_, training_options(0), {}), "training option 'epochs' is 0; expected at least 1");
  EXPECT_EQ(error_of([] { parse_device("gpu"); }), "device 'gpu' is unknown; expected auto, cpu or cuda");
}

TEST(Accuracy, CountsTheLargestLogit) {
  const std::vector<float> scores{1, 2, 3, 3, 2, 1, 0, 5, 0};
  const std::vector<std::int32_t> labels{2, 1, 1};
  EXPECT_DOUBLE_EQ(accuracy(scores, labels, 3), 2.0 / 3);
}

}  // namespace
}  // namespace mj
