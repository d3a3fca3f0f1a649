// SPDX-License-Identifier: Apache-2.0
#include "mj/ir/encoding.h"

#include <algorithm>

#include "mj/base/error.h"

// Entries of kRelative and kBlock4 stand behind a byte with their number; 255 of them are followed by another such
// byte.
namespace mj {
namespace {

using Row = std::span<const std::int8_t>;

constexpr std::array<Encoding, 8> kAll{{{Layout::kDense, 8},
                                        {Layout::kDense, 4},
                                        {Layout::kBitmap, 8},
                                        {Layout::kBitmap, 4},
                                        {Layout::kRelative, 8},
                                        {Layout::kRelative, 4},
                                        {Layout::kBlock4, 8},
                                        {Layout::kBlock4, 4}}};
constexpr std::array<std::string_view, 8> kNames{"dense_int8",    "dense_int4",    "bitmap_int8", "bitmap_int4",
                                                 "relative_int8", "relative_int4", "block4_int8", "block4_int4"};
// What only float weights ask for.
constexpr std::array<Encoding, 2> kPerTensor{{{Layout::kDense, 8, true}, {Layout::kDense, 4, true}}};
constexpr std::array<std::string_view, 2> kPerTensorNames{"dense_int8_per_tensor", "dense_int4_per_tensor"};

template <class List, class Names>
std::optional<Encoding> named(std::string_view name, const List& list, const Names& names) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return list[static_cast<std::size_t>(found - names.begin())];
}

constexpr std::int64_t kFullCount = 255;  // of entries behind one count
constexpr std::int64_t kBlock = 4;
constexpr std::int64_t kGroup = 8;     // elements of a byte of a bitmap
constexpr std::int64_t kLongGap = 16;  // what an entry without a value skips, times 1..16, with 4 bits
constexpr std::int64_t kMaxGap = 255;  // in a byte

std::int64_t up(std::int64_t amount, std::int64_t of) { return (amount + of - 1) / of; }
std::int64_t value_bytes(std::int64_t values, int bits) { return bits == 4 ? up(values, 2) : values; }
std::int64_t count_bytes(std::int64_t entries) { return entries / kFullCount + 1; }
std::int64_t ssize(Row row) { return static_cast<std::int64_t>(row.size()); }

bool any(Row block) {
  return std::any_of(block.begin(), block.end(), [](std::int8_t e) { return e != 0; });
}
Row block_of(Row row, std::int64_t i) { return row.subspan(static_cast<std::size_t>(i * kBlock), kBlock); }

/// Calls entry(gap, value) for every entry of a row; a value of 0 fills a gap that is too long for one.
template <class Entry>
void each_relative(Row row, int bits, Entry&& entry) {
  std::int64_t gap = 0;
  for (const std::int8_t value : row) {
    if (value == 0) {
      ++gap;
      continue;
    }
    if (bits == 4) {
      while (gap >= kLongGap) {
        const std::int64_t times = std::min(gap / kLongGap, kLongGap);
        entry(times - 1, 0);
        gap -= times * kLongGap;
      }
    } else {
      // The entry's own element is one of the zeros.
      for (; gap > kMaxGap; gap -= kMaxGap + 1) entry(kMaxGap, 0);
    }
    entry(gap, value);
    gap = 0;
  }
}

/// Calls entry(gap, block) for every entry of a row.
template <class Entry>
void each_block(Row row, Entry&& entry) {
  std::int64_t gap = 0;
  for (std::int64_t i = 0; i < ssize(row) / kBlock; ++i) {
    const Row block = block_of(row, i);
    if (!any(block) && gap < kMaxGap) {
      ++gap;
      continue;
    }
    entry(gap, block);  // 255 blocks of zeros are followed by one that is stored
    gap = 0;
  }
}

EncodedSize dense_size(Row row, int bits) {
  const Bytes bytes = value_bytes(ssize(row), bits);
  return {bytes, ssize(row), bits == 4 ? bytes : 0};
}

EncodedSize bitmap_size(Row row, int bits) {
  constexpr std::int64_t kPerByte = 3;  // to read it and go on behind it, in steps of a bit, on an MSP430
  std::int64_t values = 0, symbols = 0;
  for (std::int64_t i = 0; i < ssize(row); i += kGroup) {
    std::int64_t last = 0;
    for (std::int64_t k = i; k < std::min(i + kGroup, ssize(row)); ++k) {
      if (row[static_cast<std::size_t>(k)] != 0) ++values, last = k - i + 1;
    }
    symbols += kPerByte + last;
  }
  return {up(ssize(row), kGroup) + value_bytes(values, bits), values, symbols};
}

EncodedSize relative_size(Row row, int bits) {
  EncodedSize size;
  each_relative(row, bits, [&](std::int64_t, std::int64_t value) {
    ++size.symbols;
    size.values += value != 0 || bits == 8;
  });
  size.bytes = count_bytes(size.symbols) + size.symbols * (bits == 4 ? 1 : 2);
  return size;
}

/// Behind the last block that is not zero nothing is stored.
Row without_last_zeros(Row row) {
  while (!row.empty() && !any(row.last(kBlock))) row = row.first(row.size() - kBlock);
  return row;
}

EncodedSize block_size(Row row, int bits) {
  EncodedSize size;
  each_block(without_last_zeros(row), [&](std::int64_t, Row) { ++size.symbols; });
  size.values = size.symbols * kBlock;
  size.bytes = count_bytes(size.symbols) + size.symbols * (1 + value_bytes(kBlock, bits));
  return size;
}

EncodedSize row_size(Row row, Encoding encoding) {
  switch (encoding.layout) {
    case Layout::kDense:
      return dense_size(row, encoding.bits);
    case Layout::kBitmap:
      return bitmap_size(row, encoding.bits);
    case Layout::kRelative:
      return relative_size(row, encoding.bits);
    case Layout::kBlock4:
      return block_size(row, encoding.bits);
  }
  MJ_CHECK(!"unknown layout");
  return {};
}

/// Appends the bytes of one row.
class RowPacker {
 public:
  RowPacker(Encoding encoding, std::vector<std::byte>& out) : encoding_(encoding), out_(out) {}

