// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdlib>

#include "mj/data/dataset.h"
#include "scratch.h"

namespace mj {
namespace {

using test::read_error;
using test::Scratch;

/// One record: labels, then all red, all green, all blue; pixel p of channel c is p * 3 + c + shift, modulo 256.
std::string record(const std::string& labels, int shift) {
  std::string out = labels;
  for (int c = 0; c < 3; ++c) {
    for (int p = 0; p < 1024; ++p) out += static_cast<char>(p * 3 + c + shift);
  }
  return out;
}

void write_cifar10(const Scratch& dir) {
  for (int b = 1; b <= 5; ++b) {
    dir.write("data_batch_" + std::to_string(b) + ".bin", record(std::string(1, static_cast<char>(b)), b) +
                                                              record(std::string(1, static_cast<char>(b + 4)), b + 10));
  }
  dir.write("test_batch.bin", record(std::string(1, '\0'), 0));
}

TEST(Cifar, PutsChannelsLastAndKeepsTheOrder) {
  Scratch dir;
  write_cifar10(dir);
  const DataSet set = read_dataset("cifar10:" + dir.path().string());
  EXPECT_EQ(set.class_names[0], "airplane");
  EXPECT_EQ(set.class_names[9], "truck");
  EXPECT_EQ(set.train.labels, (std::vector<std::int32_t>{1, 5, 2, 6, 3, 7, 4, 8, 5, 9}));
  EXPECT_EQ(set.test.labels, (std::vector<std::int32_t>{0}));
  EXPECT_EQ(set.train.shape, (Shape{32, 32, 3}));
  const std::vector<float> first = set.train.sample(3);  // second record of the second batch, shift 12
  for (int i = 0; i < 3072; ++i) ASSERT_EQ(first[static_cast<std::size_t>(i)], static_cast<float>((i + 12) % 256)) << i;
}

TEST(Cifar, TakesFineLabelsOfCifar100) {
  Scratch dir;
  dir.write("train.bin", record("\x05\x63", 0) + record(std::string("\x06\x00", 2), 0));
  dir.write("test.bin", record("\x07\x31", 0));
  const DataSet set = read_dataset("cifar100:" + dir.path().string());
  EXPECT_EQ(set.train.labels, (std::vector<std::int32_t>{99, 0}));
  EXPECT_EQ(set.test.labels, (std::vector<std::int32_t>{49}));
  EXPECT_EQ(set.classes(), 100);
  EXPECT_EQ(set.class_names[0], "apple");
  EXPECT_EQ(set.class_names[49], "mountain");
  EXPECT_EQ(set.class_names[99], "worm");
  EXPECT_TRUE(std::is_sorted(set.class_names.begin(), set.class_names.begin() + 39));
}

TEST(Cifar, ReadsNamesBesideTheData) {
  Scratch dir;
  write_cifar10(dir);
  dir.write("batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
  EXPECT_EQ(read_dataset("cifar10:" + dir.path().string(), Half::kTest).class_names[9], "j");
  dir.write("batches.meta.txt", "a\nb\n");
  EXPECT_EQ(read_error("cifar10", dir), (dir / "batches.meta.txt") + ": 2 class names; expected 10");
}

TEST(Cifar, SaysWhatIsWrong) {
  Scratch dir;
  write_cifar10(dir);
  const std::string name = dir / "data_batch_3.bin";
  dir.write("data_batch_3.bin", record("\3", 0) + record("\x0a", 0));
  EXPECT_EQ(read_error("cifar10", dir), name + ": record 1: label 10 out of range; expected 0..9");
  dir.write("data_batch_3.bin", record("\3", 0) + record("\3", 0).substr(0, 1000));
  EXPECT_EQ(read_error("cifar10", dir), name + ": truncated: 4,073 bytes are 1 whole records of 3,073 and 1,000 more");
  dir.write("data_batch_3.bin", "");
  EXPECT_EQ(read_error("cifar10", dir), name + ": empty; expected records of 3,073 bytes");
  std::filesystem::remove(dir.path() / "data_batch_3.bin");
  EXPECT_EQ(read_error("cifar10", dir), name + ": no such file");
  EXPECT_EQ(read_error("cifar10", dir, Half::kTest), "");
  std::filesystem::create_directory(dir.path() / "data_batch_3.bin");
  EXPECT_EQ(read_error("cifar10", dir), name + ": not a file");
}

TEST(Cifar, SeesALostEndAtARecordBoundaryBesideACompleteFile) {
  Scratch dir;
  write_cifar10(dir);
  std::filesystem::resize_file(dir.path() / "data_batch_2.bin", 30'730'000);
  EXPECT_EQ(read_error("cifar10", dir),
            (dir / "data_batch_1.bin") + ": truncated: 2 records; expected 10,000, for data_batch_2.bin is complete");
  std::filesystem::resize_file(dir.path() / "data_batch_1.bin", 30'730'001);
  EXPECT_EQ(read_error("cifar10", dir), (dir / "data_batch_1.bin") +
                                 ": trailing bytes after 10,000 records of 3,073 (30,730,000 bytes); found 30,730,001");
}

TEST(Cifar, EveryPrefixIsAnError) {
  Scratch dir;
  const std::string whole = record(std::string("\0\1", 2), 0) + record("\2\3", 1);
  dir.write("train.bin", whole);
  // A complete test half: even a prefix of whole records is known to be cut.
  dir.write("test.bin", "");
  std::filesystem::resize_file(dir.path() / "test.bin", 30'740'000);
  const auto error = [&] { return error_of([&] { read_dataset("cifar100:" + dir.path().string(), Half::kTrain); }); };
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    // All sizes around the ends of labels and records, and one in a while elsewhere.
    const std::size_t offset = size % 3074;
    if (offset > 20 && offset < 3054 && offset % 61 != 0) continue;
    dir.write("train.bin", whole.substr(0, size));
    const std::string found = error();
    EXPECT_TRUE(found.starts_with((dir / "train.bin") + (size == 0 ? ": empty; " : ": truncated: ")))
        << size << ": " << found;
  }
}

/// Mean per channel of pixels / 255.
std::array<double, 3> channel_means(const Samples& samples) {
  std::array<double, 3> sums{};
  const auto& pixels = std::get<0>(samples.elements);
  for (std::size_t i = 0; i < pixels.size(); ++i) sums[i % 3] += pixels[i];
  for (double& sum : sums) sum /= static_cast<double>(pixels.size() / 3) * 255;
  return sums;
}

TEST(Cifar, RealSetsHaveThePublishedMeans) {
  const std::filesystem::path packed = test::shared_data("cifar");
  if (packed.empty()) GTEST_SKIP() << "no CIFAR data beside the source tree (MJ_SHARED names another place)";
  const std::filesystem::path dir = std::filesystem::path(MJ_BINARY_DIR) / "cifar";
  if (!std::filesystem::exists(dir / "cifar100")) {
    ASSERT_EQ(std::system((packed / "unpack").string().append(" ").append(dir.string()).c_str()), 0);
  }
  const DataSet ten = read_dataset("cifar10:" + (dir / "cifar10").string());
  EXPECT_EQ(ten.train.size(), 50000);
  EXPECT_EQ(ten.test.size(), 10000);
  const std::array<double, 3> means = channel_means(ten.train);
  EXPECT_NEAR(means[0], 0.4914, 5e-5);
  EXPECT_NEAR(means[1], 0.4822, 5e-5);
  EXPECT_NEAR(means[2], 0.4465, 5e-5);
  const DataSet hundred = read_dataset("cifar100:" + (dir / "cifar100").string());
  EXPECT_EQ(hundred.train.size(), 50000);
  const std::array<double, 3> means100 = channel_means(hundred.train);
  EXPECT_NEAR(means100[0], 0.5071, 5e-5);
  EXPECT_NEAR(means100[1], 0.4865, 5e-5);
  EXPECT_NEAR(means100[2], 0.4409, 5e-5);
  std::vector<int> per_class(100);
  for (const std::int32_t label : hundred.train.labels) ++per_class[static_cast<std::size_t>(label)];
  EXPECT_EQ(per_class, std::vector<int>(100, 500));
}

}  // namespace
}  // namespace mj
