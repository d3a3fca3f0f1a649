/* SPDX-License-Identifier: MIT-0 */
#include "mj_channels.h"
#include "mj_encoded.h"

static mj_weight unpack(int8_t* to, mj_weight row, size_t n) {
  for (; n > 1; n -= 2) {
    const uint8_t pair = mj_next_byte(&row);
    *to++ = (int8_t)((int8_t)(uint8_t)(pair << 4) >> 4);
    *to++ = (int8_t)((int8_t)pair >> 4);
  }
  if (n != 0) {
    *to = (int8_t)((int8_t)(uint8_t)(mj_next_byte(&row) << 4) >> 4);
  }
  return row;
}

/* Channel by channel, so that each is unpacked once for all pixels of the tile. */
void mj_depthwise_int4(const mj_conv* conv, mj_tile tile, const int8_t* x, const mj_weights* weights, int8_t* y,
                       int8_t* window) {
  const size_t taps = (size_t)conv->kernel_h * (size_t)conv->kernel_w;
  const int16_t end = tile.ch1;
  mj_weights one = *weights;
  mj_weight row = weights->weight;
  one.weight = mj_near(window);
  for (; tile.ch0 < end; ++tile.ch0) {
    row = unpack(window, row, taps);
    tile.ch1 = (int16_t)(tile.ch0 + 1);
    mj_depthwise(conv, tile, x, &one, y);
    mj_skip_channels(&one, 1);
  }
}
