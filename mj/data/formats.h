// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "mj/data/dataset.h"

// The readers behind `read_dataset`, one file per format. Each takes the folder and gives the halves asked for; the
// class names never depend on which half that is.

namespace mj {

inline bool wants_train(Half half) { return half != Half::kTest; }
inline bool wants_test(Half half) { return half != Half::kTrain; }

/// The sides of an image that are still read, and the bytes of a half that are still held in memory: far above any data
/// set for small devices, far below what a forged header may promise.
inline constexpr std::int64_t kMaxImageSide = 4096;
inline constexpr std::int64_t kMaxSampleBytes = std::int64_t{16} << 30;
inline constexpr std::int32_t kMaxClasses = 65536;

/// MNIST's IDX files, plain or gzip. Without `class_names` they come from `class_names.txt`, else are the labels'
/// numbers.
DataSet read_idx(const std::filesystem::path& dir, Half half, std::vector<std::string> class_names = {});

/// Fashion-MNIST where Debian's package `dataset-fashion-mnist` puts it.
DataSet read_fashion_mnist(const std::filesystem::path& dir, Half half);

/// CIFAR-10 and CIFAR-100 in their official binary versions (fine labels).
DataSet read_cifar10(const std::filesystem::path& dir, Half half);
DataSet read_cifar100(const std::filesystem::path& dir, Half half);

/// One folder per class with PNG and JPEG files, or Tiny ImageNet's layout when there is a `wnids.txt`.
DataSet read_images(const std::filesystem::path& dir, Half half);

/// `x_train.npy y_train.npy x_test.npy y_test.npy`.
DataSet read_npy_set(const std::filesystem::path& dir, Half half);

/// The lines of a file of class names, without the empty ones. Throws `Error` when a name comes twice or there are more
/// than `kMaxClasses`.
std::vector<std::string> read_class_names(const std::filesystem::path& path);

/// "0", "1", ..., for labels without names: one more class than the largest label. Throws `Error` naming `path` when a
/// label is negative or absurd.
std::vector<std::string> numbered_classes(const std::filesystem::path& path, std::span<const std::int32_t> labels);

/// Throws `Error` unless every label is in 0..classes-1: `PATH: sample 7: label 12 out of range; expected 0..9`.
void check_labels(const std::filesystem::path& path, std::span<const std::int32_t> labels, std::int64_t classes);

}  // namespace mj
