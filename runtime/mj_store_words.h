/* SPDX-License-Identifier: MIT-0 */
/*
 * Non-volatile memory that is programmed in aligned words of 16 bytes by a function of the board, as MRAM is; it is read
 * through pointers. A cut while a word is programmed leaves anything in all of its bytes. So no two units write to one
 * word, and the progress is kept twice, each time in a word of its own.
 * What a port is made of is said in mj_store_fram.h.
 */
#ifndef MJ_STORE_H
#define MJ_STORE_H

#include "mj_port.h"

/* Of the board: programs the aligned word at `to` and returns when it is there. */
void mj_board_write_word(void* to, const uint8_t* from);

#ifndef MJ_NONVOLATILE
#if defined(__ARM_EABI__)
#define MJ_NONVOLATILE __attribute__((section(".persistent"), aligned(16)))
#else
#define MJ_NONVOLATILE __attribute__((aligned(16)))
#endif
#endif

#define MJ_NV_WORD 16
#define MJ_NV_ALIGNED __attribute__((aligned(16)))
#define MJ_NV_SLOTS 2
#define MJ_NV_RECORD 16

/* Stores are gathered until one falls into another word, or a barrier comes. Volatile: mj_recover closes it. */
#define MJ_NV_LINE 1
typedef struct {
  uint8_t* word; /* where it goes; NULL when nothing is gathered */
  uint8_t bytes[MJ_NV_WORD];
} mj_word_line;
extern mj_word_line mj_open_line;
void mj_open_word(uint8_t* word);

static inline void mj_store_i8(int8_t* to, int8_t value) {
  const size_t at = (size_t)((uintptr_t)to & (MJ_NV_WORD - 1));
  uint8_t* word = (uint8_t*)to - at;
  if (mj_open_line.word != word) {
    mj_open_word(word);
  }
  mj_open_line.bytes[at] = (uint8_t)value;
}
static inline void mj_store_bytes(void* to, const void* from, size_t n) {
  size_t i;
  for (i = 0; i < n; ++i) {
    mj_store_i8((int8_t*)to + i, ((const int8_t*)from)[i]);
  }
}
#define mj_write_record(to, record) mj_board_write_word((to), (record))
#define mj_barrier() mj_open_word(NULL)

#ifndef mj_may_go_on
#define mj_may_go_on() 1
#endif
#ifndef mj_voltage_mv
#define mj_voltage_mv() 0
#endif

#endif
