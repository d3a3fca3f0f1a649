// SPDX-License-Identifier: Apache-2.0
#include "mj/data/idx.h"

#include <algorithm>
#include <string>
#include <utility>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/text.h"
#include "mj/data/formats.h"
#include "mj/data/gzip.h"

// The IDX format is described on http://yann.lecun.com/exdb/mnist: two zero bytes, the element type, the number of
// dimensions, then each dimension as a big-endian 32-bit count, then the elements.

namespace mj {
namespace {

namespace fs = std::filesystem;

std::uint32_t big_endian(std::span<const std::byte> bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
  return value;
}

/// `train-images-idx3-ubyte` or `train-images.idx3-ubyte`, plain or `.gz`; empty when there is none.
fs::path find_idx(const fs::path& dir, const std::string& stem, const std::string& kind) {
  for (const char* joint : {"-", "."}) {
    for (const char* suffix : {"", ".gz"}) {
      fs::path path = dir / (stem + joint + kind + suffix);
      if (fs::exists(path)) return path;
    }
  }
  return {};
}

fs::path need_idx(const fs::path& dir, const std::string& stem, const std::string& kind) {
  fs::path path = find_idx(dir, stem, kind);
  if (path.empty()) fail("{}: has neither {}-{} nor {}-{}.gz", dir.string(), stem, kind, stem, kind);
  return path;
}

std::string promise_text(std::span<const std::uint32_t> dims, std::int64_t bytes) {
  if (dims.size() == 1) return fmt::format("{} labels ({} bytes)", dims[0], thousands(bytes));
  return fmt::format("{} images of {}x{} ({} bytes)", dims[0], dims[1], dims[2], thousands(bytes));
}

}  // namespace

IdxFile parse_idx(std::span<const std::byte> file, bool gzip, std::uint32_t magic) {
  const std::size_t rank = magic & 0xff;
  const std::size_t header_size = 4 + 4 * rank;
  std::vector<std::byte> header;
  if (gzip) {
    header = gunzip(file, header_size).bytes;
  } else {
    header.assign(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(std::min(file.size(), header_size)));
  }
  if (header.size() >= 4 && big_endian(header, 0) != magic) {
    fail("starts with {:#010x}; expected {:#010x} (IDX, unsigned bytes, {} dimension{})", big_endian(header, 0), magic,
         rank, rank == 1 ? "" : "s");
  }
  if (header.size() < header_size) fail("truncated: the header has {} bytes; found {}", header_size, header.size());

  IdxFile out;
  std::int64_t promised = 1;
  for (std::size_t d = 0; d < rank; ++d) {
    out.dims.push_back(big_endian(header, 4 + 4 * d));
    if (d > 0 && (out.dims[d] == 0 || out.dims[d] > kMaxImageSide)) {
      fail("header promises images with a side of {}; expected 1..{}", out.dims[d], kMaxImageSide);
    }
    promised *= out.dims[d];  // at most 2^32 * 2^12 * 2^12
  }
  if (out.dims[0] == 0) fail("holds no {}", rank == 1 ? "labels" : "images");
  promised += static_cast<std::int64_t>(header_size);

  // One byte more than promised is enough to see that there is more, and a bomb is never unpacked.
  std::vector<std::byte> inflated;
  if (gzip) {
    auto [bytes, complete] = gunzip(file, static_cast<std::size_t>(std::min(promised, kMaxSampleBytes)) + 1);
    inflated = std::move(bytes);
    file = inflated;
    if (std::ssize(file) == promised && !complete) fail("truncated: the gzip stream ends before its checksum");
  }
  if (promised > kMaxSampleBytes && std::ssize(file) > kMaxSampleBytes) {
    fail("header promises {}; at most {} are read", promise_text(out.dims, promised), bytes_text(kMaxSampleBytes));
  }
  if (std::ssize(file) < promised) {
    fail("truncated: header promises {}; found {}", promise_text(out.dims, promised), thousands(std::ssize(file)));
  }
  if (std::ssize(file) > promised) fail("trailing bytes after {}", promise_text(out.dims, promised));
  const auto* first = reinterpret_cast<const std::uint8_t*>(file.data());
  out.elements.assign(first + header_size, first + file.size());
  return out;
}

namespace {

IdxFile read_idx_file(const fs::path& path, std::uint32_t magic) {
  const std::vector<std::byte> bytes = read_file(path);
  return with_context(path.string(), [&] { return parse_idx(bytes, path.extension() == ".gz", magic); });
}

std::vector<std::int32_t> read_idx_labels(const fs::path& path) {
  const IdxFile file = read_idx_file(path, kIdxLabels);
  return {file.elements.begin(), file.elements.end()};
}

Samples read_idx_half(const fs::path& dir, const std::string& stem, std::int64_t classes) {
  const fs::path images_path = need_idx(dir, stem + "-images", "idx3-ubyte");
  const fs::path labels_path = need_idx(dir, stem + "-labels", "idx1-ubyte");
  Samples out;
  out.labels = read_idx_labels(labels_path);
  IdxFile images = read_idx_file(images_path, kIdxImages);
  if (images.dims[0] != out.labels.size()) {
    fail("{}: {} labels; {} holds {} images", labels_path.string(), out.labels.size(), images_path.filename().string(),
         images.dims[0]);
  }
  check_labels(labels_path, out.labels, classes);
  out.shape = {images.dims[1], images.dims[2], 1};
  out.elements = std::move(images.elements);
  return out;
}

}  // namespace

DataSet read_idx(const fs::path& dir, Half half, std::vector<std::string> class_names) {
  DataSet set;
  set.class_names = std::move(class_names);
  if (set.class_names.empty() && fs::exists(dir / "class_names.txt")) {
    set.class_names = read_class_names(dir / "class_names.txt");
  }
  if (set.class_names.empty()) {
    // The training labels decide how many classes there are, also when only the test half is read.
    fs::path labels = find_idx(dir, "train-labels", "idx1-ubyte");
    if (labels.empty()) labels = need_idx(dir, wants_train(half) ? "train-labels" : "t10k-labels", "idx1-ubyte");
    set.class_names = numbered_classes(labels, read_idx_labels(labels));
  }
  if (wants_train(half)) set.train = read_idx_half(dir, "train", set.classes());
  if (wants_test(half)) set.test = read_idx_half(dir, "t10k", set.classes());
  if (half == Half::kBoth && set.train.shape != set.test.shape) {
    fail("{}: training images are {}, test images {}", dir.string(), shape_text(set.train.shape),
         shape_text(set.test.shape));
  }
  return set;
}

DataSet read_fashion_mnist(const fs::path& dir, Half half) {
  if (!fs::is_directory(dir)) {
    fail("data set 'fashion-mnist': {}: no such folder; install the Debian package dataset-fashion-mnist",
         dir.string());
  }
  return read_idx(
      dir, half,
      {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"});
}

}  // namespace mj