  void row(Row row) {
    half_ = false;
    switch (encoding_.layout) {
      case Layout::kDense:
        for (const std::int8_t e : row) value(e);
        break;
      case Layout::kBitmap:
        bitmap(row);
        break;
      case Layout::kRelative:
        entries(row_size(row, encoding_).symbols, [&](auto&& entry) {
          each_relative(row, encoding_.bits, [&](std::int64_t gap, std::int64_t e) {
            entry();
            if (encoding_.bits == 4) return byte(gap | (e & 15) << 4);
            byte(gap);
            byte(e);
          });
        });
        break;
      case Layout::kBlock4:
        entries(row_size(row, encoding_).symbols, [&](auto&& entry) {
          each_block(without_last_zeros(row), [&](std::int64_t gap, Row block) {
            entry();
            byte(gap);
            for (const std::int8_t e : block) value(e);
          });
        });
        break;
    }
  }

 private:
  void byte(std::int64_t bits) { out_.push_back(static_cast<std::byte>(bits & 255)); }

  /// With 4 bits the first of two is the lower half of a byte.
  void value(std::int8_t e) {
    if (encoding_.bits == 8) return byte(e);
    half_ = !half_;
    if (!half_) {
      out_[last_] |= static_cast<std::byte>((e & 15) << 4);
      return;
    }
    last_ = out_.size();
    byte(e & 15);
  }

  void bitmap(Row row) {
    for (; !row.empty(); row = row.subspan(std::min<std::size_t>(row.size(), kGroup))) {
      const Row group = row.first(std::min<std::size_t>(row.size(), kGroup));
      int present = 0;
      for (std::size_t i = 0; i < group.size(); ++i) present |= (group[i] != 0) << i;
      byte(present);
      for (const std::int8_t e : group) {
        if (e != 0) value(e);
      }
    }
  }

  template <class Each>
  void entries(std::int64_t total, Each&& each) {
    std::int64_t left = 0;
    byte(std::min(total, kFullCount));
    each([&] {
      if (left == kFullCount) byte(std::min(total, kFullCount)), left = 0;
      ++left, --total;
    });
    if (left == kFullCount) byte(0);
  }

