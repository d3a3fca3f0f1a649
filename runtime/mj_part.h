/* SPDX-License-Identifier: MIT-0 */
/* Where the sums of a part begin and where they go; they lie in memory that may have any alignment. */
#ifndef MJ_PART_H
#define MJ_PART_H

#include "mj_channels.h"
#include "mj_kernels.h"
#include "mj_port.h"
#include "mj_store.h"

MJ_INLINE int32_t mj_sum_before(const mj_part* part, int16_t c, mj_weights* at) {
  int32_t sum;
  if (part->from == NULL) {
    return mj_next_bias(at);
  }
  memcpy(&sum, part->from + (size_t)c * sizeof sum, sizeof sum);
  return sum;
}

MJ_INLINE void mj_store_sum(const mj_part* part, int16_t c, mj_weights* at, int32_t sum,
                            const mj_output* out, int8_t* y) {
  if (part->to != NULL) {
    mj_store_bytes(part->to + (size_t)c * sizeof sum, &sum, sizeof sum);
  } else {
    mj_store_i8(y, mj_next_output(at, sum, out));
  }
}

#endif
