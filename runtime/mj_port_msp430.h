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

/* The sum is in the multiplier. */
#define MJ_PORT_PRODUCTS
typedef uint8_t mj_products;
static inline void mj_products_begin(mj_products* sum, int32_t start) {
  *sum = 0;
  mj_mpy_set(start);
}
static inline void mj_products_add(mj_products* sum, int16_t x, int8_t w) {
  (void)sum;
  MJ_MPY_ACCUMULATE_SIGNED = (uint16_t)w;
  MJ_MPY_OPERAND2 = (uint16_t)x;
}
static inline int32_t mj_products_end(const mj_products* sum) {
  (void)sum;
  return mj_mpy_sum();
}

/* The assembler of LLVM lacks `mov @r12+, &address`: its first word is 0x4cb2, its second the address. */
#define MJ_STEP_S16           \
  "mov.b @%1+, %3\n\t"        \
  "sxt %3\n\t"                \
  "mov %3, &%c4\n\t"          \
  ".word 0x4cb2, %c5\n\t"

#ifdef MJ_FAR_WEIGHTS

/* Weights above 64 KB: a 32-bit address is made a 20-bit one by the stack, in r13 (mova @r1+, r13, which the assembler of
   LLVM lacks); indirect addressing takes all of it. */
#define MJ_PORT_WEIGHT
typedef uint32_t mj_weight;
#ifndef MJ_FAR_BASE
#define MJ_FAR_BASE 0x10000ul
#endif
#define MJ_FAR_POINTER(low, high) "push " high "\n\tpush " low "\n\t.word 0x011d\n\t"

#define MJ_PORT_NEXT
static inline uint8_t mj_next_byte(mj_weight* at) {
  uint16_t byte;
  __asm__(MJ_FAR_POINTER("%1", "%2") "mov.b @r13, %0"
          : "=r"(byte)
          : "r"((uint16_t)(*at & 0xffffu)), "r"((uint16_t)(*at >> 16))
          : "r13");
  ++*at;
  return (uint8_t)byte;
}
static inline mj_weight mj_near(const int8_t* weights) { return (mj_weight)(uintptr_t)weights; }

#define MJ_FAR_S16       \
  "mov.b @r13+, %3\n\t"  \
  "sxt %3\n\t"           \
  "mov %3, &%c4\n\t"     \
  ".word 0x4cb2, %c5\n\t"

static inline int32_t mj_dot_s16(int32_t acc, const int16_t* x, mj_weight w, size_t n) {
  register const int16_t* x_next __asm__("r12") = x;
  uint16_t fours = (uint16_t)(n >> 2);
  uint16_t ones = (uint16_t)(n & 3u);
  uint16_t wide;
  mj_mpy_set(acc);
  __asm__ volatile(MJ_FAR_POINTER("%6", "%7")
                   "tst %1\n\tjz 2f\n1:\n\t" MJ_FAR_S16 MJ_FAR_S16 MJ_FAR_S16 MJ_FAR_S16 "dec %1\n\tjnz 1b\n2:\n\t"
                   "tst %2\n\tjz 4f\n3:\n\t" MJ_FAR_S16 "dec %2\n\tjnz 3b\n4:"
                   : "+r"(x_next), "+r"(fours), "+r"(ones), "=&r"(wide)
                   : "i"(MJ_MPY_BASE + 6), "i"(MJ_MPY_BASE + 8), "r"((uint16_t)(w & 0xffffu)), "r"((uint16_t)(w >> 16))
                   : "r13", "memory", "cc");
  return mj_mpy_sum();
}

#define MJ_FAR_S8        \
  "mov.b @r13+, %2\n\t"  \
  "sxt %2\n\t"           \
  "mov %2, &%c3\n\t"     \
  "mov.b @%0+, %2\n\t"   \
  "sxt %2\n\t"           \
  "mov %2, &%c4\n\t"

