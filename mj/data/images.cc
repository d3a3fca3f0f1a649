// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/parallel.h"
#include "mj/base/text.h"
#include "mj/data/formats.h"
#include "mj/data/image.h"

namespace mj {
namespace {

namespace fs = std::filesystem;

struct ImageFile {
  fs::path path;
  std::int32_t label = 0;
};

/// Entries of a folder by name, hidden ones left out. Order must not depend on the file system.
std::vector<fs::path> sorted_entries(const fs::path& dir) {
  if (!fs::is_directory(dir)) fail("{}: no such folder", dir.string());
  std::vector<fs::path> paths;
  for (const fs::directory_entry& entry : fs::directory_iterator(dir)) {
    if (!entry.path().filename().string().starts_with('.')) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<std::string> sorted_folders(const fs::path& dir) {
  std::vector<std::string> names;
  for (const fs::path& path : sorted_entries(dir)) {
    if (fs::is_directory(path)) names.push_back(path.filename().string());
  }
  return names;
}

/// PNG and JPEG files of a folder by name. Other image formats are refused: leaving them out would silently shrink the
/// set.
std::vector<fs::path> image_files(const fs::path& dir) {
  static const std::set<std::string> kRead{".png", ".jpg", ".jpeg"};
  static const std::set<std::string> kOtherImages{".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"};
  std::vector<fs::path> out;
  for (const fs::path& path : sorted_entries(dir)) {
    std::string extension = path.extension().string();
    for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (kOtherImages.contains(extension))
      fail("{}: image format not read; expected .png, .jpg or .jpeg", path.string());
    if (kRead.contains(extension)) out.push_back(path);
  }
  if (out.empty()) fail("{}: holds no images (.png, .jpg, .jpeg)", dir.string());
  return out;
}

/// The class numbers by name.
std::map<std::string, std::int32_t> class_numbers(const std::vector<std::string>& names) {
  std::map<std::string, std::int32_t> numbers;
  for (const std::string& name : names) numbers.emplace(name, static_cast<std::int32_t>(numbers.size()));
  return numbers;
}

/// `DIR/<class>/*`, or Tiny ImageNet's `DIR/<class>/images/*`; only known classes, in the order of `names`. A test half
/// may lack classes (`all` false), a training half may not.
std::vector<ImageFile> list_classes(const fs::path& dir, const std::vector<std::string>& names,
                                    const std::string& subfolder, bool all) {
  const auto numbers = class_numbers(names);
  for (const std::string& folder : sorted_folders(dir)) {
    if (!numbers.contains(folder)) fail("{}: not one of the {} classes", (dir / folder).string(), names.size());
  }
  std::vector<ImageFile> files;
  for (const std::string& name : names) {
    if (!all && !fs::exists(dir / name)) continue;
    const fs::path folder = subfolder.empty() ? dir / name : dir / name / subfolder;
    for (fs::path& path : image_files(folder)) files.push_back({std::move(path), numbers.at(name)});
  }
  if (files.empty()) fail("{}: holds no class folders", dir.string());
  return files;
}

/// Tiny ImageNet's validation half: `images/*` and one line per image, `NAME<tab>WNID<tab>box...`.
std::vector<ImageFile> list_annotated(const fs::path& dir, const std::vector<std::string>& names) {
  const fs::path annotations = dir / "val_annotations.txt";
  const auto numbers = class_numbers(names);
  std::map<std::string, std::int32_t> labels;
  const std::string text = read_text(annotations);
  std::size_t begin = 0;
  for (int line_number = 1; begin < text.size(); ++line_number) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.empty() || line == "\r") continue;
    const std::string where = fmt::format("{}:{}", annotations.string(), line_number);
    const std::size_t tab = line.find('\t');
    if (tab == std::string::npos) fail("{}: no tab; expected an image name, a tab and a class", where);
    const std::string image = line.substr(0, tab);
    const std::string wnid = line.substr(tab + 1, line.find_first_of("\t\r", tab + 1) - tab - 1);
    const auto number = numbers.find(wnid);
    if (number == numbers.end()) fail("{}: class '{}' is not in wnids.txt", where, wnid);
    if (!labels.emplace(image, number->second).second) fail("{}: image '{}' is listed twice", where, image);
  }
  std::vector<ImageFile> files;
  for (fs::path& path : image_files(dir / "images")) {
    const auto label = labels.find(path.filename().string());
    if (label == labels.end()) fail("{}: has no line in {}", path.string(), annotations.string());
    const std::int32_t number = label->second;
    labels.erase(label);
    files.push_back({std::move(path), number});
  }
  if (!labels.empty())
    fail("{}: no such file; {} lists it", (dir / "images" / labels.begin()->first).string(), annotations.string());
  return files;
}

/// Runs `body` for every file on all threads; of several failures the first in order is reported.
template <class Body>
void for_each_file(const std::vector<ImageFile>& files, Body body) {
  std::vector<std::optional<Error>> errors(files.size());
  parallel_for(std::ssize(files), [&](std::int64_t i) {
    try {
      body(static_cast<std::size_t>(i));
    } catch (const Error& error) {
      errors[static_cast<std::size_t>(i)] = error;
    }
  });
  for (const std::optional<Error>& error : errors) {
    if (error) throw Error(*error);
  }
}

ImageHeader header_of(const fs::path& path) {
  const std::vector<std::byte> bytes = read_file(path);
  return with_context(path.string(), [&] { return read_image_header(bytes); });
}

/// The size of all images and whether all are grey, where a set is only looked at: stops at the first colour image.
struct Appearance {
  ImageHeader common;
  fs::path example;
};
Appearance appearance_of(const std::vector<ImageFile>& files) {
  Appearance out{header_of(files.front().path), files.front().path};
  for (std::size_t i = 1; i < files.size() && out.common.grey; ++i) out.common.grey = header_of(files[i].path).grey;
  return out;
}

std::string size_text(const ImageHeader& header) { return fmt::format("{}x{}", header.height, header.width); }

/// Decodes all files. Their size must be that of the first, or of `like` (the training half), which then also says
/// whether there is one channel or three.
Samples decode_all(const std::vector<ImageFile>& files, const std::optional<Appearance>& like) {
  const ImageHeader first = like ? like->common : header_of(files.front().path);
  const fs::path& example = like ? like->example : files.front().path;
  const std::int64_t plane = first.height * first.width;
  if (std::ssize(files) > kMaxSampleBytes / (3 * plane)) {
    fail("{}: {} images of {} need more than {}", files.front().path.parent_path().string(), files.size(),
         size_text(first), bytes_text(kMaxSampleBytes));
  }
  std::vector<std::uint8_t> rgb(files.size() * static_cast<std::size_t>(3 * plane));
  std::vector<std::uint8_t> grey(files.size());
  for_each_file(files, [&](std::size_t i) {
    const fs::path& path = files[i].path;
    const std::vector<std::byte> bytes = read_file(path);
    with_context(path.string(), [&] {
      const ImageHeader header = read_image_header(bytes);
      if (header.height != first.height || header.width != first.width) {
        fail("{} pixels; expected {} as in {}", size_text(header), size_text(first), example.string());
      }
      if (like && like->common.grey && !header.grey) fail("in colour; all training images are grey");
      decode_image(
          bytes, std::span(rgb).subspan(i * static_cast<std::size_t>(3 * plane), static_cast<std::size_t>(3 * plane)));
      grey[i] = header.grey;
    });
  });

  Samples out;
  for (const ImageFile& file : files) out.labels.push_back(file.label);
  const bool all_grey = like ? like->common.grey : std::all_of(grey.begin(), grey.end(), [](auto g) { return g != 0; });
  out.shape = {first.height, first.width, all_grey ? 1 : 3};
  if (all_grey) {
    const std::size_t pixels = rgb.size() / 3;
    for (std::size_t i = 0; i < pixels; ++i) rgb[i] = rgb[3 * i];
    rgb.resize(pixels);
    rgb.shrink_to_fit();
  }
  out.elements = std::move(rgb);
  return out;
}

}  // namespace

DataSet read_images(const fs::path& dir, Half half) {
  DataSet set;
  const bool tiny_imagenet = fs::exists(dir / "wnids.txt");
  const fs::path train_dir = dir / "train";
  const fs::path test_dir = dir / (tiny_imagenet ? "val" : "test");
  const std::string subfolder = tiny_imagenet ? "images" : "";
  // The training half decides the classes and the channels, also when only the test half is read.
  const bool has_train = wants_train(half) || fs::exists(train_dir);
  if (tiny_imagenet) {
    set.class_names = read_class_names(dir / "wnids.txt");
  } else {
    const fs::path& classes_dir = has_train ? train_dir : test_dir;
    set.class_names = sorted_folders(classes_dir);
    if (set.class_names.empty()) fail("{}: holds no class folders", classes_dir.string());
    if (std::ssize(set.class_names) > kMaxClasses) {
      fail("{}: more than {} classes", classes_dir.string(), thousands(kMaxClasses));
    }
  }

  std::optional<Appearance> appearance;
  if (has_train) {
    const std::vector<ImageFile> files = list_classes(train_dir, set.class_names, subfolder, true);
    if (wants_train(half)) {
      set.train = decode_all(files, std::nullopt);
      appearance = {{set.train.shape[0], set.train.shape[1], set.train.shape[2] == 1}, files.front().path};
    } else {
      appearance = appearance_of(files);
    }
  }
  if (wants_test(half)) {
    const std::vector<ImageFile> files = tiny_imagenet ? list_annotated(test_dir, set.class_names)
                                                       : list_classes(test_dir, set.class_names, subfolder, false);
    set.test = decode_all(files, appearance);
  }
  return set;
}

}  // namespace mj
