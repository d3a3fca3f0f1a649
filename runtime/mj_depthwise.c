/* SPDX-License-Identifier: MIT-0 */
#include "mj_channels.h"
#include "mj_kernels.h"
#include "mj_port.h"
#include "mj_store.h"
#include "mj_window.h"

void mj_depthwise(const mj_conv* conv, mj_tile tile, const int8_t* x, const mj_weights* weights, int8_t* y) {
  const size_t pitch = (size_t)conv->in_w * (size_t)conv->in_c;
  const size_t row_step = (size_t)conv->dilation_h * pitch;
  const size_t tap_step = (size_t)conv->dilation_w * (size_t)conv->in_c;
  const size_t window = (size_t)conv->kernel_h * (size_t)conv->kernel_w;
  const int16_t per_input = (int16_t)(conv->out_c / conv->in_c);
  int16_t row;
  int16_t top = (int16_t)(tile.row0 * conv->stride_h - conv->pad_top);
  y += (size_t)tile.row0 * (size_t)conv->out_w * (size_t)conv->out_c;
  for (row = tile.row0; row < tile.row1; ++row) {
    const mj_taps rows = mj_taps_inside(top, conv->kernel_h, conv->dilation_h, conv->in_h);
    int16_t col;
    int16_t left = (int16_t)(tile.col0 * conv->stride_w - conv->pad_left);
    int8_t* to = y + (size_t)tile.col0 * (size_t)conv->out_c;
    for (col = tile.col0; col < tile.col1; ++col) {
      const mj_taps cols = mj_taps_inside(left, conv->kernel_w, conv->dilation_w, conv->in_w);
      const size_t run = (size_t)(cols.last - cols.first);
      int16_t in_ch = (int16_t)(tile.ch0 / per_input);
      int16_t left_of_input = (int16_t)(per_input - tile.ch0 % per_input);
      mj_weight weight = weights->weight + (size_t)rows.first * (size_t)conv->kernel_w + (size_t)cols.first;
      const int8_t* corner = x;
      mj_weights here = *weights;
      int16_t ch;
      if (run != 0 && rows.first < rows.last) {
        corner += (size_t)(top + rows.first * conv->dilation_h) * pitch +
                  (size_t)(left + cols.first * conv->dilation_w) * (size_t)conv->in_c;
      }
      for (ch = tile.ch0; ch < tile.ch1; ++ch) {
        const int8_t* from = corner + in_ch;
        mj_weight taps = weight;
        int32_t sum = mj_next_bias(&here);
        int16_t tap;
        for (tap = rows.first; tap < rows.last; ++tap) {
          sum = mj_dot_strided(sum, from, tap_step, conv->in_zero, taps, run);
          from += row_step;
          taps += (size_t)conv->kernel_w;
        }
        mj_store_i8(&to[ch], mj_next_output(&here, sum, &conv->out));
        weight += window;
        if (--left_of_input == 0) {
          left_of_input = per_input;
          ++in_ch;
        }
      }
      left = (int16_t)(left + conv->stride_w);
      to += conv->out_c;
    }
    y += (size_t)conv->out_w * (size_t)conv->out_c;
    top = (int16_t)(top + conv->stride_h);
  }
}
