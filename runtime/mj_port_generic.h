/* SPDX-License-Identifier: MIT-0 */
/* Plain C, for hosts and for cores with a fast 32x32-bit multiplier. The loops are left to the compiler to vectorise. */
#ifndef MJ_PORT_GENERIC_H
#define MJ_PORT_GENERIC_H

#include <stddef.h>
#include <stdint.h>

#ifndef MJ_PORT_DOT_S16
/* acc + sum of x[i] * w[i]. */
static inline int32_t mj_dot_s16(int32_t acc, const int16_t* x, const int8_t* w, size_t n) {
  size_t i;
  for (i = 0; i < n; ++i) {
    acc += (int32_t)x[i] * (int32_t)w[i];
  }
  return acc;
}
#endif

#ifndef MJ_PORT_DOT_S8
static inline int32_t mj_dot_s8(int32_t acc, const int8_t* x, const int8_t* w, size_t n) {
  size_t i;
  for (i = 0; i < n; ++i) {
    acc += (int32_t)x[i] * (int32_t)w[i];
  }
  return acc;
}
#endif

/* acc + sum of (x[i * step] - zero) * w[i]. */
static inline int32_t mj_dot_strided(int32_t acc, const int8_t* x, size_t step, int16_t zero, const int8_t* w,
                                     size_t n) {
  size_t i;
  for (i = 0; i < n; ++i) {
    acc += ((int32_t)x[i * step] - (int32_t)zero) * (int32_t)w[i];
  }
  return acc;
}

/* to[i] = from[i] - zero. */
static inline void mj_widen(int16_t* to, const int8_t* from, int16_t zero, size_t n) {
  size_t i;
  for (i = 0; i < n; ++i) {
    to[i] = (int16_t)(from[i] - zero);
  }
}

/* a * b / 2^31 rounded to nearest, ties upwards; not for a == b == -2^31. */
static inline int32_t mj_high_multiply(int32_t a, int32_t b) {
  return (int32_t)(((int64_t)a * (int64_t)b + ((int64_t)1 << 30)) >> 31);
}

#endif
