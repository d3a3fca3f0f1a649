// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "mj/base/error.h"

namespace mj {

/// The message of the `Error` that `body` throws, "" when it throws none.
template <class Body>
std::string error_of(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace mj
