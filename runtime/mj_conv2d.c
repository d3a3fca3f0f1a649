/* SPDX-License-Identifier: MIT-0 */
#include "mj_arithmetic.h"
#include "mj_kernels.h"
#include "mj_port.h"
#include "mj_store.h"

static int16_t* zeros(int16_t* to, size_t n) {
  memset(to, 0, n * sizeof(int16_t));
  return to + n;
}

static int16_t* widened(int16_t* to, const int8_t* from, size_t n, int16_t zero) {
  mj_widen(to, from, zero, n);
  return to + n;
}

/* One row of taps, of which those first..last-1 lie inside x; `x` is its row, `left` the column of its first tap. */
static int16_t* gather_row(const mj_conv* conv, const int8_t* x, int16_t left, int16_t depth, int16_t* patch) {
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
      return zeros(patch, (size_t)conv->kernel_w * (size_t)depth);
    }
    patch = zeros(patch, (size_t)first * (size_t)depth);
    patch = widened(patch, x + (size_t)(left + first) * (size_t)depth, (size_t)(last - first) * (size_t)depth,
                    conv->in_zero);
    return zeros(patch, (size_t)(conv->kernel_w - last) * (size_t)depth);
  }
  for (tap = 0; tap < conv->kernel_w; ++tap) {
    if (left < 0 || left >= conv->in_w) {
      patch = zeros(patch, (size_t)depth);
    } else {
      patch = widened(patch, x + (size_t)left * (size_t)conv->in_c, (size_t)depth, conv->in_zero);
    }
    left = (int16_t)(left + conv->dilation_w);
  }
  return patch;
}

/* The window of one output pixel as one run of numbers, without the zero point: so padding is zero, and what remains per
   channel is a dot product. */
static void gather(const mj_conv* conv, const int8_t* x, int16_t top, int16_t left, int16_t depth, int16_t* patch) {
  const size_t pitch = (size_t)conv->in_w * (size_t)conv->in_c;
  int16_t tap;
  for (tap = 0; tap < conv->kernel_h; ++tap) {
    if (top < 0 || top >= conv->in_h) {
      patch = zeros(patch, (size_t)conv->kernel_w * (size_t)depth);
    } else {
      patch = gather_row(conv, x + (size_t)top * pitch, left, depth, patch);
    }
    top = (int16_t)(top + conv->dilation_h);
  }
}

/* Channels c..end-1 of one output pixel. */
static MJ_NOINLINE mj_weight channels(const mj_weights* weights, int16_t c, int16_t end, mj_weight weight,
                                      const int16_t* patch, size_t taps, const mj_output* out, int8_t* y) {
#ifdef MJ_PORT_DOT_TWO
  for (; c + 1 < end; c = (int16_t)(c + 2)) {
    int32_t sums[2];
    sums[0] = weights->bias[c];
    sums[1] = weights->bias[c + 1];
    mj_dot_two_s16(sums, patch, weight, weight + taps, taps);
    mj_store_i8(y, mj_requantize(sums[0], weights->multiplier[c], weights->shift[c], out));
    ++y;
    mj_store_i8(y, mj_requantize(sums[1], weights->multiplier[c + 1], weights->shift[c + 1], out));
    ++y;
    weight += 2 * taps;
  }
#endif
  for (; c < end; ++c) {
    const int32_t sum = mj_dot_s16(weights->bias[c], patch, weight, taps);
    mj_store_i8(y, mj_requantize(sum, weights->multiplier[c], weights->shift[c], out));
    ++y;
    weight += taps;
  }
  return weight;
}

void mj_conv2d(const mj_conv* conv, mj_tile tile, const int8_t* x, const mj_weights* weights, int8_t* y,
               int16_t* patch) {
  const int16_t group_in = (int16_t)(conv->in_c / conv->groups);
  const int16_t group_out = (int16_t)(conv->out_c / conv->groups);
  const size_t taps = (size_t)conv->kernel_h * (size_t)conv->kernel_w * (size_t)group_in;
  const int16_t first_group = (int16_t)(tile.ch0 / group_out);
  int16_t row;
  int16_t top = (int16_t)(tile.row0 * conv->stride_h - conv->pad_top);
  y += (size_t)tile.row0 * (size_t)conv->out_w * (size_t)conv->out_c;
  for (row = tile.row0; row < tile.row1; ++row) {
    int16_t col;
    int16_t left = (int16_t)(tile.col0 * conv->stride_w - conv->pad_left);
    int8_t* to = y + (size_t)tile.col0 * (size_t)conv->out_c;
    for (col = tile.col0; col < tile.col1; ++col) {
      mj_weight weight = weights->weight;
      const int8_t* group_x = x + (size_t)first_group * (size_t)group_in;
      int16_t end = (int16_t)((first_group + 1) * group_out);
      int16_t ch = tile.ch0;
      while (ch < tile.ch1) {
        const int16_t last = end < tile.ch1 ? end : tile.ch1;
        gather(conv, group_x, top, left, group_in, patch);
        mj_arrange(patch, taps);
        weight = channels(weights, (int16_t)(ch - tile.ch0), (int16_t)(last - tile.ch0), weight, patch, taps,
                          &conv->out, to + ch);
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