static inline int32_t mj_dot_s8(int32_t acc, const int8_t* x, mj_weight w, size_t n) {
  uint16_t wide;
  mj_mpy_set(acc);
  if (n != 0) {
    __asm__ volatile(MJ_FAR_POINTER("%5", "%6") "1:\n\t" MJ_FAR_S8 "dec %1\n\tjnz 1b"
                     : "+r"(x), "+r"(n), "=&r"(wide)
                     : "i"(MJ_MPY_BASE + 6), "i"(MJ_MPY_BASE + 8), "r"((uint16_t)(w & 0xffffu)),
                       "r"((uint16_t)(w >> 16))
                     : "r13", "memory", "cc");
  }
  return mj_mpy_sum();
}

#define MJ_FAR_STRIDED   \
  "mov.b @r13+, %2\n\t"  \
  "sxt %2\n\t"           \
  "mov %2, &%c3\n\t"     \
  "mov.b @%0, %2\n\t"    \
  "sxt %2\n\t"           \
  "sub %6, %2\n\t"       \
  "mov %2, &%c4\n\t"     \
  "add %5, %0\n\t"

static inline int32_t mj_dot_strided(int32_t acc, const int8_t* x, size_t step, int16_t zero, mj_weight w, size_t n) {
  uint16_t wide;
  mj_mpy_set(acc);
  if (n != 0) {
    __asm__ volatile(MJ_FAR_POINTER("%7", "%8") "1:\n\t" MJ_FAR_STRIDED "dec %1\n\tjnz 1b"
                     : "+r"(x), "+r"(n), "=&r"(wide)
                     : "i"(MJ_MPY_BASE + 6), "i"(MJ_MPY_BASE + 8), "r"(step), "r"(zero), "r"((uint16_t)(w & 0xffffu)),
                       "r"((uint16_t)(w >> 16))
                     : "r13", "memory", "cc");
  }
  return mj_mpy_sum();
}

#else

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
                     : "memory", "cc");
  }
  if (ones != 0) {
    __asm__ volatile("1:\n\t" MJ_STEP_S16 "dec %2\n\tjnz 1b"
                     : "+r"(x_next), "+r"(w), "+r"(ones), "=&r"(wide)
                     : "i"(MJ_MPY_BASE + 6), "i"(MJ_MPY_BASE + 8)
                     : "memory", "cc");
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
                     : "memory", "cc");
  }
  if (ones != 0) {
    __asm__ volatile("1:\n\t" MJ_STEP_S8 "dec %2\n\tjnz 1b"
                     : "+r"(x), "+r"(w), "+r"(ones), "=&r"(wide)
                     : "i"(MJ_MPY_BASE + 6), "i"(MJ_MPY_BASE + 8)
                     : "memory", "cc");
  }
  return mj_mpy_sum();
}

/* Entries of mj_relative.c: x in r12, where an element is multiplied as it is read. */
#define MJ_PORT_ENTRIES

#define MJ_TAKE_S16 ".word 0x4cb2, %c[op2]\n\t"
#define MJ_TAKE_S8 "mov.b @r12+, %3\n\tsxt %3\n\tmov %3, &%c[op2]\n\t"

#define MJ_ENTRIES_INT8(name, element, scale, take)                                                    \
  static inline const element* name(const element* x, const int8_t** row, uint8_t n, mj_products* all) {\
    register const element* x_next __asm__("r12") = x;                                                 \
    const int8_t* w = *row;                                                                            \
    uint16_t left = n;                                                                                 \
    uint16_t wide;                                                                                     \
    (void)all;                                                                                         \
    if (left != 0) {                                                                                   \
      __asm__ volatile("1:\n\tmov.b @%1+, %3\n\t" scale "add %3, %0\n\t"                               \
                       "mov.b @%1+, %3\n\tsxt %3\n\tmov %3, &%c[mac]\n\t" take "dec %2\n\tjnz 1b"      \
                       : "+r"(x_next), "+r"(w), "+r"(left), "=&r"(wide)                                \
                       : [mac] "i"(MJ_MPY_BASE + 6), [op2] "i"(MJ_MPY_BASE + 8)                        \
                       : "memory", "cc");                                                              \
    }                                                                                                  \
    *row = w;                                                                                          \
    return x_next;                                                                                     \
  }

