// SPDX-License-Identifier: Apache-2.0
#include "mj/data/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <new>

#include "mj/base/error.h"

namespace mj {
namespace {

constexpr std::size_t kFirstBlock = std::size_t{1} << 20;
constexpr std::size_t kMaxBlock = std::size_t{1} << 30;  // zlib counts in 32 bits

class InflateStream {
 public:
  InflateStream() {
    constexpr int kGzipOnly = 16;
    MJ_CHECK(inflateInit2(&z_, MAX_WBITS + kGzipOnly) == Z_OK);
  }
  ~InflateStream() { inflateEnd(&z_); }
  InflateStream(const InflateStream&) = delete;
  InflateStream& operator=(const InflateStream&) = delete;

  z_stream& operator*() { return z_; }

 private:
  z_stream z_{};
};

}  // namespace

Inflated gunzip(std::span<const std::byte> compressed, std::size_t limit) {
  MJ_CHECK(limit > 0);
  // A prefix of a header is a file cut off; anything else in its first two bytes is another format.
  constexpr std::byte kMagic[] = {std::byte{0x1f}, std::byte{0x8b}};
  for (std::size_t i = 0; i < std::min<std::size_t>(2, compressed.size()); ++i) {
    if (compressed[i] != kMagic[i]) fail("not a gzip file");
  }

  InflateStream stream;
  z_stream& z = *stream;
  Inflated out;
  std::size_t consumed = 0;
  std::size_t produced = 0;
  while (true) {
    if (produced == out.bytes.size() && produced < limit) {
      out.bytes.resize(produced + std::min(std::max(kFirstBlock, produced), limit - produced));
    }
    // Once the limit is reached, calls without room still find the end of the stream and check its checksum.
    z.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(compressed.data() + consumed));
    z.avail_in = static_cast<uInt>(std::min(kMaxBlock, compressed.size() - consumed));
    z.next_out = reinterpret_cast<Bytef*>(out.bytes.data() + produced);
    z.avail_out = static_cast<uInt>(std::min(kMaxBlock, out.bytes.size() - produced));
    const uInt in_before = z.avail_in;
    const uInt out_before = z.avail_out;
    const int status = inflate(&z, Z_NO_FLUSH);
    consumed += in_before - z.avail_in;
    produced += out_before - z.avail_out;
    if (status == Z_STREAM_END) {
      if (consumed == compressed.size()) {
        out.complete = true;
        break;
      }
      if (compressed[consumed] != kMagic[0]) fail("trailing bytes after the gzip stream");
      MJ_CHECK(inflateReset(&z) == Z_OK);
    } else if (status == Z_MEM_ERROR) {
      throw std::bad_alloc();
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      fail("corrupt gzip data: {}", z.msg != nullptr ? z.msg : "unknown dictionary");
    } else if (z.avail_in == in_before && z.avail_out == out_before) {
      break;  // neither input nor room is left
    }
  }
  out.bytes.resize(produced);
  return out;
}

}  // namespace mj
