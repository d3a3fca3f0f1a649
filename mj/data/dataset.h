// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mj/ir/type.h"

namespace mj {

/// Samples with their labels; elements are pixels 0..255 (u8) or real features (float), channels last, one sample after
/// the other.
struct Samples {
  Shape shape;  ///< of one sample
  std::variant<std::vector<std::uint8_t>, std::vector<float>> elements;
  std::vector<std::int32_t> labels;

  std::int64_t size() const { return static_cast<std::int64_t>(labels.size()); }
  bool pixels() const { return elements.index() == 0; }
  /// Sample i as floats (pixels stay 0..255).
  void copy_to(std::int64_t i, std::span<float> out) const;
  std::vector<float> sample(std::int64_t i) const;
};

/// The samples with these indices, in this order.
Samples subset(const Samples& samples, std::span<const std::int64_t> indices);

/// A data set with its official halves. Validation is cut from `train` by `split_validation`; `test` is read once.
struct DataSet {
  std::string name;  ///< the specification it was read from
  std::vector<std::string> class_names;
  Samples train;
  Samples test;

  std::int64_t classes() const { return static_cast<std::int64_t>(class_names.size()); }
};

/// Which halves to read; reading only what is needed keeps `test` unread until the end.
enum class Half { kTrain, kTest, kBoth };

/// Reads `fashion-mnist`, `idx:DIR`, `cifar10:DIR`, `cifar100:DIR`, `images:DIR` or `npy:DIR`. Throws `Error` that says
/// which package or path is missing, or which file is truncated and by how much.
DataSet read_dataset(std::string_view specification, Half half = Half::kBoth);

/// Train and validation, drawn per class by `seed`; `fraction` of each class is held out.
struct Split {
  Samples train;
  Samples validation;
};
Split split_validation(const Samples& samples, double fraction, std::uint64_t seed);

}  // namespace mj