  Encoding encoding_;
  std::vector<std::byte>& out_;
  bool half_ = false;  ///< the byte at `last_` waits for its upper half
  std::size_t last_ = 0;
};

/// Takes the bytes of one row apart.
class RowReader {
 public:
  RowReader(Encoding encoding, std::span<const std::byte> bytes) : encoding_(encoding), rest_(bytes) {}

  bool done() const { return rest_.empty(); }

  void row(std::span<std::int8_t> row) {
    half_ = false;
    switch (encoding_.layout) {
      case Layout::kDense:
        for (std::int8_t& e : row) e = value();
        break;
      case Layout::kBitmap:
        bitmap(row);
        break;
      case Layout::kRelative:
        entries([&, at = std::size_t{0}]() mutable { relative(row, at); });
        break;
      case Layout::kBlock4:
        entries([&, at = std::size_t{0}]() mutable {
          at += kBlock * byte();
          if (at + kBlock > row.size()) fail("an encoded row has a block beyond its {} elements", row.size());
          for (std::size_t i = 0; i < kBlock; ++i) row[at++] = value();
        });
        break;
    }
    if (half_ && pending_ != 0) fail("the last byte of an encoded row holds half a byte too much");
  }

 private:
  std::size_t byte() {
    if (rest_.empty()) fail("the encoded weight ends inside a row");
    const auto first = std::to_integer<std::size_t>(rest_.front());
    rest_ = rest_.subspan(1);
    return first;
  }

  static std::int8_t four_bits(std::size_t bits) { return static_cast<std::int8_t>(static_cast<int>(bits ^ 8) - 8); }

  std::int8_t value() {
    if (encoding_.bits == 8) return static_cast<std::int8_t>(static_cast<std::uint8_t>(byte()));
    half_ = !half_;
    if (!half_) return four_bits(pending_);
    const std::size_t both = byte();
    pending_ = both >> 4;
    return four_bits(both & 15);
  }

  void bitmap(std::span<std::int8_t> row) {
    for (std::size_t first = 0; first < row.size(); first += kGroup) {
      const std::size_t present = byte();
      for (std::size_t i = 0; i < kGroup; ++i) {
        if ((present >> i & 1) == 0) continue;
        if (first + i >= row.size()) fail("the bitmap of an encoded row has elements beyond its {}", row.size());
        row[first + i] = value();
      }
    }
  }

  void relative(std::span<std::int8_t> row, std::size_t& at) {
    const std::size_t first = byte();
    const bool four = encoding_.bits == 4;
    const std::int8_t value =
        four ? four_bits(first >> 4) : static_cast<std::int8_t>(static_cast<std::uint8_t>(byte()));
    if (four && value == 0) {
      at += static_cast<std::size_t>(kLongGap) * ((first & 15) + 1);
      return;
    }
    at += four ? first & 15 : first;
    if (at >= row.size()) fail("an encoded row has an element beyond its {}", row.size());
    row[at++] = value;
  }

  template <class Entry>
  void entries(Entry&& entry) {
    for (std::size_t count = kFullCount; count == kFullCount;) {
      count = byte();
      for (std::size_t i = 0; i < count; ++i) entry();
    }
  }

  Encoding encoding_;
  std::span<const std::byte> rest_;
  bool half_ = false;  ///< `pending_` is the next value
  std::size_t pending_ = 0;
};

/// Elements of a row; checks what `pack` and all that measure its result rely on.
std::int64_t checked_depth(Row elements, std::int64_t rows, Encoding encoding) {
  MJ_CHECK(rows > 0 && ssize(elements) % rows == 0 && (encoding.bits == 8 || encoding.bits == 4));
  const std::int64_t depth = ssize(elements) / rows;
  if (const std::string_view why = refusal(depth, encoding); !why.empty()) fail("{}; found rows of {}", why, depth);
  if (encoding.bits == 4) {
    for (std::size_t i = 0; i < elements.size(); ++i) {
      if (elements[i] < -8 || elements[i] > 7) {
        fail("element {} is {}; elements of 4 bits are -8 to 7", i, static_cast<int>(elements[i]));
      }
    }
  }
  return depth;
}

/// Calls row(elements) for every row.
template <class EachRow>
void each_row(Row elements, std::int64_t depth, EachRow&& row) {
  for (; !elements.empty(); elements = elements.subspan(static_cast<std::size_t>(depth))) {
    row(elements.first(static_cast<std::size_t>(depth)));
  }
}

}  // namespace

