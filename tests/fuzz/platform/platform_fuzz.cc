// SPDX-License-Identifier: Apache-2.0
#include "mj/base/error.h"
#include "mj/platform/platform.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    mj::describe(mj::parse_platform({reinterpret_cast<const char*>(data), size}, "toy", "toy.toml"));
  } catch (const mj::Error&) {
  }
  return 0;
}
