/* SPDX-License-Identifier: MIT-0 */
#include "mj_kernels.h"
#include "mj_store.h"
#include "mj_window.h"

void mj_max_pool(const mj_pool* pool, mj_tile tile, const int8_t* x, int8_t* y) {
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
      const int8_t* corner = x;
      int16_t ch;
      if (rows.first < rows.last && cols.first < cols.last) {
        corner += (size_t)(top + rows.first) * pitch + (size_t)(left + cols.first) * channels;
      }
      for (ch = tile.ch0; ch < tile.ch1; ++ch) {
        const int8_t* line = corner + ch;
        int8_t best = (int8_t)pool->low;
        int16_t r;
        for (r = rows.first; r < rows.last; ++r) {
          const int8_t* from = line;
          int16_t c;
          for (c = cols.first; c < cols.last; ++c) {
            if (*from > best) {
              best = *from;
            }
            from += channels;
          }
          line += pitch;
        }
        mj_store_i8(&to[ch], best > pool->high ? (int8_t)pool->high : best);
      }
      left = (int16_t)(left + pool->stride_w);
      to += channels;
    }
    y += (size_t)pool->out_w * channels;
    top = (int16_t)(top + pool->stride_h);
  }
}