std::span<const Encoding> all_encodings() { return kAll; }

std::string_view encoding_name(Encoding encoding) {
  if (encoding.per_tensor) {
    const auto found = std::find(kPerTensor.begin(), kPerTensor.end(), encoding);
    MJ_CHECK(found != kPerTensor.end());
    return kPerTensorNames[static_cast<std::size_t>(found - kPerTensor.begin())];
  }
  const auto found = std::find(kAll.begin(), kAll.end(), encoding);
  MJ_CHECK(found != kAll.end());
  return kNames[static_cast<std::size_t>(found - kAll.begin())];
}

std::optional<Encoding> find_encoding(std::string_view name) {
  const auto found = named(name, kAll, kNames);
  return found ? found : named(name, kPerTensor, kPerTensorNames);
}

std::string_view refusal(std::int64_t depth, Encoding encoding) {
  const bool cut = encoding.layout == Layout::kBlock4 && depth % kBlock != 0;
  return cut ? "blocks of four need rows of a multiple of four elements" : "";
}

EncodedSize encoded_size(Row elements, std::int64_t rows, Encoding encoding) {
  EncodedSize total;
  each_row(elements, checked_depth(elements, rows, encoding), [&](Row row) {
    const EncodedSize size = row_size(row, encoding);
    total.bytes += size.bytes, total.values += size.values, total.symbols += size.symbols;
  });
  return total;
}

Bytes encoded_bytes(Row elements, std::int64_t rows, Encoding encoding) {
  return encoded_size(elements, rows, encoding).bytes;
}

std::vector<Bytes> row_offsets(Row elements, std::int64_t rows, Encoding encoding) {
  std::vector<Bytes> offsets{0};
  each_row(elements, checked_depth(elements, rows, encoding),
           [&](Row row) { offsets.push_back(offsets.back() + row_size(row, encoding).bytes); });
  return offsets;
}

std::vector<std::byte> pack(Row elements, std::int64_t rows, Encoding encoding) {
  std::vector<std::byte> bytes;
  RowPacker packer(encoding, bytes);
  each_row(elements, checked_depth(elements, rows, encoding), [&](Row row) { packer.row(row); });
  return bytes;
}

std::vector<std::int8_t> unpack(std::span<const std::byte> bytes, std::int64_t rows, std::int64_t depth,
                                Encoding encoding) {
  MJ_CHECK(rows > 0 && depth > 0);
  if (const std::string_view why = refusal(depth, encoding); !why.empty()) fail("{}; found rows of {}", why, depth);
  // Every row takes a byte at least, a bitmap or a dense one more: what is claimed cannot be much larger than what is
  // here.
  if (rows > static_cast<std::int64_t>(bytes.size())) fail("the encoded weight ends inside a row");
  std::vector<std::int8_t> elements(static_cast<std::size_t>(rows * depth));
  RowReader reader(encoding, bytes);
  for (std::int64_t row = 0; row < rows; ++row) {
    reader.row(std::span(elements).subspan(static_cast<std::size_t>(row * depth), static_cast<std::size_t>(depth)));
  }
  if (!reader.done()) fail("the encoded weight goes on behind its last row");
  return elements;
}

Encoding smallest_encoding(Row elements, std::int64_t rows, int bits) {
  Encoding best{Layout::kDense, bits};
  Bytes least = encoded_bytes(elements, rows, best);
  const std::int64_t depth = ssize(elements) / rows;
  for (const Layout layout : {Layout::kBlock4, Layout::kRelative, Layout::kBitmap}) {
    const Encoding encoding{layout, bits};
    if (!refusal(depth, encoding).empty()) continue;
    const Bytes bytes = encoded_bytes(elements, rows, encoding);
    if (bytes < least) best = encoding, least = bytes;
  }
  return best;
}

}  // namespace mj
