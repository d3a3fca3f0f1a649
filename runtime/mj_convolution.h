/* SPDX-License-Identifier: MIT-0 */
/* What convolutions share, however their weights are stored: the window of each output pixel is copied once, and all
   channels of its group are dot products with it. */
#ifndef MJ_CONVOLUTION_H
#define MJ_CONVOLUTION_H

#include "mj_kernels.h"
#include "mj_port.h"

static int16_t* mj_zeros(int16_t* to, size_t n) {
  memset(to, 0, n * sizeof(int16_t));
  return to + n;
}

static int16_t* mj_widened(int16_t* to, const int8_t* from, size_t n, int16_t zero) {
  mj_widen(to, from, zero, n);
  return to + n;
}

/* One row of taps, of which those first..last-1 lie inside x; `x` is its row, `left` the column of its first tap. */
static int16_t* mj_gather_row(const mj_conv* conv, const int8_t* x, int16_t left, int16_t depth, int16_t* patch) {
  int16_t tap;
  if (conv->groups == 1 && conv->dilation_w == 1) {
    int16_t first = 0;
    int16_t last = (int16_t)(conv->in_w - left);
    if (left < 0) {
      first = (int16_t)-left;
    }
    if (last > conv->kernel_w) {
      last = conv->kernel_w;
    }
    if (first >= last) {
      return mj_zeros(patch, (size_t)conv->kernel_w * (size_t)depth);
    }
    patch = mj_zeros(patch, (size_t)first * (size_t)depth);
    patch = mj_widened(patch, x + (size_t)(left + first) * (size_t)depth, (size_t)(last - first) * (size_t)depth,
                       conv->in_zero);
    return mj_zeros(patch, (size_t)(conv->kernel_w - last) * (size_t)depth);
  }
  for (tap = 0; tap < conv->kernel_w; ++tap) {
    if (left < 0 || left >= conv->in_w) {
      patch = mj_zeros(patch, (size_t)depth);
    } else {
      patch = mj_widened(patch, x + (size_t)left * (size_t)conv->in_c, (size_t)depth, conv->in_zero);
    }
    left = (int16_t)(left + conv->dilation_w);
  }
  return patch;
}

/* The window of one output pixel as one run of numbers, without the zero point: so padding is zero, and what remains per
   channel is a dot product. */
static void mj_gather(const mj_conv* conv, const int8_t* x, int16_t top, int16_t left, int16_t depth, int16_t* patch) {
  const size_t pitch = (size_t)conv->in_w * (size_t)conv->in_c;
  int16_t tap;
  for (tap = 0; tap < conv->kernel_h; ++tap) {
    if (top < 0 || top >= conv->in_h) {
      patch = mj_zeros(patch, (size_t)conv->kernel_w * (size_t)depth);
    } else {
      patch = mj_gather_row(conv, x + (size_t)top * pitch, left, depth, patch);
    }
    top = (int16_t)(top + conv->dilation_h);
  }
}

/* Computes channels c..end-1 of one output pixel from its window; returns where the next channel's weights are. `row` is
   what decodes a row of weights, for those that are encoded. */
typedef mj_weight (*mj_channels)(const mj_weights* weights, int16_t c, int16_t end, mj_weight weight, int16_t* patch,
                                 size_t taps, const mj_output* out, int8_t* y, mj_row_s16 row);

MJ_INLINE void mj_each_window(const mj_conv* conv, const mj_tile* tile, const int8_t* x, const mj_weights* weights,
                              int8_t* y, int16_t* patch, mj_channels channels, mj_row_s16 row_of) {
  const int16_t group_in = (int16_t)(conv->in_c / conv->groups);
  const int16_t group_out = (int16_t)(conv->out_c / conv->groups);
  const size_t taps = (size_t)conv->kernel_h * (size_t)conv->kernel_w * (size_t)group_in;
  const int16_t first_group = (int16_t)(tile->ch0 / group_out);
  int16_t row;
  int16_t top = (int16_t)(tile->row0 * conv->stride_h - conv->pad_top);
  y += (size_t)tile->row0 * (size_t)conv->out_w * (size_t)conv->out_c;
  for (row = tile->row0; row < tile->row1; ++row) {
    int16_t col;
    int16_t left = (int16_t)(tile->col0 * conv->stride_w - conv->pad_left);
    int8_t* to = y + (size_t)tile->col0 * (size_t)conv->out_c;
    for (col = tile->col0; col < tile->col1; ++col) {
      mj_weight weight = weights->weight;
      const int8_t* group_x = x + (size_t)first_group * (size_t)group_in;
      int16_t end = (int16_t)((first_group + 1) * group_out);
      int16_t ch = tile->ch0;
      while (ch < tile->ch1) {
        const int16_t last = end < tile->ch1 ? end : tile->ch1;
        mj_gather(conv, group_x, top, left, group_in, patch);
        weight = channels(weights, (int16_t)(ch - tile->ch0), (int16_t)(last - tile->ch0), weight, patch, taps,
                          &conv->out, to + ch, row_of);
        group_x += group_in;
        ch = last;
        end = (int16_t)(end + group_out);
      }
      left = (int16_t)(left + conv->stride_w);
      to += conv->out_c;
    }
    y += (size_t)conv->out_w * (size_t)conv->out_c;
    top = (int16_t)(top + conv->stride_h);
  }
}

#endif
