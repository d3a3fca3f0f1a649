// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <system_error>

#include "mj/base/error.h"
#include "mj/base/file.h"
#include "mj/emit/emit.h"

namespace mj {
namespace {

namespace fs = std::filesystem;

/// Only what we wrote ourselves, or nothing at all, may be replaced.
void check_replaceable(const fs::path& directory) {
  std::error_code error;
  if (!fs::exists(directory, error)) {
    return;
  }
  if (!fs::is_directory(directory, error)) {
    fail("{}: is not a folder; expected a name for the firmware folder", directory.string());
  }
  if (!fs::is_empty(directory, error) && !fs::exists(directory / "manifest.json", error)) {
    fail("{}: holds other files; expected an older firmware folder (with manifest.json), an empty one, or none",
         directory.string());
  }
}

void check(const fs::path& directory, const std::error_code& error) {
  if (error) {
    fail("{}: cannot be written: {}", directory.string(), error.message());
  }
}

}  // namespace

void write_firmware(const fs::path& directory, const Firmware& firmware) {
  const fs::path target = directory.has_filename() ? directory : directory.parent_path();
  check_replaceable(target);
  const fs::path fresh = target.string() + ".new";
  const fs::path old = target.string() + ".old";
  std::error_code error;
  fs::remove_all(fresh, error);
  make_writable_directory(fresh);
  for (const auto& [name, text] : firmware) {
    write_file(fresh / name, text);
  }
  fs::remove_all(old, error);
  if (fs::exists(target)) {
    fs::rename(target, old, error);
    check(target, error);
  }
  fs::rename(fresh, target, error);
  check(target, error);
  fs::remove_all(old, error);
}

}  // namespace mj
