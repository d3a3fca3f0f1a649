/* SPDX-License-Identifier: MIT-0 */
#include "mj_arithmetic.h"
#include "mj_encoded.h"
#include "mj_part.h"

void mj_fully_connected_encoded_part(const mj_linear* linear, mj_tile tile, const mj_part* part, const int8_t* x,
                                     const mj_weights* weights, int8_t* y, mj_row_s8 row) {
  const size_t features = (size_t)linear->in_c;
  const size_t terms = (size_t)(part->end - part->begin);
  int16_t i;
  x += (size_t)tile.row0 * features + (size_t)part->begin;
  y += (size_t)tile.row0 * (size_t)linear->out_c;
  for (i = tile.row0; i < tile.row1; ++i) {
    mj_weights here = *weights;
    mj_weight weight = weights->weight;
    int16_t ch;
    for (ch = tile.ch0; ch < tile.ch1; ++ch) {
      const int16_t c = (int16_t)(ch - tile.ch0);
      int32_t sum = mj_sum_before(part, c, &here);
      weight = row(&sum, x, weight, terms);
      mj_store_sum(part, c, &here, sum, &linear->out, &y[ch]);
    }
    x += features;
    y += linear->out_c;
  }
}
