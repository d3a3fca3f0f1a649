// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mj {

/// First word of the IDX files that are read: unsigned bytes with 3 dimensions or 1.
inline constexpr std::uint32_t kIdxImages = 0x00000803;
inline constexpr std::uint32_t kIdxLabels = 0x00000801;

/// The elements of an IDX file of unsigned bytes and its dimensions.
struct IdxFile {
  std::vector<std::uint32_t> dims;
  std::vector<std::uint8_t> elements;
};

/// Reads a whole file that must start with `magic`. Throws `Error` when it is another one, truncated, longer than its
/// header says, or promises more than is ever read.
IdxFile parse_idx(std::span<const std::byte> file, bool gzip, std::uint32_t magic);

}  // namespace mj
