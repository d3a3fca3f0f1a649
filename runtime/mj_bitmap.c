/* SPDX-License-Identifier: MIT-0 */
#include "mj_encoded.h"

#ifndef MJ_PORT_BITS

/* The elements of one byte of a bitmap. */
#define MJ_BITS_INT8(name, element)                                                                  \
  static inline void name(const element* x, mj_weight* row, uint8_t present, mj_products* all) {     \
    for (; present != 0; present >>= 1) {                                                            \
      if ((present & 1u) != 0) {                                                                     \
        mj_products_add(all, *x, (int8_t)mj_next_byte(row));                                         \
      }                                                                                              \
      ++x;                                                                                           \
    }                                                                                                \
  }

MJ_BITS_INT8(mj_bits_int8_s16, int16_t)
MJ_BITS_INT8(mj_bits_int8_s8, int8_t)

#endif

#define MJ_BITMAP_INT8(name, element, bits)                                                          \
  mj_weight name(int32_t* sum, const element* x, mj_weight row, size_t n) {                          \
    mj_products all;                                                                                 \
    mj_products_begin(&all, *sum);                                                                   \
    for (;;) {                                                                                       \
      const uint8_t present = mj_next_byte(&row);                                                    \
      bits(x, &row, present, &all);                                                                  \
      if (n <= 8) {                                                                                  \
        break;                                                                                       \
      }                                                                                              \
      n -= 8;                                                                                        \
      x += 8;                                                                                        \
    }                                                                                                \
    *sum = mj_products_end(&all);                                                                    \
    return row;                                                                                      \
  }

MJ_BITMAP_INT8(mj_bitmap_int8_s16, int16_t, mj_bits_int8_s16)
MJ_BITMAP_INT8(mj_bitmap_int8_s8, int8_t, mj_bits_int8_s8)

/* Elements are multiplied as 16 times themselves; see mj_dense.c. */
#define MJ_BITMAP_INT4(name, element)                                                                \
  mj_weight name(int32_t* sum, const element* x, mj_weight row, size_t n) {                          \
    uint8_t pair = 0;                                                                                \
    uint8_t half = 0; /* the upper one of pair is next */                                            \
    mj_products all;                                                                                 \
    mj_products_begin(&all, 0);                                                                      \
    for (;;) {                                                                                       \
      const element* at = x;                                                                         \
      uint8_t present = mj_next_byte(&row);                                                          \
      for (; present != 0; present >>= 1) {                                                          \
        if ((present & 1u) != 0) {                                                                   \
          half ^= 1u;                                                                                \
          if (half != 0) {                                                                           \
            pair = mj_next_byte(&row);                                                               \
            mj_products_add(&all, *at, (int8_t)(uint8_t)(pair << 4));                                \
          } else {                                                                                   \
            mj_products_add(&all, *at, (int8_t)(pair & 0xf0u));                                      \
          }                                                                                          \
        }                                                                                            \
        ++at;                                                                                        \
      }                                                                                              \
      if (n <= 8) {                                                                                  \
        break;                                                                                       \
      }                                                                                              \
      n -= 8;                                                                                        \
      x += 8;                                                                                        \
    }                                                                                                \
    *sum += mj_products_end(&all) >> 4;                                                              \
    return row;                                                                                      \
  }

MJ_BITMAP_INT4(mj_bitmap_int4_s16, int16_t)
MJ_BITMAP_INT4(mj_bitmap_int4_s8, int8_t)
