/* SPDX-License-Identifier: MIT-0 */
#include "mj_arithmetic.h"
#include "mj_convolution.h"
#include "mj_kernels.h"
#include "mj_port.h"
#include "mj_store.h"

/* Channels c..end-1 of one output pixel. */
static MJ_NOINLINE mj_weight channels(const mj_weights* weights, int16_t c, int16_t end, mj_weight weight,
                                      int16_t* patch, size_t taps, const mj_output* out, int8_t* y,
                                      mj_row_s16 row) {
  (void)row;
  mj_arrange(patch, taps);
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
  mj_each_window(conv, &tile, x, weights, y, patch, channels, NULL);
}
