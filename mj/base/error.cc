// SPDX-License-Identifier: Apache-2.0
#include "mj/base/error.h"

#include <cstring>

namespace mj::detail {

void check_failed(const char* condition, const char* file, int line) {
  // Only the part below the include root: messages do not depend on where the project was built.
  const char* below = std::strstr(file, "mj/");
  throw InternalError(fmt::format("invariant broken: {} ({}:{})", condition, below ? below : file, line));
}

}  // namespace mj::detail
