/* SPDX-License-Identifier: MIT-0 */
#include "mj_encoded.h"

/* Elements are multiplied where they lie in a byte or what becomes one, as 16 times themselves; the sum is a multiple of 16
   then. */
#define MJ_DENSE_INT4(name, element)                                             \
  mj_weight name(int32_t* sum, const element* x, mj_weight row, size_t n) {      \
    mj_products all;                                                             \
    mj_products_begin(&all, 0);                                                  \
    for (; n > 1; n -= 2) {                                                      \
      const uint8_t pair = mj_next_byte(&row);                                   \
      mj_products_add(&all, *x++, (int8_t)(uint8_t)(pair << 4));                 \
      mj_products_add(&all, *x++, (int8_t)(pair & 0xf0u));                       \
    }                                                                            \
    if (n != 0) {                                                                \
      mj_products_add(&all, *x, (int8_t)(uint8_t)(mj_next_byte(&row) << 4));     \
    }                                                                            \
    *sum += mj_products_end(&all) >> 4;                                          \
    return row;                                                                  \
  }

MJ_DENSE_INT4(mj_dense_int4_s16, int16_t)
MJ_DENSE_INT4(mj_dense_int4_s8, int8_t)