MJ_ENTRIES_INT8(mj_entries_int8_s16, int16_t, "rla %3\n\t", MJ_TAKE_S16)
MJ_ENTRIES_INT8(mj_entries_int8_s8, int8_t, "", MJ_TAKE_S8)

#define MJ_ENTRIES_INT4(name, element, scale, take)                                                    \
  static inline const element* name(const element* x, const int8_t** row, uint8_t n, mj_products* all) {\
    register const element* x_next __asm__("r12") = x;                                                 \
    const int8_t* w = *row;                                                                            \
    uint16_t left = n;                                                                                 \
    uint16_t wide, gap;                                                                                \
    (void)all;                                                                                         \
    if (left != 0) {                                                                                   \
      __asm__ volatile("1:\n\tmov.b @%1+, %3\n\tmov %3, %4\n\tand %7, %4\n\t"                          \
                       "sub %4, %3\n\tjz 3f\n\tsxt %3\n\t" scale "add %4, %0\n\t"                      \
                       "mov %3, &%c[mac]\n\t" take "2:\n\tdec %2\n\tjnz 1b\n\tjmp 4f\n"                \
                       "3:\n\tinc %4\n\trla %4\n\trla %4\n\trla %4\n\trla %4\n\t" scale                \
                       "add %4, %0\n\tjmp 2b\n4:"                                                      \
                       : "+r"(x_next), "+r"(w), "+r"(left), "=&r"(wide), "=&r"(gap)                    \
                       : [mac] "i"(MJ_MPY_BASE + 6), [op2] "i"(MJ_MPY_BASE + 8), "r"((uint16_t)15)     \
                       : "memory", "cc");                                                              \
    }                                                                                                  \
    *row = w;                                                                                          \
    return x_next;                                                                                     \
  }

MJ_ENTRIES_INT4(mj_entries_int4_s16, int16_t, "rla %4\n\t", MJ_TAKE_S16)
MJ_ENTRIES_INT4(mj_entries_int4_s8, int8_t, "", MJ_TAKE_S8)

/* Elements of one byte of a bitmap, the lowest bit into the carry first. */
#define MJ_PORT_BITS

#define MJ_LOOK_S16 ".word 0x4ca2, %c[op2]\n\t"
#define MJ_LOOK_S8 "mov.b @r12, %3\n\tsxt %3\n\tmov %3, &%c[op2]\n\t"

#define MJ_BITS_INT8(name, element, step, look)                                                        \
  static inline void name(const element* x, const int8_t** row, uint8_t present, mj_products* all) {   \
    register const element* x_next __asm__("r12") = x;                                                 \
    const int8_t* w = *row;                                                                            \
    uint16_t bits = present;                                                                           \
    uint16_t wide;                                                                                     \
    (void)all;                                                                                         \
    if (bits != 0) {                                                                                   \
      __asm__ volatile("1:\n\trra %2\n\tjnc 2f\n\tmov.b @%1+, %3\n\tsxt %3\n\tmov %3, &%c[mac]\n\t" look\
                       "2:\n\t" step " %0\n\ttst %2\n\tjnz 1b"                                         \
                       : "+r"(x_next), "+r"(w), "+r"(bits), "=&r"(wide)                                \
                       : [mac] "i"(MJ_MPY_BASE + 6), [op2] "i"(MJ_MPY_BASE + 8)                        \
                       : "memory", "cc");                                                              \
    }                                                                                                  \
    *row = w;                                                                                          \
  }

MJ_BITS_INT8(mj_bits_int8_s16, int16_t, "incd", MJ_LOOK_S16)
MJ_BITS_INT8(mj_bits_int8_s8, int8_t, "inc", MJ_LOOK_S8)

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
                     : "memory", "cc");
  }
  return mj_mpy_sum();
}

