/* SPDX-License-Identifier: MIT-0 */
#include "mj_arithmetic.h"
#include "mj_kernels.h"
#include "mj_part.h"

void mj_fully_connected_part(const mj_linear* linear, mj_tile tile, const mj_part* part, const int8_t* x,
                             const mj_weights* weights, int8_t* y) {
  const size_t features = (size_t)linear->in_c;
  const size_t terms = (size_t)(part->end - part->begin);
  int16_t row;
  x += (size_t)tile.row0 * features + (size_t)part->begin;
  y += (size_t)tile.row0 * (size_t)linear->out_c;
  for (row = tile.row0; row < tile.row1; ++row) {
    mj_weights here = *weights;
    mj_weight weight = weights->weight + (size_t)part->begin;
    int16_t ch;
    for (ch = tile.ch0; ch < tile.ch1; ++ch) {
      const int16_t c = (int16_t)(ch - tile.ch0);
      const int32_t sum = mj_dot_s8(mj_sum_before(part, c, &here), x, weight, terms);
      mj_store_sum(part, c, &here, sum, &linear->out, &y[ch]);
      weight += features;
    }
    x += features;
    y += linear->out_c;
  }
}

void mj_fully_connected(const mj_linear* linear, mj_tile tile, const int8_t* x, const mj_weights* weights, int8_t* y) {
  mj_part all;
  all.begin = 0;
  all.end = linear->in_c;
  all.from = NULL;
  all.to = NULL;
  mj_fully_connected_part(linear, tile, &all, x, weights, y);
}
