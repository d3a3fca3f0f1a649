/* SPDX-License-Identifier: MIT-0 */
#ifndef MJ_LOOPS_H
#define MJ_LOOPS_H

#include "mj_kernels.h"

/* Computes loops->size[3] elements of y. */
typedef void (*mj_line)(const void* kernel, const int8_t* a, const int8_t* b, int8_t* y);

/* Calls `line` for every line of the rows of a tile. */
void mj_each_line(const mj_loops* loops, mj_tile tile, const int8_t* a, const int8_t* b, int8_t* y, mj_line line,
                  const void* kernel);

#endif
