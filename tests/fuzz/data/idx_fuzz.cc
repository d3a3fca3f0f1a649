// SPDX-License-Identifier: Apache-2.0
#include "mj/base/error.h"
#include "mj/data/idx.h"

/// The first byte says how the rest is read: bit 0 gzip, bit 1 labels.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  try {
    mj::parse_idx(std::as_bytes(std::span(data, size).subspan(1)), (data[0] & 1) != 0,
                  (data[0] & 2) != 0 ? mj::kIdxLabels : mj::kIdxImages);
  } catch (const mj::Error&) {
  }
  return 0;
}
