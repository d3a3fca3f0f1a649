/* SPDX-License-Identifier: MIT-0 */
#include "mj_arithmetic.h"
#include "mj_kernels.h"
#include "mj_port.h"
#include "mj_store.h"

#define SUM_INTEGER_BITS 12 /* the sum of exponentials is Q12.19 */

/* 1 / (1 + x) in Q0.31 for x in [0, 1) as Q0.31, by three Newton-Raphson steps from 48/17 - 32/17 * half the sum
   (gemmlowp's one_over_one_plus_x_for_x_in_0_1). */
static int32_t one_over_one_plus(int32_t x) {
  const int32_t half = (int32_t)(((uint32_t)x + 0x80000000u) >> 1);
  int32_t estimate = 1515870810 + mj_high_multiply(half, -1010580540); /* Q2.29 */
  int8_t step;
  for (step = 0; step < 3; ++step) {
    const int32_t error = ((int32_t)1 << 29) - mj_high_multiply(half, estimate);
    estimate += mj_high_multiply(estimate, error) * 4;
  }
  return estimate > 0x3fffffff ? 0x7fffffff : estimate * 2;
}

static int32_t exp_at(const mj_softmax* softmax, int16_t distance) {
  return distance < softmax->distances ? softmax->exp[distance] : 0;
}

void mj_softmax_rows(const mj_softmax* softmax, mj_tile tile, const int8_t* x, int8_t* y) {
  static const mj_output probability = {-128, -128, 127};
  int16_t row;
  x += (size_t)tile.row0 * (size_t)softmax->depth;
  y += (size_t)tile.row0 * (size_t)softmax->depth;
  for (row = tile.row0; row < tile.row1; ++row) {
    int16_t i;
    int16_t largest = -128;
    int8_t exponent = SUM_INTEGER_BITS + 31 - 8;
    int32_t sum = 0;
    int32_t reciprocal;
    for (i = 0; i < softmax->depth; ++i) {
      if (x[i] > largest) {
        largest = x[i];
      }
    }
    for (i = 0; i < softmax->depth; ++i) {
      sum += mj_round_shift(exp_at(softmax, (int16_t)(largest - x[i])), SUM_INTEGER_BITS);
    }
    /* The sum as 2^k * (1 + fraction). */
    while ((uint32_t)sum < 0x80000000u) {
      sum = (int32_t)((uint32_t)sum << 1);
      --exponent;
    }
    reciprocal = one_over_one_plus((int32_t)((uint32_t)sum - 0x80000000u));
    for (i = 0; i < softmax->depth; ++i) {
      const int32_t part = mj_high_multiply(reciprocal, exp_at(softmax, (int16_t)(largest - x[i])));
      mj_store_i8(&y[i], mj_saturate(mj_round_shift(part, exponent), &probability));
    }
    x += softmax->depth;
    y += softmax->depth;
  }
}
