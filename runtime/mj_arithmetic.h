/* SPDX-License-Identifier: MIT-0 */
/* Fixed-point arithmetic of TFLite's int8 kernels: rounding doubling high multiply, then rounding shift. */
#ifndef MJ_ARITHMETIC_H
#define MJ_ARITHMETIC_H

#include <stdint.h>

/* x / 2^shift rounded to nearest, ties away from zero; shift in 0..31, x above -2^31. */
int32_t mj_round_shift(int32_t x, int8_t shift);

/* x * multiplier * 2^(shift - 31); multiplier >= 0, shift in -31..30, positive to the left. */
int32_t mj_scale(int32_t x, int32_t multiplier, int8_t shift);

/* min(max(x + zero, low), high) */
int8_t mj_saturate(int32_t x, int16_t zero, int16_t low, int16_t high);

#endif
