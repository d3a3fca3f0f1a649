// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstring>
#include <limits>

#include "mj/base/file.h"
#include "mj/base/npy.h"
#include "mj/data/dataset.h"
#include "scratch.h"

namespace mj {
namespace {

using test::read_error;
using test::Scratch;

template <class T>
NpyArray array(NpyType type, const std::vector<T>& values, std::vector<std::int64_t> shape) {
  NpyArray out{.type = type, .shape = std::move(shape)};
  out.data.resize(values.size() * sizeof(T));
  if (!values.empty()) std::memcpy(out.data.data(), values.data(), out.data.size());
  return out;
}
NpyArray floats(const std::vector<float>& values, std::vector<std::int64_t> shape) {
  return array(NpyType::kF32, values, std::move(shape));
}
NpyArray longs(const std::vector<std::int64_t>& values, std::vector<std::int64_t> shape) {
  return array(NpyType::kI64, values, std::move(shape));
}

void write_small_arrays(const Scratch& dir) {
  write_npy(dir / "x_train.npy", floats({0, 1, 2, 3, 4, 5}, {3, 2}));
  write_npy(dir / "y_train.npy", longs({0, 2, 1}, {3}));
  write_npy(dir / "x_test.npy", floats({6, 7}, {1, 2}));
  write_npy(dir / "y_test.npy", longs({1}, {1}));
}

TEST(NpySet, ReadsFeatures) {
  Scratch dir;
  write_small_arrays(dir);
  const DataSet set = read_dataset("npy:" + dir.path().string());
  EXPECT_EQ(set.classes(), 3);
  EXPECT_EQ(set.train.shape, (Shape{2}));
  EXPECT_FALSE(set.train.pixels());
  EXPECT_EQ(set.train.sample(1), (std::vector<float>{2, 3}));
  EXPECT_EQ(set.train.labels, (std::vector<std::int32_t>{0, 2, 1}));
}

TEST(NpySet, BytesArePixelsAndImagesGetAChannel) {
  Scratch dir;
  write_small_arrays(dir);
  write_npy(dir / "x_train.npy", array(NpyType::kU8, std::vector<std::uint8_t>(3 * 4, 200), {3, 2, 2}));
  write_npy(dir / "y_train.npy", array(NpyType::kU8, std::vector<std::uint8_t>{2, 0, 1}, {3, 1}));
  const DataSet set = read_dataset("npy:" + dir.path().string(), Half::kTrain);
  EXPECT_EQ(set.train.shape, (Shape{2, 2, 1}));
  EXPECT_TRUE(set.train.pixels());
  EXPECT_EQ(set.train.sample(2), (std::vector<float>{200, 200, 200, 200}));
  write_npy(dir / "x_train.npy", array(NpyType::kI16, std::vector<std::int16_t>(3 * 2 * 5 * 2, -9), {3, 2, 5, 2}));
  const DataSet deep = read_dataset("npy:" + dir.path().string(), Half::kTrain);
  EXPECT_EQ(deep.train.shape, (Shape{2, 5, 2}));
  EXPECT_EQ(deep.train.sample(0)[0], -9.0f);
}

TEST(NpySet, SaysWhatIsWrong) {
  Scratch dir;
  write_small_arrays(dir);
  write_npy(dir / "y_train.npy", longs({0, -1, 1}, {3}));
  EXPECT_EQ(read_error("npy", dir), (dir / "y_train.npy") + ": sample 1: label -1 out of range; expected 0..65535");
  write_npy(dir / "y_train.npy", longs({0, std::numeric_limits<std::int64_t>::max(), 1}, {3}));
  EXPECT_EQ(read_error("npy", dir),
            (dir / "y_train.npy") + ": sample 1: label 9223372036854775807 out of range; expected 0..65535");
  write_npy(dir / "y_train.npy", longs({0, 1}, {2}));
  EXPECT_EQ(read_error("npy", dir), (dir / "y_train.npy") + ": 2 labels; x_train.npy holds 3 samples");
  write_npy(dir / "y_train.npy", longs({0, 1, 1, 1, 1, 1}, {3, 2}));
  EXPECT_EQ(read_error("npy", dir), (dir / "y_train.npy") + ": shape 3x2; expected one class number per sample");
  write_npy(dir / "y_train.npy", longs({}, {0}));
  EXPECT_EQ(read_error("npy", dir), (dir / "y_train.npy") + ": holds no labels");
  write_small_arrays(dir);
  write_npy(dir / "y_test.npy", longs({3}, {1}));
  EXPECT_EQ(read_error("npy", dir), (dir / "y_test.npy") + ": sample 0: label 3 out of range; expected 0..2");
  write_small_arrays(dir);
  write_npy(dir / "x_train.npy", floats({0, 1, 2, 3, 4, std::nanf("")}, {3, 2}));
  EXPECT_EQ(read_error("npy", dir), (dir / "x_train.npy") + ": sample 2: element 1 is nan; expected finite numbers");
  write_npy(dir / "x_train.npy", array(NpyType::kF64, std::vector<double>{0, 1, 1e300, 3, 4, 5}, {3, 2}));
  EXPECT_EQ(read_error("npy", dir), (dir / "x_train.npy") + ": sample 1: element 0 is inf; expected finite numbers");
  write_npy(dir / "x_train.npy", floats({0, 1, 2}, {3}));
  EXPECT_EQ(read_error("npy", dir), (dir / "x_train.npy") +
                                 ": shape 3; expected samples x features, samples x height x width, "
                                 "or samples x height x width x channels");
  write_npy(dir / "x_train.npy", floats({}, {3, 0}));
  EXPECT_EQ(read_error("npy", dir), (dir / "x_train.npy") + ": shape 3x0: samples have no elements");
  write_npy(dir / "x_train.npy", floats({}, {0, 2}));
  EXPECT_EQ(read_error("npy", dir), (dir / "x_train.npy") + ": holds no samples");
  write_npy(dir / "x_train.npy", floats({0, 1, 2}, {3, 1}));
  EXPECT_EQ(read_error("npy", dir), dir.path().string() + ": training samples are 1, test samples 2");
  write_npy(dir / "x_train.npy", array(NpyType::kU8, std::vector<std::uint8_t>(6), {3, 2}));
  EXPECT_EQ(read_error("npy", dir),
            dir.path().string() + ": one of x_train.npy and x_test.npy holds unsigned bytes and the other does not");
  std::filesystem::remove(dir.path() / "x_train.npy");
  EXPECT_EQ(read_error("npy", dir), (dir / "x_train.npy") + ": no such file");
}

TEST(NpySet, EveryPrefixIsAnError) {
  for (const std::string name : {"x_train.npy", "y_train.npy"}) {
    Scratch dir;
    write_small_arrays(dir);
    const std::string whole = read_text(dir / name);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      dir.write(name, whole.substr(0, size));
      EXPECT_TRUE(read_error("npy", dir).starts_with((dir / name) + ": ")) << size << read_error("npy", dir);
    }
  }
}

}  // namespace
}  // namespace mj
