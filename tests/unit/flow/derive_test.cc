// SPDX-License-Identifier: Apache-2.0
#include "mj/flow/derive.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "mj/arch/architecture.h"
#include "mj/base/parallel.h"
#include "mj/ir/cost.h"
#include "tests/unit/learn/synthetic.h"

namespace mj {
namespace {

constexpr std::int64_t kClasses = 4, kSide = 12;

Graph network(int width, std::uint64_t seed) {
  Graph graph = build({"resnet", 8, width, 2}, {kSide, kSide, 1}, kClasses, seed);
  graph.preprocess = {1 / 255.0f, {0.5f}, {0.25f}};
  return graph;
}

class Derive : public testing::Test {
 protected:
  Derive() {
    set_threads(1);
    std::filesystem::remove_all(folder_);
  }
  ~Derive() override { std::filesystem::remove_all(folder_); }

  TrainOptions full(int epochs, int views) const {
    TrainOptions options;
    options.epochs = epochs;
    options.batch = 16;
    options.warmup_epochs = 0.5;
    options.augment = {1, false, 0};
    options.views = views;
    options.device = Device::kCpu;
    return options;
  }
  Derived derive(const TrainOptions& options, const Lessons* lessons, const DeriveOptions& wanted,
                 Progress& progress = silent_progress()) const {
    return derive_distillation(student_, teacher_, train_, validation_, options, lessons, wanted, progress);
  }

  // One a test: ctest runs several at a time.
  const std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) /
                                        (std::string("mj_derive_") + testing::UnitTest::GetInstance()->current_test_info()->name());
  const Graph student_ = network(4, 1), teacher_ = network(8, 2);
  const Samples train_ = gratings(640, kClasses, kSide, 1), validation_ = gratings(100, kClasses, kSide, 2);
};

TEST_F(Derive, CostsAtMostThreeTenthsOfATraining) {
  for (const int epochs : {4, 10, 30}) {
    for (const int views : {0, 1, 3}) {
      const TrainOptions options = full(epochs, views);
      Lessons lessons;
      if (views > 0) lessons = teach(teacher_, train_, options, silent_progress());
      const Derived derived = derive(options, views > 0 ? &lessons : nullptr, {});
      ASSERT_EQ(derived.arms.size(), 4u);
      const std::int64_t questions = views > 0 ? std::min(views, epochs) : epochs;
      const std::int64_t training = train_.size() * (epochs * 3 * total_macs(student_) + questions * total_macs(teacher_));
      EXPECT_LE(static_cast<double>(derived.macs), 0.3 * static_cast<double>(training)) << epochs << " epochs, " << views << " views";
      EXPECT_GT(derived.macs, 0);
    }
  }
}

TEST_F(Derive, ArmsLieAroundTheTemperatureTheTeacherSuggests) {
  const Derived derived = derive(full(10, 0), nullptr, {});
  EXPECT_EQ(derived.arms[0].temperature, derived.softening);
  EXPECT_EQ(derived.arms[1].alpha, 1);
  EXPECT_DOUBLE_EQ(derived.arms[2].temperature, 0.6 * derived.softening);
  EXPECT_DOUBLE_EQ(derived.arms[3].temperature, 1.6 * derived.softening);
  EXPECT_GE(derived.temperature, derived.arms[2].temperature);
  EXPECT_LE(derived.temperature, derived.arms[3].temperature);
  for (const Arm& arm : derived.arms) EXPECT_EQ(arm.correct.size(), 100u);
}

TEST_F(Derive, KeepsWhatIsGiven) {
  const Derived nothing = derive(full(10, 0), nullptr, {.temperature = 3, .alpha = 0.5});
  EXPECT_TRUE(nothing.arms.empty());
  EXPECT_EQ(nothing.macs, 0);
  EXPECT_EQ(nothing.temperature, 3);
  EXPECT_EQ(nothing.alpha, 0.5);
  const Derived weight = derive(full(10, 0), nullptr, {.temperature = 3});
  EXPECT_EQ(weight.arms.size(), 2u);
  EXPECT_EQ(weight.temperature, 3);
  const Derived temperature = derive(full(10, 0), nullptr, {.alpha = 0.5});
  EXPECT_EQ(temperature.arms.size(), 3u);
  EXPECT_EQ(temperature.alpha, 0.5);
}

TEST_F(Derive, InterruptedItComesToTheSameChoice) {
  const TrainOptions options = full(20, 0);
  const Derived expected = derive(options, nullptr, {});
  int interruptions = 0;
  for (std::int64_t stop = 200;; stop += 150) {
    StopAfter progress(stop);
    try {
      const Derived found = derive(options, nullptr, {.checkpoints = folder_}, progress);
      EXPECT_EQ(found.temperature, expected.temperature);
      EXPECT_EQ(found.alpha, expected.alpha);
      break;
    } catch (const StopAfter::Stop&) {
      ++interruptions;
    }
  }
  EXPECT_GE(interruptions, 2);
}

}  // namespace
}  // namespace mj
