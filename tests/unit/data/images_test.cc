// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "encode.h"
#include "mj/base/parallel.h"
#include "mj/data/dataset.h"
#include "scratch.h"

namespace mj {
namespace {

using test::flat_jpeg;
using test::ramp_png;
using test::read_error;
using test::Scratch;

void write_small_folders(const Scratch& dir) {
  dir.write("train/dog/b.png", ramp_png(2, 3, 3, 20));
  dir.write("train/dog/a.PNG", ramp_png(2, 3, 3, 10));
  dir.write("train/cat/z.png", ramp_png(2, 3, 3, 30));
  dir.write("train/cat/notes.txt", "not an image");
  dir.write("train/cat/.hidden.png", "not an image either");
  dir.write("test/dog/c.png", ramp_png(2, 3, 3, 40));
}

TEST(Images, ReadsClassFoldersByName) {
  Scratch dir;
  write_small_folders(dir);
  const DataSet set = read_dataset("images:" + dir.path().string());
  EXPECT_EQ(set.class_names, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(set.train.shape, (Shape{2, 3, 3}));
  EXPECT_EQ(set.train.labels, (std::vector<std::int32_t>{0, 1, 1}));
  EXPECT_EQ(set.train.sample(0)[0], 30);
  EXPECT_EQ(set.train.sample(1)[0], 10);
  EXPECT_EQ(set.train.sample(2)[17], 37);
  EXPECT_EQ(set.test.labels, (std::vector<std::int32_t>{1}));
  EXPECT_EQ(set.test.sample(0)[1], 41);
}

TEST(Images, AreGreyOnlyWhenAllAre) {
  Scratch dir;
  dir.write("train/a/1.png", ramp_png(2, 2, 1, 5));
  dir.write("train/b/2.png", ramp_png(2, 2, 1, 9));
  dir.write("test/b/3.png", ramp_png(2, 2, 1, 7));
  const std::string specification = "images:" + dir.path().string();
  EXPECT_EQ(read_dataset(specification).train.shape, (Shape{2, 2, 1}));
  EXPECT_EQ(read_dataset(specification).train.sample(1), (std::vector<float>{9, 10, 11, 12}));
  dir.write("test/b/3.png", ramp_png(2, 2, 3, 7));
  EXPECT_EQ(read_error("images", dir), (dir / "test/b/3.png") + ": in colour; all training images are grey");
  EXPECT_EQ(read_error("images", dir, Half::kTest), (dir / "test/b/3.png") + ": in colour; all training images are grey");
  // One colour image in the training half makes all of them colour, also when only the test half is read.
  dir.write("train/b/4.png", ramp_png(2, 2, 3, 7));
  dir.write("test/b/3.png", ramp_png(2, 2, 1, 7));
  EXPECT_EQ(read_dataset(specification).train.shape, (Shape{2, 2, 3}));
  EXPECT_EQ(read_dataset(specification, Half::kTest).test.sample(0),
            (std::vector<float>{7, 7, 7, 8, 8, 8, 9, 9, 9, 10, 10, 10}));
}

TEST(Images, SaysWhatIsWrong) {
  Scratch dir;
  EXPECT_EQ(read_error("images", dir), (dir / "train") + ": no such folder");
  std::filesystem::create_directories(dir / "train");
  EXPECT_EQ(read_error("images", dir), (dir / "train") + ": holds no class folders");
  std::filesystem::create_directories(dir / "train/cat");
  EXPECT_EQ(read_error("images", dir), (dir / "train/cat") + ": holds no images (.png, .jpg, .jpeg)");
  write_small_folders(dir);
  dir.write("train/dog/a.gif", "GIF89a");
  EXPECT_EQ(read_error("images", dir), (dir / "train/dog/a.gif") + ": image format not read; expected .png, .jpg or .jpeg");
  std::filesystem::remove(dir / "train/dog/a.gif");
  dir.write("train/dog/a2.png", "");
  EXPECT_EQ(read_error("images", dir), (dir / "train/dog/a2.png") + ": neither PNG nor JPEG");
  dir.write("train/dog/a2.png", ramp_png(2, 3, 3).substr(0, 50));
  EXPECT_EQ(read_error("images", dir), (dir / "train/dog/a2.png") + ": truncated PNG");
  std::filesystem::remove(dir / "train/dog/a2.png");
  dir.write("test/bird/x.png", ramp_png(2, 3, 3));
  EXPECT_EQ(read_error("images", dir), (dir / "test/bird") + ": not one of the 2 classes");
  std::filesystem::remove_all(dir / "test");
  EXPECT_EQ(read_error("images", dir), (dir / "test") + ": no such folder");
  EXPECT_EQ(read_error("images", dir, Half::kTrain), "");
}

TEST(Images, NamesTheFirstOddOneWhateverTheThreads) {
  Scratch dir;
  for (int i = 100; i < 200; ++i) dir.write("train/a/" + std::to_string(i) + ".png", ramp_png(4, 4, 1, i));
  dir.write("train/a/131.png", ramp_png(4, 5, 1));
  dir.write("train/a/132.jpg", flat_jpeg(8, 8, {1}));
  dir.write("train/a/190.png", "broken");
  for (int round = 0; round < 20; ++round) {
    EXPECT_EQ(read_error("images", dir, Half::kTrain),
              (dir / "train/a/131.png") + ": 4x5 pixels; expected 4x4 as in " + (dir / "train/a/100.png"));
  }
}

/// Two classes in Tiny ImageNet's layout; wnids.txt gives the order of the classes, not the alphabet.
void write_tiny_imagenet(const Scratch& dir) {
  dir.write("wnids.txt", "n02\nn01\n");
  dir.write("train/n01/images/n01_0.JPEG", flat_jpeg(8, 8, {10, 10, 10}));
  dir.write("train/n01/n01_boxes.txt", "n01_0.JPEG\t0\t0\t7\t7\n");
  dir.write("train/n02/images/n02_0.JPEG", flat_jpeg(8, 8, {200}));
  dir.write("val/images/val_0.JPEG", flat_jpeg(8, 8, {50, 50, 50}));
  dir.write("val/images/val_1.JPEG", flat_jpeg(8, 8, {60, 60, 60}));
  dir.write("val/val_annotations.txt", "val_1.JPEG\tn01\t0\t0\t7\t7\nval_0.JPEG\tn02\t0\t0\t7\t7\n");
}

TEST(Images, ReadsTheLayoutOfTinyImageNet) {
  Scratch dir;
  write_tiny_imagenet(dir);
  const DataSet set = read_dataset("images:" + dir.path().string());
  EXPECT_EQ(set.class_names, (std::vector<std::string>{"n02", "n01"}));
  EXPECT_EQ(set.train.labels, (std::vector<std::int32_t>{0, 1}));
  EXPECT_EQ(set.train.sample(0), std::vector<float>(192, 200));
  EXPECT_EQ(set.test.labels, (std::vector<std::int32_t>{0, 1}));
  EXPECT_NEAR(set.test.sample(1)[0], 60, 2);
}

TEST(Images, ChecksTheAnnotationsOfTinyImageNet) {
  Scratch dir;
  write_tiny_imagenet(dir);
  const std::string annotations = dir / "val/val_annotations.txt";
  dir.write("val/val_annotations.txt", "val_1.JPEG\tn01\t0\n");
  EXPECT_EQ(read_error("images", dir), (dir / "val/images/val_0.JPEG") + ": has no line in " + annotations);
  dir.write("val/val_annotations.txt", "val_1.JPEG\tn01\nval_0.JPEG\tn03\n");
  EXPECT_EQ(read_error("images", dir), annotations + ":2: class 'n03' is not in wnids.txt");
  dir.write("val/val_annotations.txt", "val_1.JPEG\tn01\nval_0.JPEG\tn02\nval_0.JPEG\tn02\n");
  EXPECT_EQ(read_error("images", dir), annotations + ":3: image 'val_0.JPEG' is listed twice");
  dir.write("val/val_annotations.txt", "val_1.JPEG\tn01\nval_0.JPEG\tn02\nval_2.JPEG\tn02\n");
  EXPECT_EQ(read_error("images", dir), (dir / "val/images/val_2.JPEG") + ": no such file; " + annotations + " lists it");
  dir.write("val/val_annotations.txt", "val_1.JPEG n01\n");
  EXPECT_EQ(read_error("images", dir), annotations + ":1: no tab; expected an image name, a tab and a class");
  std::filesystem::remove_all(dir / "train/n02");
  EXPECT_EQ(read_error("images", dir), (dir / "train/n02/images") + ": no such folder");
  dir.write("train/n05/images/a.JPEG", flat_jpeg(8, 8, {50, 50, 50}));
  EXPECT_EQ(read_error("images", dir), (dir / "train/n05") + ": not one of the 2 classes");
}

TEST(Images, ReadsTheRealTinyImageNet) {
  const std::filesystem::path packed = test::shared_data("tiny-imagenet");
  if (packed.empty()) GTEST_SKIP() << "no Tiny ImageNet beside the source tree (MJ_SHARED names another place)";
  Scratch dir;
  const std::string command =
      "tar xJf " + (packed / "tiny-imagenet-val-2000.tar.xz").string() + " -C " + dir.path().string();
  ASSERT_EQ(std::system(command.c_str()), 0);
  const DataSet set = read_dataset("images:" + (dir / "tiny-imagenet-200"), Half::kTest);
  EXPECT_EQ(set.classes(), 200);
  EXPECT_EQ(set.test.shape, (Shape{64, 64, 3}));
  std::vector<int> per_class(200);
  for (const std::int32_t label : set.test.labels) ++per_class[static_cast<std::size_t>(label)];
  EXPECT_EQ(per_class, std::vector<int>(200, 10));
  // The means everyone normalises Tiny ImageNet with (training half: 0.4802, 0.4481, 0.3975), up to a sample of 2,000.
  double sums[3] = {};
  const auto& pixels = std::get<0>(set.test.elements);
  for (std::size_t i = 0; i < pixels.size(); ++i) sums[i % 3] += pixels[i];
  const double scale = 255.0 * static_cast<double>(pixels.size() / 3);
  EXPECT_NEAR(sums[0] / scale, 0.4802, 0.01);
  EXPECT_NEAR(sums[1] / scale, 0.4481, 0.01);
  EXPECT_NEAR(sums[2] / scale, 0.3975, 0.01);
}

}  // namespace
}  // namespace mj
