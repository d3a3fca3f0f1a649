/* SPDX-License-Identifier: MIT-0 */
/* What channels have besides their weights, taken one channel after the other from a copy of mj_weights, which moves on. Arrays
   that would hold the same for all channels are missing; see mj_weights. */
#ifndef MJ_CHANNELS_H
#define MJ_CHANNELS_H

#include "mj_arithmetic.h"
#include "mj_kernels.h"
#include "mj_port.h"

/* Leaves out n channels; their weights are not. */
MJ_INLINE void mj_skip_channels(mj_weights* at, int16_t n) {
  if (at->bias != NULL) {
    at->bias += n;
  }
  if (at->shift != NULL) {
    at->multiplier += n;
    at->shift += n;
  }
}

MJ_INLINE int32_t mj_next_bias(mj_weights* at) { return at->bias == NULL ? 0 : *at->bias++; }

/* The output of the next channel from its sum. */
MJ_INLINE int8_t mj_next_output(mj_weights* at, int32_t sum, const mj_output* out) {
  const int32_t* multiplier = at->multiplier;
  int8_t shift;
  if (at->shift == NULL) {
    shift = (int8_t)multiplier[1];
  } else {
    ++at->multiplier;
    shift = *at->shift++;
  }
  return mj_requantize(sum, *multiplier, shift, out);
}

#endif