#endif

#define MJ_STEP_WIDEN(offset)   \
  "mov.b @%1+, %3\n\t"          \
  "sxt %3\n\t"                  \
  "sub %4, %3\n\t"              \
  "mov %3, " offset "(%0)\n\t"

static inline void mj_widen(int16_t* to, const int8_t* from, int16_t zero, size_t n) {
  uint16_t fours = (uint16_t)(n >> 2);
  uint16_t ones = (uint16_t)(n & 3u);
  uint16_t wide;
  if (fours != 0) {
    __asm__ volatile("1:\n\t" MJ_STEP_WIDEN("0") MJ_STEP_WIDEN("2") MJ_STEP_WIDEN("4") MJ_STEP_WIDEN("6")
                     "add #8, %0\n\tdec %2\n\tjnz 1b"
                     : "+r"(to), "+r"(from), "+r"(fours), "=&r"(wide)
                     : "r"(zero)
                     : "memory", "cc");
  }
  if (ones != 0) {
    __asm__ volatile("1:\n\t" MJ_STEP_WIDEN("0") "incd %0\n\tdec %2\n\tjnz 1b"
                     : "+r"(to), "+r"(from), "+r"(ones), "=&r"(wide)
                     : "r"(zero)
                     : "memory", "cc");
  }
}

static inline uint32_t mj_mpy_product(uint16_t a, uint16_t b) {
  MJ_MPY_UNSIGNED = a;
  MJ_MPY_OPERAND2 = b;
  return (uint32_t)mj_mpy_sum();
}

MJ_DEFINE_HIGH_MULTIPLY16(mj_high_multiply, mj_mpy_product)

/* What mj_high_multiply and mj_round_shift do in C, for multiplier >= 0 and in a quarter of the time: compilers for this
   core take ten instructions to carry from one word to the next. */
#define MJ_PORT_SCALE mj_scale_msp430

/* (high:low) = (high:low) * (m_high:m_low) / 2^31, rounded: four products in the multiplier's accumulator, of which the
   lowest word is dropped and the next one gives the last bit and the rounding. Unsigned, so what a sign bit of x added, 2^32
   times the multiplier, is taken off again. */
#define MJ_HIGH_PRODUCT                                \
  "mov %0, &%c5\n\t"   /* MPY = low */                 \
  "mov %3, &%c7\n\t"   /* OP2 = m_low */               \
  "mov &%c9, &%c8\n\t" /* RESLO = RESHI */             \
  "clr &%c9\n\t"                                      \
  "mov %1, &%c6\n\t" /* MAC = high */                 \
  "mov %3, &%c7\n\t"                                  \
  "mov %0, &%c6\n\t" /* MAC = low */                  \
  "mov %4, &%c7\n\t"                                  \
  "mov &%c8, %2\n\t"                                  \
  "mov &%c9, &%c8\n\t"                                \
  "mov &%c10, &%c9\n\t" /* the carry, SUMEXT */       \
  "mov %1, &%c6\n\t"                                  \
  "mov %4, &%c7\n\t"                                  \
  "mov &%c8, %0\n\t"                                  \
  "tst %1\n\t"                                        \
  "mov &%c9, %1\n\t"                                  \
  "jge 1f\n\t"                                        \
  "sub %3, %0\n\t"                                    \
  "subc %4, %1\n"                                     \
  "1:\n\t"                                            \
  "rla %2\n\t"                                        \
  "rlc %0\n\t"                                        \
  "rlc %1\n\t"                                        \
  "rla %2\n\t"                                        \
  "adc %0\n\t"                                        \
  "adc %1"

