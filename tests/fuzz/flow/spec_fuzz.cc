// SPDX-License-Identifier: Apache-2.0
#include "mj/base/error.h"
#include "mj/flow/spec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    mj::parse_spec({reinterpret_cast<const char*>(data), size}, "spec.toml", "folder");
  } catch (const mj::Error&) {
  }
  return 0;
}
