// SPDX-License-Identifier: Apache-2.0
#include "mj/base/error.h"
#include "mj/io/onnx.h"
#include "mj/ir/verify.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mj::ImportResult result;
  try {
    result = mj::parse_onnx(std::as_bytes(std::span(data, size)), "no-such-folder");
  } catch (const mj::Error&) {
    return 0;
  }
  // What is read is sound, and can be written.
  if (!result.unsupported.empty()) return 0;
  mj::verify(result.graph);
  mj::print_onnx(result.graph);
  return 0;
}
