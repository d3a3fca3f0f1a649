/* SPDX-License-Identifier: MIT-0 */
#include "mj_loops.h"

void mj_each_line(const mj_loops* loops, mj_tile tile, const int8_t* a, const int8_t* b, int8_t* y, mj_line line,
                  const void* kernel) {
  int16_t row;
  a += (size_t)tile.row0 * loops->a_step[0];
  b += (size_t)tile.row0 * loops->b_step[0];
  y += (size_t)tile.row0 * (loops->size[1] * loops->size[2] * loops->size[3]);
  for (row = tile.row0; row < tile.row1; ++row) {
    size_t i, j;
    for (i = 0; i < loops->size[1]; ++i) {
      for (j = 0; j < loops->size[2]; ++j) {
        line(kernel, a + i * loops->a_step[1] + j * loops->a_step[2], b + i * loops->b_step[1] + j * loops->b_step[2],
             y);
        y += loops->size[3];
      }
    }
    a += loops->a_step[0];
    b += loops->b_step[0];
  }
}
