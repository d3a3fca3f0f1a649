// SPDX-License-Identifier: Apache-2.0
#include "mj/base/error.h"
#include "mj/base/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const mj::NpyArray array = mj::parse_npy(std::as_bytes(std::span(data, size)));
    array.as_f32();
    array.as_i64();
  } catch (const mj::Error&) {
  }
  return 0;
}
