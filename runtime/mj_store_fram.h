/* SPDX-License-Identifier: MIT-0 */
/*
 * Non-volatile memory: FRAM, written by plain stores. A byte and an aligned 16-bit word are written whole or not at all:
 * the controller finishes an access from its own charge. So the progress is one aligned 16-bit word.
 *
 * A port of non-volatile memory is one header like this:
 *   MJ_NONVOLATILE      attribute of an object that power cuts leave as it is
 *   MJ_NV_WORD          bytes that are written at once, and lost together when a cut tears the write
 *   MJ_NV_ALIGNED       attribute of a member that begins at such a word
 *   mj_store_i8, mj_store_bytes   how results are stored
 *   mj_barrier          all stores before it have reached the memory when it is over
 *   mj_progress, mj_write_progress, mj_read_progress   the record of progress (or MJ_NV_SLOTS 2: see mj_units.c)
 *   mj_may_go_on, mj_voltage_mv   whether to start the next unit; the supply, 0 where it is not measured
 */
#ifndef MJ_STORE_H
#define MJ_STORE_H

#include "mj_port.h"

#ifndef MJ_NONVOLATILE
#if defined(__MSP430__) || defined(__ARM_EABI__)
#define MJ_NONVOLATILE __attribute__((section(".persistent")))
#else
#define MJ_NONVOLATILE
#endif
#endif

#define MJ_NV_WORD 1
#define MJ_NV_ALIGNED
#define MJ_NV_SLOTS 1

typedef uint16_t mj_progress;

#ifdef MJ_STORE_HOOK
/* The power-cut test sees every store: n bytes that are written whole or not at all. */
void mj_hook_store(void* to, const void* from, size_t n);
static inline void mj_store_i8(int8_t* to, int8_t value) { mj_hook_store(to, &value, 1); }
static inline void mj_store_bytes(void* to, const void* from, size_t n) {
  size_t i;
  for (i = 0; i < n; ++i) {
    mj_hook_store((int8_t*)to + i, (const int8_t*)from + i, 1);
  }
}
static inline void mj_write_progress(mj_progress* to, uint16_t value) { mj_hook_store(to, &value, sizeof value); }
#else
#define mj_store_i8(to, value) ((void)(*(to) = (value)))
#define mj_store_bytes(to, from, n) ((void)memcpy((to), (from), (n)))
static inline void mj_write_progress(mj_progress* to, uint16_t value) { *(volatile mj_progress*)to = value; }
#endif

static inline uint16_t mj_read_progress(const mj_progress* from) { return *(const volatile mj_progress*)from; }

#ifndef mj_barrier
#if defined(__ARM_ARCH)
#define mj_barrier() __asm__ volatile("dsb" ::: "memory")
#elif defined(__GNUC__)
#define mj_barrier() __asm__ volatile("" ::: "memory")
#else
#error "define mj_barrier for this compiler: stores before it must not move behind it"
#endif
#endif

#ifndef mj_may_go_on
#define mj_may_go_on() 1
#endif
#ifndef mj_voltage_mv
#define mj_voltage_mv() 0
#endif

#endif
