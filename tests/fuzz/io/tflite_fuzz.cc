// SPDX-License-Identifier: Apache-2.0
#include "mj/base/error.h"
#include "mj/io/tflite.h"
#include "mj/ir/verify.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mj::ImportResult result;
  try {
    result = mj::parse_tflite(std::as_bytes(std::span(data, size)));
  } catch (const mj::Error&) {
    return 0;
  }
  if (result.unsupported.empty()) mj::verify(result.graph);
  return 0;
}
