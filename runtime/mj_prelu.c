/* SPDX-License-Identifier: MIT-0 */
#include "mj_arithmetic.h"
#include "mj_loops.h"
#include "mj_store.h"

static void prelu_line(const void* kernel, const int8_t* a, const int8_t* b, int8_t* y) {
  const mj_slope* slope = (const mj_slope*)kernel;
  size_t n;
  for (n = slope->loops.size[3]; n != 0; --n) {
    int32_t value = (int32_t)*a - slope->a_zero;
    if (value >= 0) {
      value = mj_scale(value, slope->multiplier, slope->shift);
    } else {
      value = mj_scale(value * ((int32_t)*b - slope->b_zero), slope->negative_multiplier, slope->negative_shift);
    }
    mj_store_i8(y, mj_saturate(value, &slope->out));
    ++y;
    a += slope->loops.a_step[3];
    b += slope->loops.b_step[3];
  }
}

void mj_prelu(const mj_slope* slope, mj_tile tile, const int8_t* a, const int8_t* b, int8_t* y) {
  mj_each_line(&slope->loops, tile, a, b, y, prelu_line, slope);
}
