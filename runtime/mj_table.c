/* SPDX-License-Identifier: MIT-0 */
#include "mj_kernels.h"
#include "mj_store.h"

void mj_table(size_t row, mj_tile tile, const int8_t* x, int8_t* y, const int8_t* table) {
  const size_t begin = (size_t)tile.row0 * row;
  size_t n = (size_t)tile.row1 * row - begin;
  x += begin;
  y += begin;
  for (; n != 0; --n) {
    mj_store_i8(y, table[*x++ + 128]);
    ++y;
  }
}
