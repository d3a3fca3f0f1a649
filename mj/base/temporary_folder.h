// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace mj {

/// A fresh folder below the system's one for temporary files, removed with everything in it. Throws `Error` when none can
/// be made.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace mj