/* (high:low) / 2^(count + 1), rounded, ties away from zero: whole words and bytes first. */
#define MJ_ROUND_SHIFT                               \
  "tst %1\n\t"                                      \
  "jge 1f\n\t"                                      \
  "sub #1, %0\n\t"                                  \
  "sbc %1\n"                                        \
  "1:\n\t"                                          \
  "cmp #8, %2\n\t"                                  \
  "jlo 4f\n\t"                                      \
  "cmp #16, %2\n\t"                                 \
  "jlo 3f\n\t"                                      \
  "mov %1, %0\n\t"                                  \
  "rla %1\n\t"                                      \
  "subc %1, %1\n\t" /* all ones when positive */    \
  "inv %1\n\t"                                      \
  "sub #16, %2\n\t"                                 \
  "jmp 1b\n"                                        \
  "3:\n\t"                                          \
  "swpb %0\n\t"                                     \
  "mov.b %0, %0\n\t"                                \
  "mov.b %1, %3\n\t"                                \
  "swpb %3\n\t"                                     \
  "bis %3, %0\n\t"                                  \
  "swpb %1\n\t"                                     \
  "sxt %1\n\t"                                      \
  "sub #8, %2\n"                                    \
  "4:\n\t"                                          \
  "tst %2\n\t"                                      \
  "jz 6f\n"                                         \
  "5:\n\t"                                          \
  "rra %1\n\t"                                      \
  "rrc %0\n\t"                                      \
  "dec %2\n\t"                                      \
  "jnz 5b\n"                                        \
  "6:\n\t"                                          \
  "add #1, %0\n\t"                                  \
  "adc %1\n\t"                                      \
  "rra %1\n\t"                                      \
  "rrc %0"

static inline int32_t mj_scale_msp430(int32_t x, int32_t multiplier, int8_t shift) {
  uint16_t low, high, middle;
  uint16_t m_low = (uint16_t)((uint32_t)multiplier & 0xffffu);
  uint16_t m_high = (uint16_t)((uint32_t)multiplier >> 16);
  if (shift > 0) {
    x = (int32_t)((uint32_t)x << shift);
  }
  low = (uint16_t)((uint32_t)x & 0xffffu);
  high = (uint16_t)((uint32_t)x >> 16);
  __asm__ volatile(MJ_HIGH_PRODUCT
                   : "+r"(low), "+r"(high), "=&r"(middle)
                   : "r"(m_low), "r"(m_high), "i"(MJ_MPY_BASE), "i"(MJ_MPY_BASE + 4), "i"(MJ_MPY_BASE + 8),
                     "i"(MJ_MPY_BASE + 10), "i"(MJ_MPY_BASE + 12), "i"(MJ_MPY_BASE + 14)
                   : "memory", "cc");
  if (shift < 0) {
    uint16_t count = (uint16_t)(-1 - shift);
    __asm__(MJ_ROUND_SHIFT : "+r"(low), "+r"(high), "+r"(count), "=&r"(middle) : : "cc");
  }
  return (int32_t)(((uint32_t)high << 16) | low);
}

/* x, or the nearest number of 16 bits. */
#define MJ_PORT_SATURATE16 mj_saturate16_msp430

static inline int16_t mj_saturate16_msp430(int32_t x) {
  uint16_t low = (uint16_t)((uint32_t)x & 0xffffu);
  const uint16_t high = (uint16_t)((uint32_t)x >> 16);
  uint16_t sign;
  __asm__(
      "mov %0, %1\n\t"
      "rla %1\n\t"
      "subc %1, %1\n\t" /* all ones when low looks positive */
      "inv %1\n\t"
      "cmp %2, %1\n\t"
      "jeq 1f\n\t"
      "mov #0x7fff, %0\n\t"
      "tst %2\n\t"
      "jge 1f\n\t"
      "mov #0x8000, %0\n"
      "1:"
      : "+r"(low), "=&r"(sign)
      : "r"(high)
      : "cc");
  return (int16_t)low;
}

/* What has many values alive inside a loop keeps them on the stack; a function of its own has registers of its own. */
#define MJ_NOINLINE __attribute__((noinline))

#endif
