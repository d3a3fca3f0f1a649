// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "mj/base/process.h"

namespace mj {

/// Data that is not part of the project: the folder `MJ_SHARED` names, else `shared` beside the project. Tests that need what is
/// not there are skipped.
inline std::filesystem::path shared_folder() {
  const char* given = std::getenv("MJ_SHARED");
  return given ? std::filesystem::path(given) : std::filesystem::path(MJ_SOURCE_DIR).parent_path() / "shared";
}

#ifdef MJ_BINARY_DIR
/// CIFAR-10 in its official layout, as --data takes it; unpacked once. Nothing where it is not there.
inline std::optional<std::string> cifar10() {
  const auto packed = shared_folder() / "data" / "cifar";
  const auto folder = std::filesystem::path(MJ_BINARY_DIR) / "tests_data" / "cifar";
  if (std::filesystem::exists(folder / "cifar10" / "test_batch.bin")) return "cifar10:" + (folder / "cifar10").string();
  if (!std::filesystem::exists(packed / "unpack")) return std::nullopt;
  // Tests run side by side: whoever is first moves the whole folder to its place.
  const auto own = folder.string() + "." + std::to_string(getpid());
  std::filesystem::create_directories(own);
  if (run_process({(packed / "unpack").string(), own}).exit_code != 0) return std::nullopt;
  std::error_code taken;
  std::filesystem::rename(own, folder, taken);
  if (taken) std::filesystem::remove_all(own);
  return "cifar10:" + (folder / "cifar10").string();
}
#endif

}  // namespace mj
