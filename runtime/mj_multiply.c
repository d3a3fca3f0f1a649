/* SPDX-License-Identifier: MIT-0 */
#include "mj_arithmetic.h"
#include "mj_loops.h"
#include "mj_store.h"

static void multiply_line(const void* kernel, const int8_t* a, const int8_t* b, int8_t* y) {
  const mj_product* product = (const mj_product*)kernel;
  size_t n;
  for (n = product->loops.size[3]; n != 0; --n) {
    const int32_t value = ((int32_t)*a - product->a_zero) * ((int32_t)*b - product->b_zero);
    mj_store_i8(y, mj_requantize(value, product->multiplier, product->shift, &product->out));
    ++y;
    a += product->loops.a_step[3];
    b += product->loops.b_step[3];
  }
}

void mj_multiply(const mj_product* product, mj_tile tile, const int8_t* a, const int8_t* b, int8_t* y) {
  mj_each_line(&product->loops, tile, a, b, y, multiply_line, product);
}
