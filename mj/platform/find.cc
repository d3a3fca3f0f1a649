// SPDX-License-Identifier: Apache-2.0
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <system_error>

#include "mj/base/error.h"
#include "mj/base/text.h"
#include "mj/platform/platform.h"

namespace mj {
namespace {

namespace fs = std::filesystem;

/// `MJ_PLATFORMS` in the environment, else the folder of the source tree this was built from.
fs::path platform_dir() {
  const char* chosen = std::getenv("MJ_PLATFORMS");
  return chosen != nullptr && *chosen != '\0' ? chosen : MJ_PLATFORM_DIR;
}

}  // namespace

std::vector<std::string> platform_names() {
  const fs::path dir = platform_dir();
  std::error_code code;
  std::vector<std::string> names;
  for (fs::directory_iterator it(dir, code), end; !code && it != end; it.increment(code)) {
    if (it->path().extension() == ".toml") names.push_back(it->path().stem().string());
  }
  if (code) fail("{}: platform folder: {}; MJ_PLATFORMS names another", dir.string(), code.message());
  std::sort(names.begin(), names.end());
  return names;
}

Platform find_platform(std::string_view name_or_path) { return read_platform(platform_file(name_or_path)); }

std::filesystem::path platform_file(std::string_view name_or_path) {
  if (name_or_path.ends_with(".toml")) return name_or_path;
  const std::vector<std::string> names = platform_names();
  if (std::find(names.begin(), names.end(), name_or_path) != names.end()) {
    return platform_dir() / (std::string(name_or_path) + ".toml");
  }
  const std::optional<std::string> meant = nearest(name_or_path, names);
  fail("unknown platform '{}'{}; known: {}; or the path of a .toml", name_or_path,
       meant ? fmt::format(" (did you mean {}?)", *meant) : "",
       names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
}

}  // namespace mj
