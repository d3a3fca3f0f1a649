// SPDX-License-Identifier: Apache-2.0
#include "mj/emit/runtime_files.h"

#include <vector>

#include "mj/base/error.h"

namespace mj {
namespace {

std::vector<std::string> included(const std::string& text) {
  static const std::string directive = "#include \"";
  std::vector<std::string> names;
  for (std::size_t at = text.find(directive); at != std::string::npos; at = text.find(directive, at)) {
    at += directive.size();
    names.push_back(text.substr(at, text.find('"', at) - at));
  }
  return names;
}

}  // namespace

std::set<std::string> with_dependencies(const std::set<std::string>& files) {
  const auto& all = runtime_files();
  std::set<std::string> found;
  std::vector<std::string> open(files.begin(), files.end());
  while (!open.empty()) {
    const std::string name = open.back();
    open.pop_back();
    if (!found.insert(name).second) {
      continue;
    }
    const auto file = all.find(name);
    MJ_CHECK(file != all.end());
    for (const std::string& needed : included(file->second)) {
      open.push_back(needed);
    }
    if (name.ends_with(".h")) {
      const std::string source = name.substr(0, name.size() - 1) + "c";
      if (all.contains(source)) {
        open.push_back(source);
      }
    }
  }
  return found;
}

}  // namespace mj
