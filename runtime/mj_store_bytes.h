/* SPDX-License-Identifier: MIT-0 */
/*
 * Non-volatile memory of which only single bytes are written whole or not at all, by a function of the board; it is read
 * through pointers. The progress is kept twice, each time as {low, high, ~low, ~high} in this order.
 * What a port is made of is said in mj_store_fram.h.
 */
#ifndef MJ_STORE_H
#define MJ_STORE_H

#include "mj_port.h"

/* Of the board: writes one byte and returns when it is there. */
void mj_board_write_byte(uint8_t* to, uint8_t value);

#ifndef MJ_NONVOLATILE
#if defined(__MSP430__) || defined(__ARM_EABI__)
#define MJ_NONVOLATILE __attribute__((section(".persistent")))
#else
#define MJ_NONVOLATILE
#endif
#endif

#define MJ_NV_WORD 1
#define MJ_NV_ALIGNED
#define MJ_NV_SLOTS 2
#define MJ_NV_RECORD 4

static inline void mj_store_i8(int8_t* to, int8_t value) { mj_board_write_byte((uint8_t*)to, (uint8_t)value); }
static inline void mj_store_bytes(void* to, const void* from, size_t n) {
  size_t i;
  for (i = 0; i < n; ++i) {
    mj_board_write_byte((uint8_t*)to + i, ((const uint8_t*)from)[i]);
  }
}
#define mj_write_record(to, record) mj_store_bytes((to), (record), MJ_NV_RECORD)

#ifndef mj_barrier
#define mj_barrier() ((void)0) /* mj_board_write_byte returns when the byte is there */
#endif
#ifndef mj_may_go_on
#define mj_may_go_on() 1
#endif
#ifndef mj_voltage_mv
#define mj_voltage_mv() 0
#endif

#endif
