/* SPDX-License-Identifier: MIT-0 */
#include "mj_channels.h"
#include "mj_encoded.h"
#include "mj_store.h"

void mj_fully_connected_encoded(const mj_linear* linear, mj_tile tile, const int8_t* x, const mj_weights* weights,
                                int8_t* y, mj_row_s8 row) {
  const size_t features = (size_t)linear->in_c;
  int16_t i;
  x += (size_t)tile.row0 * features;
  y += (size_t)tile.row0 * (size_t)linear->out_c;
  for (i = tile.row0; i < tile.row1; ++i) {
    mj_weights here = *weights;
    mj_weight weight = weights->weight;
    int16_t ch;
    for (ch = tile.ch0; ch < tile.ch1; ++ch) {
      int32_t sum = mj_next_bias(&here);
      weight = row(&sum, x, weight, features);
      mj_store_i8(&y[ch], mj_next_output(&here, sum, &linear->out));
    }
    x += features;
    y += linear->out_c;
  }
}
