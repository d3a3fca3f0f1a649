/* SPDX-License-Identifier: MIT-0 */
#include "mj_channels.h"
#include "mj_convolution.h"
#include "mj_kernels.h"
#include "mj_port.h"
#include "mj_store.h"

/* Channels c..end-1 of one output pixel. */
static MJ_NOINLINE mj_weight channels(const mj_weights* weights, int16_t c, int16_t end, mj_weight weight,
                                      int16_t* patch, size_t taps, const mj_output* out, int8_t* y,
                                      mj_row_s16 row) {
  mj_weights here = *weights;
  (void)row;
  mj_skip_channels(&here, c);
  mj_arrange(patch, taps);
#ifdef MJ_PORT_DOT_TWO
  for (; c + 1 < end; c = (int16_t)(c + 2)) {
    int32_t sums[2];
    sums[0] = mj_next_bias(&here);
    sums[1] = mj_next_bias(&here);
    mj_dot_two_s16(sums, patch, weight, weight + taps, taps);
    mj_store_i8(y, mj_next_output(&here, sums[0], out));
    ++y;
    mj_store_i8(y, mj_next_output(&here, sums[1], out));
    ++y;
    weight += 2 * taps;
  }
#endif
  for (; c < end; ++c) {
    const int32_t sum = mj_dot_s16(mj_next_bias(&here), patch, weight, taps);
    mj_store_i8(y, mj_next_output(&here, sum, out));
    ++y;
    weight += taps;
  }
  return weight;
}

void mj_conv2d(const mj_conv* conv, mj_tile tile, const int8_t* x, const mj_weights* weights, int8_t* y,
               int16_t* patch) {
  mj_each_window(conv, &tile, x, weights, y, patch, channels, NULL);
}
