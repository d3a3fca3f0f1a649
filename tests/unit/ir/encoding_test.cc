// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/encoding.h"

#include <gtest/gtest.h>

#include <string>

#include "mj/base/random.h"
#include "tests/unit/error_of.h"

namespace mj {
namespace {

constexpr Encoding kDense4{Layout::kDense, 4}, kBitmap8{Layout::kBitmap, 8}, kBitmap4{Layout::kBitmap, 4},
    kRelative8{Layout::kRelative, 8}, kRelative4{Layout::kRelative, 4}, kBlock8{Layout::kBlock4, 8},
    kBlock4{Layout::kBlock4, 4};

using Elements = std::vector<std::int8_t>;

std::vector<int> packed(const Elements& elements, std::int64_t rows, Encoding encoding) {
  std::vector<int> bytes;
  for (const std::byte b : pack(elements, rows, encoding)) bytes.push_back(std::to_integer<int>(b));
  return bytes;
}

std::vector<std::byte> bytes(std::initializer_list<int> list) {
  std::vector<std::byte> out;
  for (const int b : list) out.push_back(static_cast<std::byte>(b));
  return out;
}

using Ints = std::vector<int>;

/// One row of `depth` zeros but for the elements given.
Elements row_of(std::size_t depth, std::initializer_list<std::pair<std::size_t, int>> given) {
  Elements row(depth, 0);
  for (const auto& [at, value] : given) row[at] = static_cast<std::int8_t>(value);
  return row;
}

// By hand, from the tables of docs/encodings.md.
TEST(Encoding, BytesOfDense) {
  EXPECT_EQ(packed({1, -1, 0, 127, -128, 5}, 2, {}), (Ints{1, 255, 0, 127, 128, 5}));
  // 3 | -2 << 4, then 7 alone, for each row.
  EXPECT_EQ(packed({3, -2, 7, -8, 0, 1}, 2, kDense4), (Ints{0xe3, 0x07, 0x08, 0x01}));
}

TEST(Encoding, BytesOfBitmap) {
  const Elements row = row_of(10, {{0, 5}, {7, -3}, {9, 100}});
  EXPECT_EQ(packed(row, 1, kBitmap8), (Ints{0x81, 5, 0xfd, 0x02, 100}));
  // Halves go on over groups: 5 | -3 << 4, and 4 in a byte behind the second bitmap.
  EXPECT_EQ(packed(row_of(10, {{0, 5}, {7, -3}, {9, 4}}), 1, kBitmap4), (Ints{0x81, 0xd5, 0x02, 0x04}));
  EXPECT_EQ(packed(row_of(10, {{7, -3}, {9, 4}}), 1, kBitmap4), (Ints{0x80, 0x4d, 0x02}));
  EXPECT_EQ(packed(Elements(16, 0), 2, kBitmap8), (Ints{0, 0}));
}

TEST(Encoding, BytesOfRelative) {
  EXPECT_EQ(packed(row_of(10, {{0, 5}, {7, -3}}), 1, kRelative8), (Ints{2, 0, 5, 6, 0xfd}));
  EXPECT_EQ(packed(row_of(10, {{0, 5}, {7, -3}}), 1, kRelative4), (Ints{2, 0x50, 0xd6}));
  EXPECT_EQ(packed(Elements(10, 0), 2, kRelative8), (Ints{0, 0}));
  // A gap of 255 is the longest; 256 zeros are 255, a stored zero and none.
  EXPECT_EQ(packed(row_of(300, {{255, 1}}), 1, kRelative8), (Ints{1, 255, 1}));
  EXPECT_EQ(packed(row_of(300, {{256, 1}}), 1, kRelative8), (Ints{2, 255, 0, 0, 1}));
  // With 4 bits 15 is the longest; an entry without a value skips 16 times its gap plus one.
  EXPECT_EQ(packed(row_of(40, {{15, 1}}), 1, kRelative4), (Ints{1, 0x1f}));
  EXPECT_EQ(packed(row_of(40, {{16, 1}}), 1, kRelative4), (Ints{2, 0x00, 0x10}));
  EXPECT_EQ(packed(row_of(40, {{35, -8}}), 1, kRelative4), (Ints{2, 0x01, 0x83}));
  EXPECT_EQ(packed(row_of(300, {{255, 1}}), 1, kRelative4), (Ints{2, 0x0e, 0x1f}));
  EXPECT_EQ(packed(row_of(300, {{290, 1}}), 1, kRelative4), (Ints{3, 0x0f, 0x01, 0x12}));
}

TEST(Encoding, BytesOfBlocks) {
  const Elements row = row_of(16, {{1, 5}, {3, -3}, {12, 7}});
  EXPECT_EQ(packed(row, 1, kBlock8), (Ints{2, 0, 0, 5, 0, 0xfd, 2, 7, 0, 0, 0}));
  EXPECT_EQ(packed(row, 1, kBlock4), (Ints{2, 0, 0x50, 0xd0, 2, 0x07, 0x00}));
  EXPECT_EQ(packed(Elements(16, 0), 2, kBlock8), (Ints{0, 0}));
  // 256 blocks of zeros: 255 skipped and one stored.
  EXPECT_EQ(packed(row_of(1028, {{1024, 1}}), 1, kBlock4), (Ints{2, 255, 0, 0, 0, 1, 0}));
}

TEST(Encoding, CountsBeyondAByteGoOn) {
  for (const auto& [entries, counts] :
       {std::pair(254, Ints{254}), std::pair(255, Ints{255, 0}), std::pair(256, Ints{255, 1})}) {
    const std::vector<int> row = packed(Elements(static_cast<std::size_t>(entries), 1), 1, kRelative4);
    ASSERT_EQ(row.size(), static_cast<std::size_t>(entries) + counts.size());
    EXPECT_EQ(row[0], counts[0]);
    if (counts.size() > 1) {
      EXPECT_EQ(row[256], counts[1]);
    }
  }
}

/// Elements of every density, some rows empty, some blocks full; runs long enough for every kind of gap.
Elements random_elements(RandomStream& random, std::int64_t rows, std::int64_t depth, int bits) {
  Elements elements;
  for (std::int64_t row = 0; row < rows; ++row) {
    const double density[] = {0, 0.004, 0.03, 0.1, 0.3, 0.6, 1};
    const double share = density[random.below(7)];
    const bool blocks = random.below(3) == 0;
    bool present = false;
    for (std::int64_t i = 0; i < depth; ++i) {
      if (!blocks || i % 4 == 0) present = random.uniform() < share;
      const auto wide = static_cast<std::int8_t>(random.next() >> 56);
      elements.push_back(!present ? std::int8_t{0} : bits == 8 ? wide : static_cast<std::int8_t>(wide >> 4));
    }
  }
  return elements;
}

TEST(Encoding, UnpackInvertsPack) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomStream random(seed, 0xe4c);
    const auto rows = static_cast<std::int64_t>(1 + random.below(6));
    auto depth = static_cast<std::int64_t>(1 + random.below(seed % 10 == 0 ? 3000 : 200));
    if (seed % 2 == 0) depth = (depth + 3) / 4 * 4;
    for (const Encoding encoding : all_encodings()) {
      if (!refusal(depth, encoding).empty()) continue;
      SCOPED_TRACE(encoding_name(encoding));
      const Elements elements = random_elements(random, rows, depth, encoding.bits);
      const std::vector<std::byte> stored = pack(elements, rows, encoding);
      EXPECT_EQ(unpack(stored, rows, depth, encoding), elements);
      const std::vector<Bytes> offsets = row_offsets(elements, rows, encoding);
      ASSERT_EQ(offsets.size(), static_cast<std::size_t>(rows) + 1);
      EXPECT_EQ(offsets.back(), static_cast<Bytes>(stored.size()));
      EXPECT_EQ(encoded_bytes(elements, rows, encoding), static_cast<Bytes>(stored.size()));
      // Each row stands by itself at its offset.
      for (std::int64_t row = 0; row < rows; ++row) {
        const auto at = static_cast<std::size_t>(row);
        const auto first = static_cast<std::size_t>(offsets[at]), last = static_cast<std::size_t>(offsets[at + 1]);
        const std::span<const std::int8_t> own =
            std::span(elements).subspan(at * static_cast<std::size_t>(depth), static_cast<std::size_t>(depth));
        EXPECT_EQ(unpack(std::span(stored).subspan(first, last - first), 1, depth, encoding),
                  Elements(own.begin(), own.end()));
      }
    }
  }
}

