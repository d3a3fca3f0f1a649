/* SPDX-License-Identifier: MIT-0 */
#include "mj_arithmetic.h"
#include "mj_kernels.h"
#include "mj_store.h"

static int32_t sum_over(const mj_mean* mean, const int8_t* x) {
  int32_t sum = 0;
  size_t i, j;
  for (i = 0; i < mean->reduced_size[0]; ++i) {
    const int8_t* from = x;
    for (j = 0; j < mean->reduced_size[1]; ++j) {
      sum += *from;
      from += mean->reduced_step[1];
    }
    x += mean->reduced_step[0];
  }
  return sum;
}

void mj_mean_over(const mj_mean* mean, mj_tile tile, const int8_t* x, int8_t* y) {
  int16_t row;
  x += (size_t)tile.row0 * mean->step[0];
  y += (size_t)tile.row0 * (mean->size[1] * mean->size[2]);
  for (row = tile.row0; row < tile.row1; ++row) {
    size_t i, j;
    for (i = 0; i < mean->size[1]; ++i) {
      const int8_t* from = x + i * mean->step[1];
      for (j = 0; j < mean->size[2]; ++j) {
        const int32_t sum = sum_over(mean, from) - mean->in_sum_zero;
        mj_store_i8(y, mj_requantize(sum, mean->multiplier, mean->shift, &mean->out));
        ++y;
        from += mean->step[2];
      }
    }
    x += mean->step[0];
  }
}
