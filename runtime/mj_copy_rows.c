/* SPDX-License-Identifier: MIT-0 */
#include "mj_kernels.h"

void mj_copy_rows(const mj_row_box* boxes, int16_t count, mj_tile tile, const int8_t* const* x, int8_t* y) {
  static const mj_tile one = {0, 1, 0, 0, 0, 0};
  const size_t pitch = boxes[0].box.to[0];
  int16_t row;
  y += (size_t)tile.row0 * pitch;
  for (row = tile.row0; row < tile.row1; ++row) {
    int16_t i;
    for (i = 0; i < count; ++i) {
      const mj_row_box* part = &boxes[i];
      const int16_t inside = (int16_t)(row - part->first);
      if (inside >= 0 && (size_t)inside < part->box.size[0]) {
        mj_copy(&part->box, one, x[i] + (size_t)inside * part->box.from[0], y + part->to);
      }
    }
    y += pitch;
  }
}
