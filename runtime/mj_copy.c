/* SPDX-License-Identifier: MIT-0 */
#include "mj_kernels.h"
#include "mj_store.h"

static void copy_line(const mj_box* box, const int8_t* x, int8_t* y) {
  const size_t from = box->from[3];
  const size_t to = box->to[3];
  size_t n = box->size[3];
  if (from == 1 && to == 1) {
    mj_store_bytes(y, x, n);
    return;
  }
  for (; n != 0; --n) {
    mj_store_i8(y, *x);
    x += from;
    y += to;
  }
}

void mj_copy(const mj_box* box, mj_tile tile, const int8_t* x, int8_t* y) {
  int16_t row;
  x += (size_t)tile.row0 * box->from[0];
  y += (size_t)tile.row0 * box->to[0];
  for (row = tile.row0; row < tile.row1; ++row) {
    size_t i, j;
    for (i = 0; i < box->size[1]; ++i) {
      for (j = 0; j < box->size[2]; ++j) {
        copy_line(box, x + i * box->from[1] + j * box->from[2], y + i * box->to[1] + j * box->to[2]);
      }
    }
    x += box->from[0];
    y += box->to[0];
  }
}
