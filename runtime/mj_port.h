/* SPDX-License-Identifier: MIT-0 */
/*
 * What differs between targets: the dot products and the high half of a product.
 *
 * A port is one header with
 *   mj_dot_s16, mj_dot_s8, mj_dot_strided   the inner loops of every kernel that multiplies and accumulates
 *   mj_widen                                int8 to int16, less the zero point
 *   mj_high_multiply                        a * b / 2^31, rounded
 * and where those below will not do, for encoded weights, a sum whose products come one by one (MJ_PORT_PRODUCTS:
 * mj_products, mj_products_begin, mj_products_add, mj_products_end; one sum at a time), how weights are read byte by byte
 * (MJ_PORT_NEXT: mj_next_byte, mj_near), and whole loops over entries (MJ_PORT_ENTRIES, see mj_relative.c) and bits
 * (MJ_PORT_BITS, see mj_bitmap.c). It may define faster forms of what else is slow there (MJ_PORT_SCALE, MJ_PORT_SATURATE16), and the order in which
 * mj_dot_s16 wants a window of x (MJ_PORT_ARRANGE, mj_arrange), or dot products of two channels at once (MJ_PORT_DOT_TWO).
 * Define MJ_PORT_HEADER to use a port of your own.
 */
#ifndef MJ_PORT_H
#define MJ_PORT_H

#include <stddef.h>
#include <stdint.h>

#if defined(MJ_PORT_HEADER)
#include MJ_PORT_HEADER
#elif defined(__MSP430__)
#include "mj_port_msp430.h"
#elif defined(__ARM_FEATURE_DSP) && defined(__GNUC__)
#include "mj_port_arm_dsp.h"
#else
#include "mj_port_generic.h"
#endif

/* How weights are reached: by pointers, unless the port says otherwise. */
#ifndef MJ_PORT_WEIGHT
typedef const int8_t* mj_weight;
#endif

/* What decodes encoded weights; see mj_encoded.h. */
typedef mj_weight (*mj_row_s16)(int32_t* sum, const int16_t* x, mj_weight row, size_t n);
typedef mj_weight (*mj_row_s8)(int32_t* sum, const int8_t* x, mj_weight row, size_t n);

#ifndef MJ_PORT_NEXT
static inline uint8_t mj_next_byte(mj_weight* at) { return (uint8_t)*(*at)++; }
/* Weights that lie in RAM. */
static inline mj_weight mj_near(const int8_t* weights) { return weights; }
#endif

#ifndef MJ_PORT_PRODUCTS
typedef int32_t mj_products;
static inline void mj_products_begin(mj_products* sum, int32_t start) { *sum = start; }
static inline void mj_products_add(mj_products* sum, int16_t x, int8_t w) { *sum += (int32_t)x * (int32_t)w; }
static inline int32_t mj_products_end(const mj_products* sum) { return *sum; }
#endif

#ifndef MJ_NOINLINE
#define MJ_NOINLINE
#endif

/* A loop over what it is given as a function: the function must be inlined into it, or every window pays for the call and
   what the compiler cannot keep in registers across it. */
#if defined(__GNUC__)
#define MJ_INLINE static inline __attribute__((always_inline))
#else
#define MJ_INLINE static inline
#endif

#ifndef MJ_PORT_ARRANGE
#define mj_arrange(x, n) ((void)0)
#endif

/* The only two functions of the C library that are used; declared here because bare targets come without <string.h>. */
void* memcpy(void* to, const void* from, size_t n);
void* memset(void* to, int value, size_t n);

/* The arithmetic relies on shifts of negative numbers being arithmetic, as they are with every compiler in use. */
typedef char mj_assert_arithmetic_shift[((-1) >> 1) == -1 ? 1 : -1];

#endif
