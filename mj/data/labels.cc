// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/base/text.h"
#include "mj/data/formats.h"

namespace mj {

std::vector<std::string> read_class_names(const std::filesystem::path& path) {
  const std::string text = read_text(path);
  std::vector<std::string> names;
  std::set<std::string> seen;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) line.pop_back();
    if (line.empty()) continue;
    if (!seen.insert(line).second) fail("{}: class '{}' is listed twice", path.string(), line);
    if (std::ssize(names) == kMaxClasses) fail("{}: more than {} classes", path.string(), thousands(kMaxClasses));
    names.push_back(std::move(line));
  }
  if (names.empty()) fail("{}: holds no class names", path.string());
  return names;
}

std::vector<std::string> numbered_classes(const std::filesystem::path& path, std::span<const std::int32_t> labels) {
  check_labels(path, labels, kMaxClasses);
  const std::int32_t largest = labels.empty() ? 0 : *std::max_element(labels.begin(), labels.end());
  std::vector<std::string> names;
  for (std::int32_t c = 0; c <= largest; ++c) names.push_back(std::to_string(c));
  return names;
}

void check_labels(const std::filesystem::path& path, std::span<const std::int32_t> labels, std::int64_t classes) {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || labels[i] >= classes) {
      fail("{}: sample {}: label {} out of range; expected 0..{}", path.string(), i, labels[i], classes - 1);
    }
  }
}

}  // namespace mj
