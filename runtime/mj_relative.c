/* SPDX-License-Identifier: MIT-0 */
#include "mj_encoded.h"

#ifndef MJ_PORT_ENTRIES

/* n entries from *row on; returns where x is behind them. */
#define MJ_ENTRIES_INT8(name, element)                                                               \
  static inline const element* name(const element* x, mj_weight* row, uint8_t n, mj_products* all) { \
    for (; n != 0; --n) {                                                                            \
      x += mj_next_byte(row);                                                                        \
      mj_products_add(all, *x++, (int8_t)mj_next_byte(row));                                         \
    }                                                                                                \
    return x;                                                                                        \
  }

MJ_ENTRIES_INT8(mj_entries_int8_s16, int16_t)
MJ_ENTRIES_INT8(mj_entries_int8_s8, int8_t)

#define MJ_ENTRIES_INT4(name, element)                                                               \
  static inline const element* name(const element* x, mj_weight* row, uint8_t n, mj_products* all) { \
    for (; n != 0; --n) {                                                                            \
      const uint8_t entry = mj_next_byte(row);                                                       \
      if (entry < 16) {                                                                              \
        x += (size_t)(entry + 1u) << 4;                                                              \
      } else {                                                                                       \
        x += entry & 15u;                                                                            \
        mj_products_add(all, *x++, (int8_t)(entry & 0xf0u));                                         \
      }                                                                                              \
    }                                                                                                \
    return x;                                                                                        \
  }

MJ_ENTRIES_INT4(mj_entries_int4_s16, int16_t)
MJ_ENTRIES_INT4(mj_entries_int4_s8, int8_t)

#endif

#define MJ_RELATIVE_INT8(name, element, entries)                                                     \
  mj_weight name(int32_t* sum, const element* x, mj_weight row, size_t n) {                          \
    uint8_t count;                                                                                   \
    mj_products all;                                                                                 \
    (void)n;                                                                                         \
    mj_products_begin(&all, *sum);                                                                   \
    do {                                                                                             \
      count = mj_next_byte(&row);                                                                    \
      x = entries(x, &row, count, &all);                                                             \
    } while (count == 255);                                                                          \
    *sum = mj_products_end(&all);                                                                    \
    return row;                                                                                      \
  }

MJ_RELATIVE_INT8(mj_relative_int8_s16, int16_t, mj_entries_int8_s16)
MJ_RELATIVE_INT8(mj_relative_int8_s8, int8_t, mj_entries_int8_s8)

/* Elements are multiplied as 16 times themselves; see mj_dense.c. */
#define MJ_RELATIVE_INT4(name, element, entries)                                                     \
  mj_weight name(int32_t* sum, const element* x, mj_weight row, size_t n) {                          \
    uint8_t count;                                                                                   \
    mj_products all;                                                                                 \
    (void)n;                                                                                         \
    mj_products_begin(&all, 0);                                                                      \
    do {                                                                                             \
      count = mj_next_byte(&row);                                                                    \
      x = entries(x, &row, count, &all);                                                             \
    } while (count == 255);                                                                          \
    *sum += mj_products_end(&all) >> 4;                                                              \
    return row;                                                                                      \
  }

MJ_RELATIVE_INT4(mj_relative_int4_s16, int16_t, mj_entries_int4_s16)
MJ_RELATIVE_INT4(mj_relative_int4_s8, int8_t, mj_entries_int4_s8)
