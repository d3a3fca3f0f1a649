/* SPDX-License-Identifier: MIT-0 */
#include "mj_encoded.h"

#define MJ_BLOCK4_INT8(name, element)                                            \
  mj_weight name(int32_t* sum, const element* x, mj_weight row, size_t n) {      \
    uint8_t count;                                                               \
    mj_products all;                                                             \
    (void)n;                                                                     \
    mj_products_begin(&all, *sum);                                               \
    do {                                                                         \
      uint8_t left = count = mj_next_byte(&row);                                 \
      for (; left != 0; --left) {                                                \
        x += (size_t)mj_next_byte(&row) << 2;                                    \
        mj_products_add(&all, x[0], (int8_t)mj_next_byte(&row));                 \
        mj_products_add(&all, x[1], (int8_t)mj_next_byte(&row));                 \
        mj_products_add(&all, x[2], (int8_t)mj_next_byte(&row));                 \
        mj_products_add(&all, x[3], (int8_t)mj_next_byte(&row));                 \
        x += 4;                                                                  \
      }                                                                          \
    } while (count == 255);                                                      \
    *sum = mj_products_end(&all);                                                \
    return row;                                                                  \
  }

MJ_BLOCK4_INT8(mj_block4_int8_s16, int16_t)
MJ_BLOCK4_INT8(mj_block4_int8_s8, int8_t)

/* Elements are multiplied as 16 times themselves; see mj_dense.c. */
#define MJ_BLOCK4_INT4(name, element)                                            \
  mj_weight name(int32_t* sum, const element* x, mj_weight row, size_t n) {      \
    uint8_t count;                                                               \
    mj_products all;                                                             \
    (void)n;                                                                     \
    mj_products_begin(&all, 0);                                                  \
    do {                                                                         \
      uint8_t left = count = mj_next_byte(&row);                                 \
      for (; left != 0; --left) {                                                \
        uint8_t pair;                                                            \
        x += (size_t)mj_next_byte(&row) << 2;                                    \
        pair = mj_next_byte(&row);                                               \
        mj_products_add(&all, x[0], (int8_t)(uint8_t)(pair << 4));               \
        mj_products_add(&all, x[1], (int8_t)(pair & 0xf0u));                     \
        pair = mj_next_byte(&row);                                               \
        mj_products_add(&all, x[2], (int8_t)(uint8_t)(pair << 4));               \
        mj_products_add(&all, x[3], (int8_t)(pair & 0xf0u));                     \
        x += 4;                                                                  \
      }                                                                          \
    } while (count == 255);                                                      \
    *sum += mj_products_end(&all) >> 4;                                          \
    return row;                                                                  \
  }

MJ_BLOCK4_INT4(mj_block4_int4_s16, int16_t)
MJ_BLOCK4_INT4(mj_block4_int4_s8, int8_t)
