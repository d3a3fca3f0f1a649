// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "mj/base/units.h"

namespace mj {

/// How the rows of a weight (its output channels) are stored on the device. Every row begins at a byte, and rows follow
/// each other without gaps; docs/encodings.md lists the bytes.
///
/// kDense: every element.
/// kBitmap: per eight elements a byte that says which are not zero, followed by those.
/// kRelative: per element that is not zero the number of zeros before it, and itself.
/// kBlock4: per four neighbours that are not all zero the number of such blocks left out before it, and all four.
enum class Layout : std::uint8_t { kDense, kBitmap, kRelative, kBlock4 };

/// How the elements of a constant are stored on the device; the graph's own `data` always holds all of them as int8.
///
/// That of a float weight, always `kDense`, asks to be quantised so.
struct Encoding {
  Layout layout = Layout::kDense;
  int bits = 8;             ///< 8, or 4: two elements a byte, each -8..7
  bool per_tensor = false;  ///< of a float weight alone: asks for one scale instead of one per row

  /// One byte for every element: what a constant is stored as unless said otherwise.
  bool plain() const { return layout == Layout::kDense && bits == 8 && !per_tensor; }
  bool operator==(const Encoding&) const = default;
};

/// All eight that store elements, `plain()` the first.
std::span<const Encoding> all_encodings();
/// "dense_int8", "dense_int4", "bitmap_int8", ..., "block4_int4"; "dense_int8_per_tensor", "dense_int4_per_tensor".
std::string_view encoding_name(Encoding encoding);
/// The inverse; nothing on other names.
std::optional<Encoding> find_encoding(std::string_view name);

/// What an encoded weight, or some of its rows, comes to.
struct EncodedSize {
  Bytes bytes = 0;           ///< values, indices and counts: exactly the constant in the emitted C
  std::int64_t values = 0;   ///< stored elements that are multiplied
  std::int64_t symbols = 0;  ///< steps of decoding: entries of kRelative and kBlock4, bytes of kDense with 4 bits, and of
                             ///< each byte of a bitmap three for itself and the bits up to the last that is set

  bool operator==(const EncodedSize&) const = default;
};

/// Why `depth` elements a row cannot be stored so; empty when they can. Only kBlock4 minds: it needs a multiple of
/// four.
std::string_view refusal(std::int64_t depth, Encoding encoding);

/// Of `rows` rows of equal length, without encoding them. Throws `Error` where `pack` does.
EncodedSize encoded_size(std::span<const std::int8_t> elements, std::int64_t rows, Encoding encoding);
Bytes encoded_bytes(std::span<const std::int8_t> elements, std::int64_t rows, Encoding encoding);
/// Where each row begins; the last entry is `encoded_bytes`.
std::vector<Bytes> row_offsets(std::span<const std::int8_t> elements, std::int64_t rows, Encoding encoding);

/// The stored bytes. Throws `Error` on an element beyond -8..7 where there are 4 bits, and on rows that the layout
/// cannot hold.
std::vector<std::byte> pack(std::span<const std::int8_t> elements, std::int64_t rows, Encoding encoding);
/// The inverse. Throws `Error` when the bytes are not those of `rows` rows of `depth` elements.
std::vector<std::int8_t> unpack(std::span<const std::byte> bytes, std::int64_t rows, std::int64_t depth,
                                Encoding encoding);

/// The encoding with these bits (4 or 8) that takes the fewest bytes; of equals, the one that decodes fastest (dense,
/// then block4, relative and bitmap). Throws `Error` on an element beyond -8..7 where there are 4 bits.
Encoding smallest_encoding(std::span<const std::int8_t> elements, std::int64_t rows, int bits);

}  // namespace mj
