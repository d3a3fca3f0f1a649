// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace mj {

struct Inflated {
  std::vector<std::byte> bytes;
  bool complete = false;  ///< the stream ended here and its checksum held; false when cut off or at the limit
};

/// The first `limit` bytes of a gzip stream (RFC 1952, several members allowed). Memory grows with what is found, never
/// with what is promised. A stream that is cut off gives what there was; throws `Error` when the bytes are not gzip or
/// corrupt.
Inflated gunzip(std::span<const std::byte> compressed, std::size_t limit);

}  // namespace mj
