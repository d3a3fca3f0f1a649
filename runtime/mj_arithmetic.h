/* SPDX-License-Identifier: MIT-0 */
/* Fixed-point arithmetic of TFLite's int8 kernels: rounding doubling high multiply, then rounding shift. */
#ifndef MJ_ARITHMETIC_H
#define MJ_ARITHMETIC_H

#include <stdint.h>

/* x / 2^shift rounded to nearest, ties away from zero; shift in 0..31, x within +-(2^31 - 2) where shift is 1. */
int32_t mj_round_shift(int32_t x, int8_t shift);

/* x * multiplier * 2^(shift - 31); multiplier >= 0, shift in -31..30, positive to the left. */
int32_t mj_scale(int32_t x, int32_t multiplier, int8_t shift);

/* From 32-bit accumulators to int8. */
typedef struct {
  int16_t zero;      /* zero point of the output */
  int16_t low, high; /* limits of the fused activation, within -128..127 */
} mj_output;

/* min(max(x + zero, low), high) */
int8_t mj_saturate(int32_t x, const mj_output* out);

/* The same of mj_scale(x, multiplier, shift). */
int8_t mj_requantize(int32_t x, int32_t multiplier, int8_t shift, const mj_output* out);

#endif