TEST(Encoding, SizesCountWhatIsMultipliedAndDecoded) {
  const Elements row = row_of(40, {{0, 5}, {1, 5}, {35, -3}});
  EXPECT_EQ(encoded_size(row, 1, {}), (EncodedSize{40, 40, 0}));
  EXPECT_EQ(encoded_size(row, 1, kDense4), (EncodedSize{20, 40, 20}));
  EXPECT_EQ(encoded_size(row, 1, kBitmap8), (EncodedSize{8, 3, 5 * 3 + 2 + 4})) << "bytes of 3, 0, 0, 0 and 8";
  EXPECT_EQ(encoded_size(row, 1, kBitmap4), (EncodedSize{7, 3, 5 * 3 + 2 + 4}));
  EXPECT_EQ(encoded_size(row, 1, kRelative8), (EncodedSize{7, 3, 3}));
  EXPECT_EQ(encoded_size(row, 1, kRelative4), (EncodedSize{5, 3, 4}));
  EXPECT_EQ(encoded_size(row, 1, kBlock8), (EncodedSize{11, 8, 2}));
  EXPECT_EQ(encoded_size(row, 1, kBlock4), (EncodedSize{7, 8, 2}));
}

TEST(Encoding, TheSmallestHasNoSmallerBesideIt) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomStream random(seed, 0x5a11);
    const auto depth = static_cast<std::int64_t>(1 + random.below(120));
    for (const int bits : {8, 4}) {
      const Elements elements = random_elements(random, 3, depth, bits);
      const Encoding chosen = smallest_encoding(elements, 3, bits);
      EXPECT_EQ(chosen.bits, bits);
      const std::size_t bytes = pack(elements, 3, chosen).size();
      for (const Encoding other : all_encodings()) {
        if (other.bits != bits || !refusal(depth, other).empty()) continue;
        EXPECT_LE(bytes, pack(elements, 3, other).size()) << encoding_name(other);
      }
    }
  }
  EXPECT_EQ(smallest_encoding(Elements(100, 1), 10, 8), Encoding{});
  EXPECT_EQ(smallest_encoding(Elements(100, 0), 10, 8), kRelative8);
}

