/* SPDX-License-Identifier: MIT-0 */
#include "mj_channels.h"
#include "mj_convolution.h"
#include "mj_encoded.h"
#include "mj_store.h"

static MJ_NOINLINE mj_weight channels(const mj_weights* weights, int16_t c, int16_t end, mj_weight weight,
                                      int16_t* patch, size_t taps, const mj_output* out, int8_t* y,
                                      mj_row_s16 row) {
  mj_weights here = *weights;
  mj_skip_channels(&here, c);
  for (; c < end; ++c) {
    int32_t sum = mj_next_bias(&here);
    weight = row(&sum, patch, weight, taps);
    mj_store_i8(y, mj_next_output(&here, sum, out));
    ++y;
  }
  return weight;
}

void mj_conv2d_encoded(const mj_conv* conv, mj_tile tile, const int8_t* x, const mj_weights* weights, int8_t* y,
                       int16_t* patch, mj_row_s16 row) {
  mj_each_window(conv, &tile, x, weights, y, patch, channels, row);
}
