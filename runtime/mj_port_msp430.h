/* SPDX-License-Identifier: MIT-0 */
/*
 * MSP430 with the memory-mapped 16x16-bit multiplier (MPY or MPY32), for clang.
 *
 * The multiplier holds its operands and its sum between instructions: an interrupt handler must not multiply, or must
 * save and restore MPY, OP2, RESLO, RESHI and SUMEXT.
 */
#ifndef MJ_PORT_MSP430_H
#define MJ_PORT_MSP430_H

#include <stddef.h>
#include <stdint.h>

#include "mj_high_multiply16.h"

/* The MPY32 of the FR59xx; the 16-bit multiplier of older parts sits at 0x0130 with the same offsets. */
#ifndef MJ_MPY_BASE
#define MJ_MPY_BASE 0x04C0
#endif

#define MJ_MPY_REGISTER(offset) (*(volatile uint16_t*)(MJ_MPY_BASE + (offset)))
#define MJ_MPY_UNSIGNED MJ_MPY_REGISTER(0)
#define MJ_MPY_ACCUMULATE_SIGNED MJ_MPY_REGISTER(6)
#define MJ_MPY_OPERAND2 MJ_MPY_REGISTER(8)
#define MJ_MPY_LOW MJ_MPY_REGISTER(10)
#define MJ_MPY_HIGH MJ_MPY_REGISTER(12)

static inline void mj_mpy_set(int32_t sum) {
  MJ_MPY_LOW = (uint16_t)((uint32_t)sum & 0xffffu);
  MJ_MPY_HIGH = (uint16_t)((uint32_t)sum >> 16);
}

static inline int32_t mj_mpy_sum(void) {
  const uint16_t low = MJ_MPY_LOW;
  return (int32_t)(((uint32_t)MJ_MPY_HIGH << 16) | low);
}

/* The assembler of LLVM lacks `mov @r12+, &address`: its first word is 0x4cb2, its second the address. */
#define MJ_STEP_S16           \
  "mov.b @%1+, %3\n\t"        \
  "sxt %3\n\t"                \
  "mov %3, &%c4\n\t"          \
  ".word 0x4cb2, %c5\n\t"

static inline int32_t mj_dot_s16(int32_t acc, const int16_t* x, const int8_t* w, size_t n) {
  register const int16_t* x_next __asm__("r12") = x;
  uint16_t fours = (uint16_t)(n >> 2);
  uint16_t ones = (uint16_t)(n & 3u);
  uint16_t wide;
  mj_mpy_set(acc);
  if (fours != 0) {
    __asm__ volatile("1:\n\t" MJ_STEP_S16 MJ_STEP_S16 MJ_STEP_S16 MJ_STEP_S16 "dec %2\n\tjnz 1b"
                     : "+r"(x_next), "+r"(w), "+r"(fours), "=&r"(wide)
                     : "i"(MJ_MPY_BASE + 6), "i"(MJ_MPY_BASE + 8)
                     : "memory");
  }
  if (ones != 0) {
    __asm__ volatile("1:\n\t" MJ_STEP_S16 "dec %2\n\tjnz 1b"
                     : "+r"(x_next), "+r"(w), "+r"(ones), "=&r"(wide)
                     : "i"(MJ_MPY_BASE + 6), "i"(MJ_MPY_BASE + 8)
                     : "memory");
  }
  return mj_mpy_sum();
}

#define MJ_STEP_S8            \
  "mov.b @%1+, %3\n\t"        \
  "sxt %3\n\t"                \
  "mov %3, &%c4\n\t"          \
  "mov.b @%0+, %3\n\t"        \
  "sxt %3\n\t"                \
  "mov %3, &%c5\n\t"

static inline int32_t mj_dot_s8(int32_t acc, const int8_t* x, const int8_t* w, size_t n) {
  uint16_t fours = (uint16_t)(n >> 2);
  uint16_t ones = (uint16_t)(n & 3u);
  uint16_t wide;
  mj_mpy_set(acc);
  if (fours != 0) {
    __asm__ volatile("1:\n\t" MJ_STEP_S8 MJ_STEP_S8 MJ_STEP_S8 MJ_STEP_S8 "dec %2\n\tjnz 1b"
                     : "+r"(x), "+r"(w), "+r"(fours), "=&r"(wide)
                     : "i"(MJ_MPY_BASE + 6), "i"(MJ_MPY_BASE + 8)
                     : "memory");
  }
  if (ones != 0) {
    __asm__ volatile("1:\n\t" MJ_STEP_S8 "dec %2\n\tjnz 1b"
                     : "+r"(x), "+r"(w), "+r"(ones), "=&r"(wide)
                     : "i"(MJ_MPY_BASE + 6), "i"(MJ_MPY_BASE + 8)
                     : "memory");
  }
  return mj_mpy_sum();
}

#define MJ_STEP_STRIDED       \
  "mov.b @%1+, %3\n\t"        \
  "sxt %3\n\t"                \
  "mov %3, &%c4\n\t"          \
  "mov.b @%0, %3\n\t"         \
  "sxt %3\n\t"                \
  "sub %7, %3\n\t"            \
  "mov %3, &%c5\n\t"          \
  "add %6, %0\n\t"

static inline int32_t mj_dot_strided(int32_t acc, const int8_t* x, size_t step, int16_t zero, const int8_t* w,
                                     size_t n) {
  uint16_t wide;
  mj_mpy_set(acc);
  if (n != 0) {
    __asm__ volatile("1:\n\t" MJ_STEP_STRIDED "dec %2\n\tjnz 1b"
                     : "+r"(x), "+r"(w), "+r"(n), "=&r"(wide)
                     : "i"(MJ_MPY_BASE + 6), "i"(MJ_MPY_BASE + 8), "r"(step), "r"(zero)
                     : "memory");
  }
  return mj_mpy_sum();
}

static inline uint32_t mj_mpy_product(uint16_t a, uint16_t b) {
  MJ_MPY_UNSIGNED = a;
  MJ_MPY_OPERAND2 = b;
  return (uint32_t)mj_mpy_sum();
}

MJ_DEFINE_HIGH_MULTIPLY16(mj_high_multiply, mj_mpy_product)

#endif
