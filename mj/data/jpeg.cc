// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
// jpeglib.h needs the line above.
#include <jerror.h>
#include <jpeglib.h>

#include <csetjmp>
#include <cstring>

#include "mj/base/error.h"
#include "mj/data/image.h"

namespace mj {
namespace {

/// A progressive file may repeat tiny scans over a large image; honest encoders use about ten.
constexpr int kMaxScans = 100;

/// libjpeg reports errors by a jump; every call that may fail runs inside `guarded`, which turns the jump into an
/// `Error`.
class JpegReader {
 public:
  explicit JpegReader(std::span<const std::byte> file) {
    jpeg_.err = jpeg_std_error(&errors_);
    jpeg_.client_data = this;
    errors_.error_exit = &on_error;
    errors_.emit_message = &on_message;
    guarded([&] {
      jpeg_create_decompress(&jpeg_);
      jpeg_mem_src(&jpeg_, reinterpret_cast<const unsigned char*>(file.data()), file.size());
    });
    progress_.progress_monitor = &on_progress;
    jpeg_.progress = &progress_;
  }
  ~JpegReader() { jpeg_destroy_decompress(&jpeg_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  ImageHeader header() {
    guarded([this] { jpeg_read_header(&jpeg_, TRUE); });
    if (jpeg_.num_components != 1 && jpeg_.num_components != 3) {
      fail("JPEG with {} colour components; expected 1 (grey) or 3 (colour)", jpeg_.num_components);
    }
    return {.height = jpeg_.image_height, .width = jpeg_.image_width, .grey = jpeg_.num_components == 1};
  }

  /// After `header`.
  void pixels(std::span<std::uint8_t> rgb) {
    const std::size_t row_bytes = std::size_t{jpeg_.image_width} * 3;
    MJ_CHECK(rgb.size() == row_bytes * jpeg_.image_height);
    guarded([this, first = rgb.data(), row_bytes] {
      jpeg_.out_color_space = JCS_RGB;
      jpeg_.dct_method = JDCT_ISLOW;  // the one that gives the same bytes with and without SIMD
      jpeg_start_decompress(&jpeg_);
      while (jpeg_.output_scanline < jpeg_.output_height) {
        JSAMPROW row = first + jpeg_.output_scanline * row_bytes;
        jpeg_read_scanlines(&jpeg_, &row, 1);
      }
      jpeg_finish_decompress(&jpeg_);
    });
  }

 private:
  /// `call` must hold nothing that needs destruction: a jump skips destructors.
  template <class Call>
  void guarded(Call call) {
    if (setjmp(jump_) != 0) fail("{}", message_);
    call();
  }

  static void on_error(j_common_ptr jpeg) {
    auto* self = static_cast<JpegReader*>(jpeg->client_data);
    char text[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, text);
    const bool truncated = jpeg->err->msg_code == JERR_INPUT_EOF || jpeg->err->msg_code == JWRN_JPEG_EOF;
    std::snprintf(self->message_, sizeof self->message_, "%s%s",
                  truncated ? "truncated JPEG" : "corrupt JPEG: ", truncated ? "" : text);
    std::longjmp(self->jump_, 1);
  }
  /// libjpeg fills in what it cannot decode and only warns (level -1); such pixels are no data. Odd bytes between
  /// segments and header versions do no harm.
  static void on_message(j_common_ptr jpeg, int level) {
    const int code = jpeg->err->msg_code;
    const bool harmless = code == JWRN_EXTRANEOUS_DATA || code == JWRN_JFIF_MAJOR || code == JWRN_ADOBE_XFORM;
    if (level < 0 && !harmless) on_error(jpeg);
  }
  static void on_progress(j_common_ptr jpeg) {
    auto* self = static_cast<JpegReader*>(jpeg->client_data);
    if (self->jpeg_.input_scan_number <= kMaxScans) return;
    std::snprintf(self->message_, sizeof self->message_, "JPEG with more than %d scans", kMaxScans);
    std::longjmp(self->jump_, 1);
  }

  jpeg_decompress_struct jpeg_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf jump_;
  char message_[JMSG_LENGTH_MAX + 40] = {};
};

}  // namespace

bool is_jpeg(std::span<const std::byte> file) {
  constexpr unsigned char kStart[] = {0xff, 0xd8, 0xff};
  return file.size() >= sizeof kStart && std::memcmp(file.data(), kStart, sizeof kStart) == 0;
}

ImageHeader read_jpeg_header(std::span<const std::byte> file) { return JpegReader(file).header(); }

void decode_jpeg(std::span<const std::byte> file, std::span<std::uint8_t> rgb) {
  JpegReader reader(file);
  reader.header();
  reader.pixels(rgb);
}

}  // namespace mj
