/* SPDX-License-Identifier: MIT-0 */
/*
 * Arm cores with the DSP extension (Cortex-M4, M7, M33, M55): two products per SMLAD. Sign extension takes bytes 0 and 2, or 1
 * and 3, of a word of weights, so the numbers of a window are put in that order once (mj_arrange), for all channels.
 */
#ifndef MJ_PORT_ARM_DSP_H
#define MJ_PORT_ARM_DSP_H

#include <stddef.h>
#include <stdint.h>

void* memcpy(void* to, const void* from, size_t n);

static inline uint32_t mj_word(const void* from) {
  uint32_t word;
  memcpy(&word, from, sizeof word); /* a single load, which need not be aligned on these cores */
  return word;
}

static inline uint32_t mj_bytes_02(uint32_t word) {
  uint32_t halves;
  __asm__("sxtb16 %0, %1" : "=r"(halves) : "r"(word));
  return halves;
}

static inline uint32_t mj_bytes_13(uint32_t word) {
  uint32_t halves;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(halves) : "r"(word));
  return halves;
}

static inline int32_t mj_two_products(uint32_t a, uint32_t b, int32_t acc) {
  __asm__("smlad %0, %1, %2, %0" : "+r"(acc) : "r"(a), "r"(b));
  return acc;
}

/* Every full four elements 0 1 2 3 become 0 2 1 3. */
#define MJ_PORT_ARRANGE
static inline void mj_arrange(int16_t* x, size_t n) {
  for (n >>= 2; n != 0; --n) {
    const uint32_t low = mj_word(x);
    const uint32_t high = mj_word(x + 2);
    const uint32_t even = (low & 0xffffu) | (high << 16);
    const uint32_t odd = (low >> 16) | (high & 0xffff0000u);
    memcpy(x, &even, sizeof even);
    memcpy(x + 2, &odd, sizeof odd);
    x += 4;
  }
}

#define MJ_PORT_DOT_S16
static inline int32_t mj_dot_s16(int32_t acc, const int16_t* x, const int8_t* w, size_t n) {
  size_t eights;
  for (eights = n >> 3; eights != 0; --eights) {
    const uint32_t first = mj_word(w);
    const uint32_t second = mj_word(w + 4);
    acc = mj_two_products(mj_bytes_02(first), mj_word(x), acc);
    acc = mj_two_products(mj_bytes_13(first), mj_word(x + 2), acc);
    acc = mj_two_products(mj_bytes_02(second), mj_word(x + 4), acc);
    acc = mj_two_products(mj_bytes_13(second), mj_word(x + 6), acc);
    w += 8;
    x += 8;
  }
  if ((n & 4u) != 0) {
    const uint32_t word = mj_word(w);
    acc = mj_two_products(mj_bytes_02(word), mj_word(x), acc);
    acc = mj_two_products(mj_bytes_13(word), mj_word(x + 2), acc);
    w += 4;
    x += 4;
  }
  for (n &= 3u; n != 0; --n) {
    acc += (int32_t)*x++ * (int32_t)*w++;
  }
  return acc;
}

/* Two channels at once, which share the loads of x: sums[k] += sum of x[i] * wk[i]. */
#define MJ_PORT_DOT_TWO
static inline void mj_dot_two_s16(int32_t* sums, const int16_t* x, const int8_t* w0, const int8_t* w1, size_t n) {
  int32_t a = sums[0];
  int32_t b = sums[1];
  size_t fours;
  for (fours = n >> 2; fours != 0; --fours) {
    const uint32_t even = mj_word(x);
    const uint32_t odd = mj_word(x + 2);
    const uint32_t word0 = mj_word(w0);
    const uint32_t word1 = mj_word(w1);
    a = mj_two_products(mj_bytes_02(word0), even, a);
    b = mj_two_products(mj_bytes_02(word1), even, b);
    a = mj_two_products(mj_bytes_13(word0), odd, a);
    b = mj_two_products(mj_bytes_13(word1), odd, b);
    x += 4;
    w0 += 4;
    w1 += 4;
  }
  for (n &= 3u; n != 0; --n) {
    a += (int32_t)*x * (int32_t)*w0++;
    b += (int32_t)*x++ * (int32_t)*w1++;
  }
  sums[0] = a;
  sums[1] = b;
}

#define MJ_PORT_DOT_S8
static inline int32_t mj_dot_s8(int32_t acc, const int8_t* x, const int8_t* w, size_t n) {
  size_t fours;
  for (fours = n >> 2; fours != 0; --fours) {
    const uint32_t a = mj_word(x);
    const uint32_t b = mj_word(w);
    acc = mj_two_products(mj_bytes_02(a), mj_bytes_02(b), acc);
    acc = mj_two_products(mj_bytes_13(a), mj_bytes_13(b), acc);
    x += 4;
    w += 4;
  }
  for (n &= 3u; n != 0; --n) {
    acc += (int32_t)*x++ * (int32_t)*w++;
  }
  return acc;
}

#include "mj_port_generic.h"

#endif
