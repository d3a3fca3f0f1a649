/* SPDX-License-Identifier: MIT-0 */
/* mj_high_multiply from products of 16 by 16 bits, for cores that have no wider multiplier. */
#ifndef MJ_HIGH_MULTIPLY16_H
#define MJ_HIGH_MULTIPLY16_H

#include <stdint.h>

/* `product` is uint32_t f(uint16_t, uint16_t). The low 30 bits of the 64-bit product cannot reach the result. */
#define MJ_DEFINE_HIGH_MULTIPLY16(name, product)                              \
  static inline int32_t name(int32_t a, int32_t b) {                          \
    const uint16_t a_low = (uint16_t)((uint32_t)a & 0xffffu);                 \
    const uint16_t a_high = (uint16_t)((uint32_t)a >> 16);                    \
    const uint16_t b_low = (uint16_t)((uint32_t)b & 0xffffu);                 \
    const uint16_t b_high = (uint16_t)((uint32_t)b >> 16);                    \
    uint32_t middle = product(a_high, b_low);                                 \
    uint32_t high = product(a_high, b_high);                                  \
    if (a_low != 0) {                                                         \
      uint32_t other = product(a_low, b_high);                                \
      middle += product(a_low, b_low) >> 16;                                  \
      other += middle & 0xffffu;                                              \
      high += middle >> 16;                                                   \
      middle = other;                                                         \
    }                                                                         \
    high += middle >> 16;                                                     \
    /* The halves were taken as unsigned: take off what the sign bits added. */ \
    if (a < 0) {                                                              \
      high -= (uint32_t)b;                                                    \
    }                                                                         \
    if (b < 0) {                                                              \
      high -= (uint32_t)a;                                                    \
    }                                                                         \
    high <<= 1;                                                               \
    if ((middle & 0x8000u) != 0) {                                            \
      ++high;                                                                 \
    }                                                                         \
    if ((middle & 0x4000u) != 0) {                                            \
      ++high;                                                                 \
    }                                                                         \
    return (int32_t)high;                                                     \
  }

#endif
