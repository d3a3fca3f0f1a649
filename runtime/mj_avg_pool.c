/* SPDX-License-Identifier: MIT-0 */
#include "mj_kernels.h"
#include "mj_store.h"
#include "mj_window.h"

static int32_t sum_of(const mj_pool* pool, const int8_t* x, int16_t rows, int16_t cols) {
  int32_t sum = 0;
  for (; rows != 0; --rows) {
    const int8_t* from = x;
    int16_t col;
    for (col = cols; col != 0; --col) {
      sum += *from;
      from += pool->channels;
    }
    x += (size_t)pool->in_w * (size_t)pool->channels;
  }
  return sum;
}

/* To nearest, ties away from zero. */
static int32_t mean_of(int32_t sum, int16_t count) {
  const int16_t half = (int16_t)(count / 2);
  sum = sum > 0 ? sum + half : sum - half;
  /* 16-bit cores divide 16 bits several times faster than 32. */
  if (count <= 255) {
    return (int16_t)sum / count;
  }
  return sum / count;
}

void mj_avg_pool(const mj_pool* pool, mj_tile tile, const int8_t* x, int8_t* y) {
  const size_t channels = (size_t)pool->channels;
  const size_t pitch = (size_t)pool->in_w * channels;
  int16_t row;
  int16_t top = (int16_t)(tile.row0 * pool->stride_h - pool->pad_top);
  y += (size_t)tile.row0 * (size_t)pool->out_w * channels;
  for (row = tile.row0; row < tile.row1; ++row) {
    const mj_taps rows = mj_taps_inside(top, pool->kernel_h, 1, pool->in_h);
    int16_t col;
    int16_t left = (int16_t)(tile.col0 * pool->stride_w - pool->pad_left);
    int8_t* to = y + (size_t)tile.col0 * channels;
    for (col = tile.col0; col < tile.col1; ++col) {
      const mj_taps cols = mj_taps_inside(left, pool->kernel_w, 1, pool->in_w);
      const int16_t inside = (int16_t)((rows.last - rows.first) * (cols.last - cols.first));
      const int16_t count = pool->whole != 0 ? pool->whole : inside;
      const int32_t padding = (int32_t)(count - inside) * pool->in_zero;
      const int8_t* corner = x;
      int16_t ch;
      if (inside != 0) {
        corner += (size_t)(top + rows.first) * pitch + (size_t)(left + cols.first) * channels;
      }
      for (ch = tile.ch0; ch < tile.ch1; ++ch) {
        const int32_t sum = sum_of(pool, corner + ch, (int16_t)(rows.last - rows.first), (int16_t)(cols.last - cols.first));
        const int32_t mean = mean_of(sum + padding, count);
        mj_store_i8(&to[ch], (int8_t)(mean < pool->low ? pool->low : mean > pool->high ? pool->high : mean));
      }
      left = (int16_t)(left + pool->stride_w);
      to += channels;
    }
    y += (size_t)pool->out_w * channels;
    top = (int16_t)(top + pool->stride_h);
  }
}
