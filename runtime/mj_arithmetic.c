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

static inline int32_t scale(int32_t x, int32_t multiplier, int8_t shift) {
#ifdef MJ_PORT_SCALE
  return MJ_PORT_SCALE(x, multiplier, shift);
#else
  if (shift > 0) {
    return mj_high_multiply((int32_t)((uint32_t)x << shift), multiplier);
  }
  return mj_round_shift(mj_high_multiply(x, multiplier), (int8_t)-shift);
#endif
}

static inline int16_t saturate16(int32_t x) {
#ifdef MJ_PORT_SATURATE16
  return MJ_PORT_SATURATE16(x);
#else
  return (int16_t)(x < -32768 ? -32768 : x > 32767 ? 32767 : x);
#endif
}

static inline int8_t saturate(int32_t x, const mj_output* out) {
  /* The limits without the zero point fit 16 bits with room to spare. */
  const int16_t value = saturate16(x);
  if (value < out->low - out->zero) {
    return (int8_t)out->low;
  }
  if (value > out->high - out->zero) {
    return (int8_t)out->high;
  }
  return (int8_t)(value + out->zero);
}

int32_t mj_scale(int32_t x, int32_t multiplier, int8_t shift) { return scale(x, multiplier, shift); }

int8_t mj_saturate(int32_t x, const mj_output* out) { return saturate(x, out); }

int8_t mj_requantize(int32_t x, int32_t multiplier, int8_t shift, const mj_output* out) {
  return saturate(scale(x, multiplier, shift), out);
}
