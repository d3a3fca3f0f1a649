// SPDX-License-Identifier: Apache-2.0
#include "mj/learn/exits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "mj/arch/architecture.h"
#include "mj/base/error.h"
#include "mj/ir/cost.h"
#include "gratings_network.h"
#include "synthetic.h"

namespace mj {
namespace {

class Exits : public testing::Test {
 protected:
  Exits()
      : folder_(std::filesystem::path(testing::TempDir()) /
                (std::string("mj_exits_") + testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    network_.preprocess = {1 / 255.0f, {0.5f}, {0.25f}};
    exits_ = block_boundaries(network_, [](const Graph& graph) { return static_cast<double>(total_macs(graph)); });
    views_.augment = {1, true, 0};
    views_.device = Device::kCpu;
    training_.epochs = 20;
    training_.batch = 32;
    training_.device = Device::kCpu;
  }
  ~Exits() override { std::filesystem::remove_all(folder_); }

  Features features(const Samples& samples, int views, const HeadOptions& options, const std::filesystem::path& cache = {},
                    Progress& progress = silent_progress()) const {
    return collect_features(feature_network(network_, exits_, options), samples, views, views_, cache, 1 << 30, progress);
  }
  HeadResult train(const HeadOptions& options, Progress& progress = silent_progress()) const {
    return train_head(make_head(network_, exits_, options, 1), features(train_, 2, options), train_.labels,
                      features(validation_, 1, options), validation_.labels, training_, progress);
  }

  const std::filesystem::path folder_;
  const Samples train_ = gratings(333, kClasses, 12, 1);  // the last batch is smaller
  const Samples validation_ = gratings(120, kClasses, 12, 2);
  Graph network_ = build({"resnet", 8, 8, 1}, {12, 12, 1}, kClasses, 1);  // frozen random features do for gratings
  std::vector<ExitPoint> exits_;
  TrainOptions views_;
  HeadTraining training_;
};

TEST_F(Exits, AHeadLearnsOnAFrozenNetwork) {
  training_.alpha = 0;  // the network is random: it teaches nothing
  const HeadResult result = train({ExitMethod::kHead, 8, 4});
  ASSERT_EQ(result.accuracy.size(), 20u);
  ASSERT_EQ(result.accuracy.back().size(), exits_.size());
  for (const double accuracy : result.accuracy.back()) EXPECT_GT(accuracy, 0.6);  // chance is 0.25
  EXPECT_LT(result.loss.back(), 0.8 * result.loss.front());
  // The carries are trained as well, from 0.5.
  for (const ValueId carry : result.head.carries) EXPECT_NE(result.head.graph.value(carry).data.as<float>()[0], 0.5f);
}

TEST_F(Exits, ImitatingTheNetworkNeedsNoLabels) {
  training_.alpha = 1;
  training_.temperature = 2;
  HeadResult without;
  {
    const HeadOptions options{ExitMethod::kPooled, 8, 4};
    const Features rows = features(train_, 1, options);
    const std::vector<std::int32_t> wrong(333, 0);
    without = train_head(make_head(network_, exits_, options, 1), rows, wrong, features(validation_, 1, options),
                         validation_.labels, training_, silent_progress());
    const std::vector<float> own = own_logits(features(validation_, 1, options), kClasses);
    std::int64_t agree = 0;
    for (std::size_t i = 0; i < 120; ++i) {
      const auto top = [&](const std::vector<float>& logits) {
        const auto row = logits.begin() + static_cast<std::ptrdiff_t>(i) * kClasses;
        return std::max_element(row, row + kClasses) - row;
      };
      agree += top(own) == top(without.validation_logits.back());
    }
    EXPECT_GT(agree, 90);
  }
}

TEST_F(Exits, TheSameSeedGivesTheSameBytesForEveryMethod) {
  training_.epochs = 2;
  for (const ExitMethod method : {ExitMethod::kHead, ExitMethod::kGnet, ExitMethod::kFlat, ExitMethod::kPooled}) {
    training_.random_exit = method == ExitMethod::kGnet;
    const HeadOptions options{method, 4, 3};
    EXPECT_EQ(train(options).head.graph, train(options).head.graph) << exit_method_name(method);
  }
}

TEST_F(Exits, ResumesToTheSameBytes) {
  training_.epochs = 4;
  training_.checkpoint_seconds = 0;
  const HeadOptions options{ExitMethod::kHead, 4, 4};
  const HeadResult whole = train(options);
  training_.checkpoint = folder_ / "head.checkpoint";
  StopAfter stop(500);  // in the middle of the second epoch
  EXPECT_THROW(train(options, stop), StopAfter::Stop);
  RecordingProgress progress;
  const HeadResult resumed = train(options, progress);
  EXPECT_EQ(resumed.head.graph, whole.head.graph);
  EXPECT_EQ(resumed.accuracy, whole.accuracy);
  EXPECT_EQ(resumed.loss, whole.loss);
  EXPECT_GE(progress.updates.front(), 500);  // it did go on, and did not begin anew
}

TEST_F(Exits, FeaturesKeptInAFileAreThoseComputed) {
  const HeadOptions options{ExitMethod::kHead, 4, 4};
  const Features plain = features(train_, 3, options);
  const std::filesystem::path cache = folder_ / "features";
  EXPECT_EQ(features(train_, 2, options, cache).halves.size() * 3, plain.halves.size() * 2);
  EXPECT_EQ(features(train_, 3, options, cache).halves, plain.halves);  // one more view
  RecordingProgress progress;
  EXPECT_EQ(features(train_, 3, options, cache, progress).halves, plain.halves);
  EXPECT_TRUE(progress.updates.empty());  // the network was not run
  // A view that was cut off or damaged is computed again; a file of other samples is replaced.
  std::filesystem::resize_file(cache, std::filesystem::file_size(cache) - 5);
  EXPECT_EQ(features(train_, 3, options, cache).halves, plain.halves);
  {
    std::fstream file(cache, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(1000);
    file.put('x');
  }
  EXPECT_EQ(features(train_, 3, options, cache).halves, plain.halves);
  EXPECT_EQ(features(validation_, 3, options, cache).halves, features(validation_, 3, options).halves);
}

TEST_F(Exits, TooManyFeaturesAreRefused) {
  const Graph frozen = feature_network(network_, exits_, {});
  const std::int64_t view = 333 * class_count(frozen) * 2;
  try {
    collect_features(frozen, train_, 8, views_, {}, 3 * view + 1, silent_progress());
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("which 3 views would take"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace mj
