/* SPDX-License-Identifier: MIT-0 */
#include "mj_arithmetic.h"

#include "mj_port.h"

int32_t mj_round_shift(int32_t x, int8_t shift) {
  if (shift == 0) {
    return x;
  }
  /* Half of the last place is added before the last bit is dropped; for negative numbers a little less, so that ties
     go away from zero. */
  if (x < 0) {
    --x;
  }
  return ((x >> (shift - 1)) + 1) >> 1;
}

int32_t mj_scale(int32_t x, int32_t multiplier, int8_t shift) {
  if (shift > 0) {
    return mj_high_multiply((int32_t)((uint32_t)x << shift), multiplier);
  }
  return mj_round_shift(mj_high_multiply(x, multiplier), (int8_t)-shift);
}

int8_t mj_saturate(int32_t x, int16_t zero, int16_t low, int16_t high) {
  /* Compared without the zero point, so that nothing overflows. */
  if (x <= low - zero) {
    return (int8_t)low;
  }
  if (x >= high - zero) {
    return (int8_t)high;
  }
  return (int8_t)(x + zero);
}
