// SPDX-License-Identifier: Apache-2.0
#include <png.h>

#include <csetjmp>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "mj/base/error.h"
#include "mj/data/image.h"

namespace mj {
namespace {

/// libpng reports errors by a jump; every call that may fail runs inside `guarded`, which turns the jump into an
/// `Error`.
class PngReader {
 public:
  explicit PngReader(std::span<const std::byte> file) : rest_(file) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, &on_error, &on_warning);
    if (png_ == nullptr) throw std::bad_alloc();
    info_ = png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw std::bad_alloc();
    }
    png_set_read_fn(png_, this, &on_read);
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  ImageHeader header() {
    guarded([this] { png_read_info(png_, info_); });
    const int colour = png_get_color_type(png_, info_);
    return {.height = static_cast<std::int64_t>(png_get_image_height(png_, info_)),
            .width = static_cast<std::int64_t>(png_get_image_width(png_, info_)),
            .grey = (colour & PNG_COLOR_MASK_COLOR) == 0};
  }

  /// After `header`.
  void pixels(std::span<std::uint8_t> rgb) {
    const auto height = static_cast<std::size_t>(png_get_image_height(png_, info_));
    const auto width = static_cast<std::size_t>(png_get_image_width(png_, info_));
    MJ_CHECK(rgb.size() == height * width * 3);
    guarded([this] {
      png_set_scale_16(png_);
      png_set_expand(png_);  // palettes, less than 8 bits, transparency as alpha
      png_set_gray_to_rgb(png_);
      png_set_add_alpha(png_, 0xff, PNG_FILLER_AFTER);
      png_set_interlace_handling(png_);
      png_read_update_info(png_, info_);
    });
    MJ_CHECK(png_get_rowbytes(png_, info_) == width * 4);
    std::vector<std::uint8_t> rgba(height * width * 4);
    std::vector<png_bytep> rows(height);
    for (std::size_t y = 0; y < height; ++y) rows[y] = rgba.data() + y * width * 4;
    guarded([this, first = rows.data()] {
      png_read_image(png_, first);
      png_read_end(png_, nullptr);
    });
    for (std::size_t i = 0; i < height * width; ++i) {
      if (rgba[4 * i + 3] != 0xff) {
        fail("pixel at row {}, column {} is transparent; expected opaque images", i / width, i % width);
      }
      std::memcpy(&rgb[3 * i], &rgba[4 * i], 3);
    }
  }

 private:
  /// `call` must hold nothing that needs destruction: a jump skips destructors.
  template <class Call>
  void guarded(Call call) {
    if (setjmp(jump_) != 0) fail("{}", message_);
    call();
  }

  static void on_error(png_structp png, png_const_charp message) {
    auto* self = static_cast<PngReader*>(png_get_error_ptr(png));
    if (self->message_[0] == '\0') {
      std::strncpy(self->message_, "corrupt PNG: ", sizeof self->message_ - 1);
      std::strncat(self->message_, message, sizeof self->message_ - std::strlen(self->message_) - 1);
    }
    std::longjmp(self->jump_, 1);
  }
  static void on_warning(png_structp, png_const_charp) {}
  static void on_read(png_structp png, png_bytep out, std::size_t size) {
    auto* self = static_cast<PngReader*>(png_get_io_ptr(png));
    if (size > self->rest_.size()) {
      std::strncpy(self->message_, "truncated PNG", sizeof self->message_ - 1);
      png_error(png, "truncated");
    }
    std::memcpy(out, self->rest_.data(), size);
    self->rest_ = self->rest_.subspan(size);
  }

  std::span<const std::byte> rest_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  std::jmp_buf jump_;
  char message_[200] = {};
};

}  // namespace

bool is_png(std::span<const std::byte> file) {
  return file.size() >= 8 && png_sig_cmp(reinterpret_cast<png_const_bytep>(file.data()), 0, 8) == 0;
}

ImageHeader read_png_header(std::span<const std::byte> file) { return PngReader(file).header(); }

void decode_png(std::span<const std::byte> file, std::span<std::uint8_t> rgb) {
  PngReader reader(file);
  reader.header();
  reader.pixels(rgb);
}

}  // namespace mj