TEST(Encoding, NamesRoundTrip) {
  EXPECT_EQ(all_encodings().size(), 8u);
  EXPECT_TRUE(all_encodings()[0].plain());
  for (const Encoding encoding : all_encodings()) EXPECT_EQ(find_encoding(encoding_name(encoding)), encoding);
  EXPECT_EQ(encoding_name(kRelative4), "relative_int4");
  EXPECT_EQ(find_encoding("relative"), std::nullopt);
  EXPECT_EQ(find_encoding("relative_int8_per_tensor"), std::nullopt);
  for (const int bits : {8, 4}) {
    const Encoding asked{Layout::kDense, bits, true};
    EXPECT_FALSE(asked.plain());
    EXPECT_EQ(encoding_name(asked), bits == 8 ? "dense_int8_per_tensor" : "dense_int4_per_tensor");
    EXPECT_EQ(find_encoding(encoding_name(asked)), asked);
  }
}

TEST(Encoding, RefusesInOneSentence) {
  EXPECT_EQ(error_of([] { pack(Elements{0, 8}, 1, kDense4); }), "element 1 is 8; elements of 4 bits are -8 to 7");
  EXPECT_EQ(error_of([] {
              encoded_bytes(Elements{-9, 0}, 1, kRelative4);
            }),
            "element 0 is -9; elements of 4 bits are -8 to 7");
  EXPECT_EQ(error_of([] { pack(Elements(18, 1), 2, kBlock8); }),
            "blocks of four need rows of a multiple of four elements; found rows of 9");
  EXPECT_EQ(error_of([] { unpack(bytes({2, 0, 5}), 1, 10, kRelative8); }), "the encoded weight ends inside a row");
  EXPECT_EQ(error_of([] { unpack(bytes({0}), 2, 10, kRelative8); }), "the encoded weight ends inside a row");
  EXPECT_EQ(error_of([] {
              unpack(bytes({0, 0}), 1, 10, kRelative8);
            }),
            "the encoded weight goes on behind its last row");
  EXPECT_EQ(error_of([] {
              unpack(bytes({1, 10, 1}), 1, 10, kRelative8);
            }),
            "an encoded row has an element beyond its 10");
  EXPECT_EQ(error_of([] {
              unpack(bytes({1, 0x1b}), 1, 10, kRelative4);
            }),
            "an encoded row has an element beyond its 10");
  EXPECT_EQ(error_of([] {
              unpack(bytes({0, 4, 1}), 1, 10, kBitmap8);
            }),
            "the bitmap of an encoded row has elements beyond its 10");
  EXPECT_EQ(error_of([] {
              unpack(bytes({1, 2, 1, 1, 1, 1}), 1, 8, kBlock8);
            }),
            "an encoded row has a block beyond its 8 elements");
  EXPECT_EQ(error_of([] {
              unpack(bytes({0x11, 0x31}), 1, 3, kDense4);
            }),
            "the last byte of an encoded row holds half a byte too much");
}

TEST(Encoding, UnpackSurvivesAnyBytes) {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    RandomStream random(seed, 0xbad);
    std::vector<std::byte> stored(random.below(40));
    for (std::byte& b : stored) b = static_cast<std::byte>(random.next() >> (random.below(2) == 0 ? 56 : 61));
    const auto rows = static_cast<std::int64_t>(1 + random.below(4)),
               depth = static_cast<std::int64_t>(4 * (1 + random.below(8)));
    for (const Encoding encoding : all_encodings()) {
      error_of([&] {
        const Elements elements = unpack(stored, rows, depth, encoding);
        EXPECT_EQ(elements.size(), static_cast<std::size_t>(rows * depth)) << "seed " << seed;
      });
    }
  }
}

}  // namespace
}  // namespace mj
