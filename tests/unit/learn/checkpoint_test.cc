// SPDX-License-Identifier: Apache-2.0
#include "mj/learn/checkpoint.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "tests/unit/error_of.h"

namespace mj {
namespace {

class CheckpointFile : public testing::Test {
 protected:
  CheckpointFile() : path_(std::filesystem::path(testing::TempDir()) / ("mj_checkpoint_test_" + std::to_string(getpid())) / "a.checkpoint") {
    std::filesystem::remove_all(path_.parent_path());
  }
  ~CheckpointFile() override { std::filesystem::remove_all(path_.parent_path()); }

  /// Without flushing to the disk, which hundreds of variants would make slow.
  void put(std::span<const std::byte> bytes) const {
    std::ofstream(path_, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()),
                                                 static_cast<std::streamsize>(bytes.size()));
  }

  std::string error() const {
    return error_of([&] { read_checkpoint(path_); });
  }

  const std::filesystem::path path_;
  const Checkpoint checkpoint_{.job = 7,
                               .threads = 2,
                               .cuda = 1,
                               .step = 12,
                               .loss_sum = 0.1,
                               .seconds = 3,
                               .epoch_loss = {1.5, 0.5},
                               .epoch_accuracy = {0.25},
                               .weights = {1, 2, 3},
                               .momentum = {4, 5},
                               .average = {}};
};

TEST_F(CheckpointFile, ReadsBackWhatWasWritten) {
  write_checkpoint(path_, checkpoint_);
  EXPECT_EQ(read_checkpoint(path_), checkpoint_);
}

TEST_F(CheckpointFile, IsNothingWhenMissing) { EXPECT_EQ(read_checkpoint(path_), std::nullopt); }

TEST_F(CheckpointFile, AnyTruncationIsRefused) {
  write_checkpoint(path_, checkpoint_);
  const std::vector<std::byte> bytes = read_file(path_);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    put(std::span(bytes).first(size));
    ASSERT_NE(error(), "") << size;
  }
}

TEST_F(CheckpointFile, AnyChangedByteIsRefused) {
  write_checkpoint(path_, checkpoint_);
  std::vector<std::byte> bytes = read_file(path_);
  for (std::byte& byte : bytes) {
    byte ^= std::byte{0x40};
    put(bytes);
    ASSERT_NE(error(), "");
    byte ^= std::byte{0x40};
  }
}

TEST_F(CheckpointFile, MessagesNameTheFile) {
  write_file(path_, std::string_view("something else"));
  EXPECT_EQ(error(),
            path_.string() + ": not a checkpoint of a training; expected a file that millijoule wrote, or none");
  write_checkpoint(path_, checkpoint_);
  std::vector<std::byte> bytes = read_file(path_);
  bytes.back() ^= std::byte{1};
  write_file(path_, std::span<const std::byte>(bytes));
  EXPECT_EQ(error(), path_.string() + ": damaged checkpoint: its content does not match its hash");
  bytes.resize(40);
  write_file(path_, std::span<const std::byte>(bytes));
  EXPECT_EQ(error(), path_.string() + ": truncated checkpoint; expected 6 more bytes");
}

}  // namespace
}  // namespace mj
