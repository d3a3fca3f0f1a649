// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/text.h"
#include "mj/data/formats.h"

// The binary versions are described on https://www.cs.toronto.edu/~kriz/cifar.html: records of one label byte
// (CIFAR-100: coarse, then fine) and 32x32 pixels, all red ones first, then green, then blue.

namespace mj {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSide = 32;
constexpr std::int64_t kPlane = kSide * kSide;
constexpr std::int64_t kPixels = 3 * kPlane;

constexpr std::array<const char*, 10> kCifar10Names{"airplane", "automobile", "bird",  "cat",  "deer",
                                                    "dog",      "frog",       "horse", "ship", "truck"};

constexpr std::array<const char*, 100> kCifar100Names{
    "apple",      "aquarium_fish", "baby",         "bear",       "beaver",      "bed",         "bee",
    "beetle",     "bicycle",       "bottle",       "bowl",       "boy",         "bridge",      "bus",
    "butterfly",  "camel",         "can",          "castle",     "caterpillar", "cattle",      "chair",
    "chimpanzee", "clock",         "cloud",        "cockroach",  "couch",       "crab",        "crocodile",
    "cup",        "dinosaur",      "dolphin",      "elephant",   "flatfish",    "forest",      "fox",
    "girl",       "hamster",       "house",        "kangaroo",   "keyboard",    "lamp",        "lawn_mower",
    "leopard",    "lion",          "lizard",       "lobster",    "man",         "maple_tree",  "motorcycle",
    "mountain",   "mouse",         "mushroom",     "oak_tree",   "orange",      "orchid",      "otter",
    "palm_tree",  "pear",          "pickup_truck", "pine_tree",  "plain",       "plate",       "poppy",
    "porcupine",  "possum",        "rabbit",       "raccoon",    "ray",         "road",        "rocket",
    "rose",       "sea",           "seal",         "shark",      "shrew",       "skunk",       "skyscraper",
    "snail",      "snake",         "spider",       "squirrel",   "streetcar",   "sunflower",   "sweet_pepper",
    "table",      "tank",          "telephone",    "television", "tiger",       "tractor",     "train",
    "trout",      "tulip",         "turtle",       "wardrobe",   "whale",       "willow_tree", "wolf",
    "woman",      "worm"};

struct File {
  const char* name;
  std::int64_t records;  ///< in the official file
};

struct Layout {
  std::int64_t label_bytes;  ///< the last one is the label
  std::vector<File> train;
  std::vector<File> test;
  const char* names_file;
  std::vector<std::string> names;

  std::int64_t record_bytes() const { return label_bytes + kPixels; }
};

void append_file(const fs::path& path, const Layout& layout, Samples& out) {
  const std::vector<std::byte> bytes = read_file(path);
  const auto& names = layout.names;
  const std::int64_t record = layout.record_bytes();
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  auto& elements = std::get<std::vector<std::uint8_t>>(out.elements);
  const std::size_t start = elements.size();
  const std::int64_t n = std::ssize(bytes) / record;
  elements.resize(start + static_cast<std::size_t>(n * kPixels));
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint8_t* source = data + i * record;
    const int label = source[layout.label_bytes - 1];
    if (label >= std::ssize(names)) {
      fail("{}: record {}: label {} out of range; expected 0..{}", path.string(), i, label, names.size() - 1);
    }
    out.labels.push_back(label);
    source += layout.label_bytes;
    std::uint8_t* target = elements.data() + start + static_cast<std::size_t>(i * kPixels);
    for (std::int64_t p = 0; p < kPlane; ++p) {
      for (std::int64_t c = 0; c < 3; ++c) *target++ = source[c * kPlane + p];
    }
  }
}

/// Every file must hold whole records. A file that lost its end at a record boundary shows by standing beside others of
/// official length: either all have the official number of records, or (a set cut down on purpose) none has.
void check_sizes(const fs::path& dir, const Layout& layout, std::span<const File> wanted) {
  std::vector<File> all = layout.train;
  all.insert(all.end(), layout.test.begin(), layout.test.end());
  const char* official = nullptr;
  for (const File& file : all) {
    const fs::path path = dir / file.name;
    if (!official && fs::is_regular_file(path) &&
        fs::file_size(path) == static_cast<std::uintmax_t>(file.records * layout.record_bytes())) {
      official = file.name;
    }
  }
  for (const File& file : wanted) {
    const fs::path path = dir / file.name;
    if (!fs::exists(path)) fail("{}: no such file", path.string());
    if (!fs::is_regular_file(path)) fail("{}: not a file", path.string());
    const auto size = static_cast<std::int64_t>(fs::file_size(path));
    const std::int64_t record = layout.record_bytes();
    if (size == 0) fail("{}: empty; expected records of {} bytes", path.string(), thousands(record));
    const std::int64_t expected = file.records * record;
    if (size > expected) {
      fail("{}: trailing bytes after {} records of {} ({} bytes); found {}", path.string(), thousands(file.records),
           thousands(record), thousands(expected), thousands(size));
    }
    if (size % record != 0) {
      fail("{}: truncated: {} bytes are {} whole records of {} and {} more", path.string(), thousands(size),
           thousands(size / record), thousands(record), thousands(size % record));
    }
    if (size < expected && official != nullptr) {
      fail("{}: truncated: {} records; expected {}, for {} is complete", path.string(), thousands(size / record),
           thousands(file.records), official);
    }
  }
}

Samples read_cifar_half(const fs::path& dir, const Layout& layout, const std::vector<File>& files) {
  check_sizes(dir, layout, files);
  Samples out;
  out.shape = {kSide, kSide, 3};
  std::uintmax_t bytes = 0;
  for (const File& file : files) bytes += fs::file_size(dir / file.name);
  auto& elements = std::get<std::vector<std::uint8_t>>(out.elements);
  elements.reserve(bytes / static_cast<std::uintmax_t>(layout.record_bytes()) * kPixels);
  for (const File& file : files) append_file(dir / file.name, layout, out);
  return out;
}

DataSet read_cifar(const fs::path& dir, Half half, const Layout& layout) {
  DataSet set;
  set.class_names = layout.names;
  const fs::path names_path = dir / layout.names_file;
  if (fs::exists(names_path)) {
    set.class_names = read_class_names(names_path);
    if (set.class_names.size() != layout.names.size()) {
      fail("{}: {} class names; expected {}", names_path.string(), set.class_names.size(), layout.names.size());
    }
  }
  if (wants_train(half)) set.train = read_cifar_half(dir, layout, layout.train);
  if (wants_test(half)) set.test = read_cifar_half(dir, layout, layout.test);
  return set;
}

}  // namespace

DataSet read_cifar10(const fs::path& dir, Half half) {
  return read_cifar(dir, half,
                    {.label_bytes = 1,
                     .train = {{"data_batch_1.bin", 10000},
                               {"data_batch_2.bin", 10000},
                               {"data_batch_3.bin", 10000},
                               {"data_batch_4.bin", 10000},
                               {"data_batch_5.bin", 10000}},
                     .test = {{"test_batch.bin", 10000}},
                     .names_file = "batches.meta.txt",
                     .names = {kCifar10Names.begin(), kCifar10Names.end()}});
}

DataSet read_cifar100(const fs::path& dir, Half half) {
  return read_cifar(dir, half,
                    {.label_bytes = 2,
                     .train = {{"train.bin", 50000}},
                     .test = {{"test.bin", 10000}},
                     .names_file = "fine_label_names.txt",
                     .names = {kCifar100Names.begin(), kCifar100Names.end()}});
}

}  // namespace mj
