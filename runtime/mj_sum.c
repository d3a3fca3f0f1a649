/* SPDX-License-Identifier: MIT-0 */
#include "mj_arithmetic.h"
#include "mj_loops.h"
#include "mj_store.h"

#define LEFT_SHIFT 20 /* of both inputs, before they are brought to one scale */

static int32_t scaled(int8_t x, int16_t zero, int32_t multiplier, int8_t shift) {
  /* The input with the larger scale is multiplied by one half, exactly. */
  if (multiplier == ((int32_t)1 << 30) && shift == 0) {
    return (int32_t)((uint32_t)((int32_t)x - zero) << (LEFT_SHIFT - 1));
  }
  return mj_scale((int32_t)((uint32_t)((int32_t)x - zero) << LEFT_SHIFT), multiplier, shift);
}

static int8_t finished(const mj_sum* sum, int32_t value) {
  return mj_requantize(value, sum->out_multiplier, sum->out_shift, &sum->out);
}

static void add_line(const void* kernel, const int8_t* a, const int8_t* b, int8_t* y) {
  const mj_sum* sum = (const mj_sum*)kernel;
  size_t n;
  for (n = sum->loops.size[3]; n != 0; --n) {
    mj_store_i8(y, finished(sum, scaled(*a, sum->a_zero, sum->a_multiplier, sum->a_shift) +
                                     scaled(*b, sum->b_zero, sum->b_multiplier, sum->b_shift)));
    ++y;
    a += sum->loops.a_step[3];
    b += sum->loops.b_step[3];
  }
}

static void subtract_line(const void* kernel, const int8_t* a, const int8_t* b, int8_t* y) {
  const mj_sum* sum = (const mj_sum*)kernel;
  size_t n;
  for (n = sum->loops.size[3]; n != 0; --n) {
    mj_store_i8(y, finished(sum, scaled(*a, sum->a_zero, sum->a_multiplier, sum->a_shift) -
                                     scaled(*b, sum->b_zero, sum->b_multiplier, sum->b_shift)));
    ++y;
    a += sum->loops.a_step[3];
    b += sum->loops.b_step[3];
  }
}

void mj_add(const mj_sum* sum, mj_tile tile, const int8_t* a, const int8_t* b, int8_t* y) {
  mj_each_line(&sum->loops, tile, a, b, y, add_line, sum);
}

void mj_subtract(const mj_sum* sum, mj_tile tile, const int8_t* a, const int8_t* b, int8_t* y) {
  mj_each_line(&sum->loops, tile, a, b, y, subtract_line, sum);
}
