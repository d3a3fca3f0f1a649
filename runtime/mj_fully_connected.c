/* SPDX-License-Identifier: MIT-0 */
#include "mj_arithmetic.h"
#include "mj_kernels.h"
#include "mj_port.h"

void mj_fully_connected(const mj_linear* linear, mj_tile tile, const int8_t* x, const mj_weights* weights, int8_t* y) {
  const size_t features = (size_t)linear->in_c;
  int16_t row;
  x += (size_t)tile.row0 * features;
  y += (size_t)tile.row0 * (size_t)linear->out_c;
  for (row = tile.row0; row < tile.row1; ++row) {
    const int8_t* weight = weights->weight;
    int16_t ch;
    for (ch = tile.ch0; ch < tile.ch1; ++ch) {
      const int16_t c = (int16_t)(ch - tile.ch0);
      const int32_t sum = mj_dot_s8(weights->bias[c], x, weight, features);
      y[ch] = mj_requantize(sum, weights->multiplier[c], weights->shift[c], &linear->out);
      weight += features;
    }
    x += features;
    y += linear->out_c;
  }
}
