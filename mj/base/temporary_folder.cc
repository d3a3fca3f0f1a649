// SPDX-License-Identifier: Apache-2.0
#include "mj/base/temporary_folder.h"

#include <cstdlib>

#include "mj/base/error.h"

namespace mj {

TemporaryFolder::TemporaryFolder() {
  const std::filesystem::path parent = std::filesystem::temp_directory_path();
  std::string name = (parent / "millijoule-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) fail("{}: no folder can be made there", parent.string());
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace mj
