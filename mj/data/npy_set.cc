// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "mj/base/error.h"
#include "mj/base/npy.h"
#include "mj/data/formats.h"

// x is {n, ...} with channels last, y the n class numbers. Images without a channel dimension, {n, height, width}, get
// one channel; {n, features} stay vectors. Unsigned bytes are pixels, everything else becomes float.

namespace mj {
namespace {

namespace fs = std::filesystem;

std::string array_text(const NpyArray& array) { return shape_text(array.shape); }

std::vector<std::int32_t> read_npy_labels(const fs::path& path) {
  const NpyArray array = read_npy(path);
  const bool column = array.shape.size() == 2 && array.shape[1] == 1;
  if (array.shape.size() != 1 && !column) {
    fail("{}: shape {}; expected one class number per sample", path.string(), array_text(array));
  }
  if (array.count() == 0) fail("{}: holds no labels", path.string());
  const std::vector<std::int64_t> wide = with_context(path.string(), [&] { return array.as_i64(); });
  std::vector<std::int32_t> labels;
  labels.reserve(wide.size());
  for (std::size_t i = 0; i < wide.size(); ++i) {
    if (wide[i] < 0 || wide[i] >= kMaxClasses) {
      fail("{}: sample {}: label {} out of range; expected 0..{}", path.string(), i, wide[i], kMaxClasses - 1);
    }
    labels.push_back(static_cast<std::int32_t>(wide[i]));
  }
  return labels;
}

Samples read_npy_half(const fs::path& dir, const std::string& half, std::int64_t classes) {
  const fs::path x_path = dir / ("x_" + half + ".npy");
  const fs::path y_path = dir / ("y_" + half + ".npy");
  Samples out;
  out.labels = read_npy_labels(y_path);
  check_labels(y_path, out.labels, classes);
  const NpyArray x = read_npy(x_path);
  if (x.shape.size() < 2 || x.shape.size() > 4) {
    fail("{}: shape {}; expected samples x features, samples x height x width, or samples x height x width x channels",
         x_path.string(), array_text(x));
  }
  if (x.shape[0] == 0) fail("{}: holds no samples", x_path.string());
  if (x.count() == 0) fail("{}: shape {}: samples have no elements", x_path.string(), array_text(x));
  if (x.shape[0] != out.size()) {
    fail("{}: {} labels; {} holds {} samples", y_path.string(), out.size(), x_path.filename().string(), x.shape[0]);
  }
  out.shape.assign(x.shape.begin() + 1, x.shape.end());
  if (out.shape.size() == 2) out.shape.push_back(1);
  if (x.type == NpyType::kU8) {
    const auto* first = reinterpret_cast<const std::uint8_t*>(x.data.data());
    out.elements = std::vector<std::uint8_t>(first, first + x.data.size());
    return out;
  }
  std::vector<float> values = x.as_f32();
  const auto odd = std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  if (odd != values.end()) {
    const std::int64_t at = odd - values.begin();
    const std::int64_t count = element_count(out.shape);
    fail("{}: sample {}: element {} is {}; expected finite numbers", x_path.string(), at / count, at % count, *odd);
  }
  out.elements = std::move(values);
  return out;
}

}  // namespace

DataSet read_npy_set(const fs::path& dir, Half half) {
  DataSet set;
  if (fs::exists(dir / "class_names.txt")) {
    set.class_names = read_class_names(dir / "class_names.txt");
  } else {
    // The training labels decide how many classes there are, also when only the test half is read.
    const bool from_train = wants_train(half) || fs::exists(dir / "y_train.npy");
    const fs::path labels = dir / (from_train ? "y_train.npy" : "y_test.npy");
    set.class_names = numbered_classes(labels, read_npy_labels(labels));
  }
  if (wants_train(half)) set.train = read_npy_half(dir, "train", set.classes());
  if (wants_test(half)) set.test = read_npy_half(dir, "test", set.classes());
  if (half == Half::kBoth) {
    if (set.train.shape != set.test.shape) {
      fail("{}: training samples are {}, test samples {}", dir.string(), shape_text(set.train.shape),
           shape_text(set.test.shape));
    }
    if (set.train.pixels() != set.test.pixels()) {
      fail("{}: one of x_train.npy and x_test.npy holds unsigned bytes and the other does not", dir.string());
    }
  }
  return set;
}

}  // namespace mj
