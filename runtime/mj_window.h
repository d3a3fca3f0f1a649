/* SPDX-License-Identifier: MIT-0 */
/* A window clipped to the image. */
#ifndef MJ_WINDOW_H
#define MJ_WINDOW_H

#include <stdint.h>

/* Taps first..last-1 lie inside; first == last when none does. */
typedef struct {
  int16_t first, last;
} mj_taps;

/* Taps of a window of `kernel` taps, `dilation` apart, the first at `start`, that fall into 0..size-1. */
static inline mj_taps mj_taps_inside(int16_t start, int16_t kernel, int16_t dilation, int16_t size) {
  mj_taps taps = {0, 0};
  int16_t position = start;
  while (taps.first < kernel && position < 0) {
    position = (int16_t)(position + dilation);
    ++taps.first;
  }
  taps.last = taps.first;
  while (taps.last < kernel && position < size) {
    position = (int16_t)(position + dilation);
    ++taps.last;
  }
  return taps;
}

#endif
