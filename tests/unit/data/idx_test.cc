// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "mj/data/dataset.h"
#include "mj/data/formats.h"
#include "scratch.h"

namespace mj {
namespace {

using test::big_endian;
using test::gzip;
using test::read_error;
using test::Scratch;

std::string images(std::uint32_t n, std::uint32_t height, std::uint32_t width) {
  std::string out = big_endian(0x803) + big_endian(n) + big_endian(height) + big_endian(width);
  for (std::uint32_t i = 0; i < n * height * width; ++i) out += static_cast<char>(i * 7);
  return out;
}
std::string labels(const std::string& values) {
  return big_endian(0x801) + big_endian(static_cast<std::uint32_t>(values.size())) + values;
}

/// Four training and two test images of 2x3 in three classes.
void write_small_idx(const Scratch& dir, bool zipped) {
  const auto put = [&](const std::string& name, const std::string& bytes) {
    zipped ? dir.write(name + ".gz", gzip(bytes)) : dir.write(name, bytes);
  };
  put("train-images-idx3-ubyte", images(4, 2, 3));
  put("train-labels-idx1-ubyte", labels(std::string("\0\1\2\1", 4)));
  put("t10k-images-idx3-ubyte", images(2, 2, 3));
  put("t10k-labels-idx1-ubyte", labels(std::string("\2\0", 2)));
}

TEST(Idx, ReadsPlainAndGzipAlike) {
  for (const bool zipped : {false, true}) {
    Scratch dir;
    write_small_idx(dir, zipped);
    const std::string specification = "idx:" + dir.path().string();
    const DataSet set = read_dataset(specification);
    EXPECT_EQ(set.name, specification);
    EXPECT_EQ(set.class_names, (std::vector<std::string>{"0", "1", "2"}));
    EXPECT_EQ(set.train.shape, (Shape{2, 3, 1}));
    EXPECT_EQ(set.train.labels, (std::vector<std::int32_t>{0, 1, 2, 1}));
    EXPECT_EQ(set.test.labels, (std::vector<std::int32_t>{2, 0}));
    EXPECT_TRUE(set.train.pixels());
    EXPECT_EQ(set.train.sample(1), (std::vector<float>{42, 49, 56, 63, 70, 77}));
  }
}

TEST(Idx, ReadsTheDottedNames) {
  Scratch dir;
  dir.write("train-images.idx3-ubyte", images(1, 2, 2));
  dir.write("train-labels.idx1-ubyte", labels(std::string("\0", 1)));
  EXPECT_EQ(read_dataset("idx:" + dir.path().string(), Half::kTrain).train.size(), 1);
}

TEST(Idx, ReadsOneHalfWithTheClassesOfTheTrainingLabels) {
  Scratch dir;
  write_small_idx(dir, false);
  dir.write("t10k-labels-idx1-ubyte", labels(std::string("\1\0", 2)));
  std::filesystem::remove(dir.path() / "train-images-idx3-ubyte");
  const DataSet set = read_dataset("idx:" + dir.path().string(), Half::kTest);
  EXPECT_EQ(set.classes(), 3);
  EXPECT_EQ(set.train.size(), 0);
  EXPECT_EQ(set.test.size(), 2);
}

TEST(Idx, TakesClassNamesFromAFile) {
  Scratch dir;
  write_small_idx(dir, false);
  dir.write("class_names.txt", "ant\r\nbee\n\ncat");
  EXPECT_EQ(read_dataset("idx:" + dir.path().string()).class_names, (std::vector<std::string>{"ant", "bee", "cat"}));
  dir.write("class_names.txt", "ant\nbee\n");
  EXPECT_EQ(read_error("idx", dir), (dir / "train-labels-idx1-ubyte") + ": sample 2: label 2 out of range; expected 0..1");
  dir.write("class_names.txt", "ant\nbee\nant\n");
  EXPECT_EQ(read_error("idx", dir), (dir / "class_names.txt") + ": class 'ant' is listed twice");
  dir.write("class_names.txt", "\n\n");
  EXPECT_EQ(read_error("idx", dir), (dir / "class_names.txt") + ": holds no class names");
}

TEST(Idx, SaysWhatIsMissing) {
  Scratch dir;
  EXPECT_EQ(read_error("idx", dir),
            dir.path().string() + ": has neither train-labels-idx1-ubyte nor train-labels-idx1-ubyte.gz");
  EXPECT_EQ(error_of([] { read_dataset("idx:/no/such"); }), "data set 'idx:/no/such': /no/such: no such folder");
}

TEST(Idx, SaysHowMuchIsMissing) {
  Scratch dir;
  write_small_idx(dir, false);
  const std::string name = dir / "train-images-idx3-ubyte";
  dir.write("train-images-idx3-ubyte", images(60000, 28, 28).substr(0, 1234));
  EXPECT_EQ(read_error("idx", dir),
            name + ": truncated: header promises 60000 images of 28x28 (47,040,016 bytes); found 1,234");
  dir.write("train-images-idx3-ubyte", images(4, 2, 3).substr(0, 11));
  EXPECT_EQ(read_error("idx", dir), name + ": truncated: the header has 16 bytes; found 11");
  dir.write("train-images-idx3-ubyte", "");
  EXPECT_EQ(read_error("idx", dir), name + ": truncated: the header has 16 bytes; found 0");
  dir.write("train-images-idx3-ubyte", images(4, 2, 3) + "!");
  EXPECT_EQ(read_error("idx", dir), name + ": trailing bytes after 4 images of 2x3 (40 bytes)");
  dir.write("train-images-idx3-ubyte", images(4, 2, 3));
  dir.write("train-labels-idx1-ubyte", labels(std::string("\0\1\2\1", 4)).substr(0, 10));
  EXPECT_EQ(read_error("idx", dir),
            (dir / "train-labels-idx1-ubyte") + ": truncated: header promises 4 labels (12 bytes); found 10");
}

TEST(Idx, RefusesHeadersThatCannotBe) {
  Scratch dir;
  write_small_idx(dir, false);
  const std::string name = dir / "train-images-idx3-ubyte";
  const auto header = [](std::uint32_t n, std::uint32_t h, std::uint32_t w) {
    return big_endian(0x803) + big_endian(n) + big_endian(h) + big_endian(w);
  };
  dir.write("train-images-idx3-ubyte", header(0, 2, 3));
  EXPECT_EQ(read_error("idx", dir), name + ": holds no images");
  dir.write("train-images-idx3-ubyte", header(0xffffffff, 0xffffffff, 0xffffffff));
  EXPECT_EQ(read_error("idx", dir), name + ": header promises images with a side of 4294967295; expected 1..4096");
  dir.write("train-images-idx3-ubyte", header(0xffffffff, 4096, 4096));
  EXPECT_EQ(read_error("idx", dir), name +
                                 ": truncated: header promises 4294967295 images of 4096x4096 "
                                 "(72,057,594,021,150,736 bytes); found 16");
  dir.write("train-images-idx3-ubyte", header(4, 0, 3));
  EXPECT_EQ(read_error("idx", dir), name + ": header promises images with a side of 0; expected 1..4096");
  dir.write("train-images-idx3-ubyte", labels("abcd"));
  EXPECT_EQ(read_error("idx", dir),
            name + ": starts with 0x00000801; expected 0x00000803 (IDX, unsigned bytes, 3 dimensions)");
  dir.write("train-labels-idx1-ubyte", labels(""));
  EXPECT_EQ(read_error("idx", dir), (dir / "train-labels-idx1-ubyte") + ": holds no labels");
}

TEST(Idx, RefusesHalvesThatDoNotFit) {
  Scratch dir;
  write_small_idx(dir, false);
  dir.write("train-labels-idx1-ubyte", labels(std::string("\0\1\2", 3)));
  EXPECT_EQ(read_error("idx", dir), (dir / "train-labels-idx1-ubyte") + ": 3 labels; train-images-idx3-ubyte holds 4 images");
  write_small_idx(dir, false);
  dir.write("t10k-labels-idx1-ubyte", labels(std::string("\2\3", 2)));
  EXPECT_EQ(read_error("idx", dir), (dir / "t10k-labels-idx1-ubyte") + ": sample 1: label 3 out of range; expected 0..2");
  write_small_idx(dir, false);
  dir.write("t10k-images-idx3-ubyte", images(2, 3, 3));
  EXPECT_EQ(read_error("idx", dir), dir.path().string() + ": training images are 2x3x1, test images 3x3x1");
}

TEST(Idx, RefusesDamagedGzip) {
  Scratch dir;
  write_small_idx(dir, true);
  const std::string name = dir / "train-images-idx3-ubyte.gz";
  const std::string good = gzip(images(4, 2, 3));
  dir.write("train-images-idx3-ubyte.gz", images(4, 2, 3));
  EXPECT_EQ(read_error("idx", dir), name + ": not a gzip file");
  std::string wrong_checksum = good;
  wrong_checksum[good.size() - 8] ^= 1;
  dir.write("train-images-idx3-ubyte.gz", wrong_checksum);
  EXPECT_EQ(read_error("idx", dir), name + ": corrupt gzip data: incorrect data check");
  dir.write("train-images-idx3-ubyte.gz", good + "x");
  EXPECT_EQ(read_error("idx", dir), name + ": trailing bytes after the gzip stream");
  dir.write("train-images-idx3-ubyte.gz", good.substr(0, good.size() - 1));
  EXPECT_EQ(read_error("idx", dir), name + ": truncated: the gzip stream ends before its checksum");
  // Two members are one file, as for gzip itself.
  const std::string all = images(4, 2, 3);
  dir.write("train-images-idx3-ubyte.gz", gzip(all.substr(0, 20)) + gzip(all.substr(20)));
  EXPECT_EQ(read_error("idx", dir), "");
}

TEST(Idx, NeverUnpacksABomb) {
  Scratch dir;
  write_small_idx(dir, true);
  dir.write("train-images-idx3-ubyte.gz", gzip(images(4, 2, 3) + std::string(200'000'000, '\0')));
  EXPECT_EQ(read_error("idx", dir),
            (dir / "train-images-idx3-ubyte.gz") + ": trailing bytes after 4 images of 2x3 (40 bytes)");
}

TEST(Idx, EveryPrefixIsAnError) {
  for (const bool zipped : {false, true}) {
    for (const std::string name : {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"}) {
      Scratch dir;
      write_small_idx(dir, zipped);
      const std::string file = zipped ? name + ".gz" : name;
      std::string whole = name == "train-images-idx3-ubyte" ? images(4, 2, 3) : labels(std::string("\0\1\2\1", 4));
      if (zipped) whole = gzip(whole);
      ASSERT_EQ(read_error("idx", dir), "");
      for (std::size_t size = 0; size < whole.size(); ++size) {
        dir.write(file, whole.substr(0, size));
        EXPECT_TRUE(read_error("idx", dir).starts_with((dir / file) + ": truncated: ")) << size << ": " << read_error("idx", dir);
      }
    }
  }
}

TEST(Idx, EveryFlippedBitOfAHeaderIsAnErrorOrReads) {
  Scratch dir;
  write_small_idx(dir, false);
  const std::string whole = images(4, 2, 3);
  for (std::size_t bit = 0; bit < 16 * 8; ++bit) {
    std::string bytes = whole;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    dir.write("train-images-idx3-ubyte", bytes);
    EXPECT_NE(read_error("idx", dir), "") << bit;
  }
}

TEST(FashionMnist, NamesThePackageWhenMissing) {
  EXPECT_EQ(
      error_of([] { read_fashion_mnist("/no/such/folder", Half::kBoth); }),
      "data set 'fashion-mnist': /no/such/folder: no such folder; install the Debian package dataset-fashion-mnist");
}

TEST(FashionMnist, IsThePublishedOne) {
  if (!std::filesystem::exists("/usr/share/datasets/fashion-mnist")) {
    GTEST_SKIP() << "the Debian package dataset-fashion-mnist is not installed";
  }
  const DataSet set = read_dataset("fashion-mnist");
  EXPECT_EQ(set.train.size(), 60000);
  EXPECT_EQ(set.test.size(), 10000);
  EXPECT_EQ(set.train.shape, (Shape{28, 28, 1}));
  EXPECT_EQ(set.class_names[static_cast<std::size_t>(set.train.labels[0])], "Ankle boot");
  // The mean and deviation everyone normalises with: 0.2860 and 0.3530.
  double sum = 0;
  double squares = 0;
  const auto& pixels = std::get<0>(set.train.elements);
  for (const std::uint8_t pixel : pixels) {
    sum += pixel;
    squares += double{1} * pixel * pixel;
  }
  const double mean = sum / static_cast<double>(pixels.size()) / 255;
  EXPECT_NEAR(mean, 0.2860, 5e-5);
  EXPECT_NEAR(std::sqrt(squares / static_cast<double>(pixels.size()) / 65025 - mean * mean), 0.3530, 5e-5);
  std::vector<int> per_class(10);
  for (const std::int32_t label : set.test.labels) ++per_class[static_cast<std::size_t>(label)];
  EXPECT_EQ(per_class, std::vector<int>(10, 1000));
}

}  // namespace
}  // namespace mj
