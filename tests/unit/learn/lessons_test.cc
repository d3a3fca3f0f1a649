// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>

#include "mj/arch/architecture.h"
#include "mj/base/error.h"
#include "mj/learn/augment.h"
#include "mj/learn/learn.h"
#include "tests/unit/error_of.h"
#include "gratings_network.h"
#include "synthetic.h"

namespace mj {
namespace {

TrainOptions lesson_options(int views) {
  TrainOptions options;
  options.epochs = 3;
  options.batch = 32;
  options.augment = {2, true, 0};
  options.views = views;
  options.device = Device::kCpu;
  return options;
}

/// The samples as `epoch` shows them, pixel by pixel.
Samples seen(const Samples& samples, const TrainOptions& options, std::uint64_t epoch) {
  Samples result = samples;
  std::vector<std::uint8_t> pixels;
  const auto& source = std::get<std::vector<std::uint8_t>>(samples.elements);
  for (std::int64_t i = 0; i < samples.size(); ++i) {
    const View view = draw_view(options.augment, samples.shape, options.seed, epoch, static_cast<std::uint64_t>(i));
    for (std::int64_t y = 0; y < kSide; ++y) {
      for (std::int64_t x = 0; x < kSide; ++x) {
        const std::int64_t from_y = y + view.dy, from_x = (view.flip ? kSide - 1 - x : x) + view.dx;
        const bool inside = from_y >= 0 && from_y < kSide && from_x >= 0 && from_x < kSide;
        pixels.push_back(inside ? source[static_cast<std::size_t>((i * kSide + from_y) * kSide + from_x)] : 0);
      }
    }
  }
  result.elements = std::move(pixels);
  return result;
}

class LessonsTest : public testing::Test {
 protected:
  LessonsTest() { std::filesystem::remove_all(folder_); }
  ~LessonsTest() override { std::filesystem::remove_all(folder_); }

  const std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) /
      (std::string("mj_lessons_") + testing::UnitTest::GetInstance()->current_test_info()->name());
  const Graph teacher_ = gratings_network(8, 3);
  const Samples train_ = gratings(333, kClasses, kSide, 1);
};

TEST_F(LessonsTest, HoldWhatTheTeacherSaysOfEveryView) {
  const TrainOptions asked = lesson_options(3);
  const Lessons lessons = teach(teacher_, train_, asked, silent_progress());
  ASSERT_EQ(lessons.views, 3);
  std::vector<float> expected;
  for (std::uint64_t view = 0; view < 3; ++view) {
    const std::vector<float> scores = logits(teacher_, seen(train_, asked, view), Device::kCpu);
    expected.insert(expected.end(), scores.begin(), scores.end());
  }
  EXPECT_EQ(lessons.logits, expected);
}

TEST_F(LessonsTest, TeachAsTheTeacherItself) {
  const Samples validation = gratings(100, kClasses, kSide, 2);
  const TrainOptions asked = lesson_options(2);  // the third epoch shows the first one's views again
  const Lessons lessons = teach(teacher_, train_, asked, silent_progress());
  const TrainResult present =
      train(gratings_network(4, 1), train_, validation, asked, Distillation{&teacher_, 4, 0.9}, silent_progress());
  const TrainResult remembered =
      train(gratings_network(4, 1), train_, validation, asked, Distillation{&teacher_, 4, 0.9, &lessons}, silent_progress());
  ASSERT_EQ(present.epoch_loss.size(), remembered.epoch_loss.size());
  // The teacher's batches are of another size, so its scores differ in their last bits.
  for (std::size_t e = 0; e < present.epoch_loss.size(); ++e) {
    EXPECT_NEAR(present.epoch_loss[e], remembered.epoch_loss[e], 1e-3 * present.epoch_loss[e]);
  }
  // Its passes are counted where they happen.
  EXPECT_LT(remembered.macs, present.macs);

  TrainOptions fresh = asked;
  fresh.views = 0;
  const TrainResult other =
      train(gratings_network(4, 1), train_, validation, fresh, Distillation{&teacher_, 4, 0.9}, silent_progress());
  EXPECT_EQ(other.epoch_loss[0], present.epoch_loss[0]);
  EXPECT_EQ(other.epoch_loss[1], present.epoch_loss[1]);
  EXPECT_NE(other.epoch_loss[2], present.epoch_loss[2]);
}

TEST_F(LessonsTest, InterruptedTheyEndWithTheSameBytes) {
  TrainOptions asked = lesson_options(4);
  const Lessons expected = teach(teacher_, train_, asked, silent_progress());
  asked.checkpoint = folder_ / "teacher";
  int interruptions = 0;
  Lessons found;
  for (std::int64_t stop = 600; found.views == 0; stop += 400) {
    StopAfter progress(stop);
    try {
      found = teach(teacher_, train_, asked, progress);
    } catch (const StopAfter::Stop&) {
      ++interruptions;
    }
  }
  EXPECT_GE(interruptions, 2);
  EXPECT_EQ(found.logits, expected.logits);
  StopAfter nothing(1);  // what was answered is not asked again
  EXPECT_EQ(teach(teacher_, train_, asked, nothing).logits, expected.logits);

  asked.seed = 2;  // other views
  EXPECT_NE(teach(teacher_, train_, asked, silent_progress()).logits, expected.logits);
}

TEST_F(LessonsTest, NeedAView) {
  const auto error_of = [&](int views) {
    return mj::error_of([&] { teach(teacher_, train_, lesson_options(views), silent_progress()); });
  };
  EXPECT_EQ(error_of(0), "training option 'views' is 0; expected at least 1 view to be taught");
  EXPECT_EQ(error_of(-1), "training option 'views' is -1; expected 0 to 1000");
}

}  // namespace
}  // namespace mj
