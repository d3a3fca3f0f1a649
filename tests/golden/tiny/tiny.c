/* SPDX-License-Identifier: MIT-0 */
#include "tiny.h"

#include <stddef.h>

#include "mj_kernels.h"
#include "mj_layer.h"
#include "mj_store.h"

/* Where each activation lies in the arena. */
#define AT_0 0 /* image, 36 B */
#define AT_2 36 /* first, 36 B */
#define AT_4 0 /* second, 36 B */
#define AT_5 72 /* sum, 36 B */
#define AT_6 0 /* pooled, 4 B */
#define AT_8 4 /* logits, 3 B */

/* first.weight i8[4x3x3x1] */
static const int8_t constant_1[36] = {-5, -2, 1, 4, -4, -1, 2, 5, -3, 0, 3, -5, -2, 1, 4, -4, -1, 2, 5, -3, 0, 3, -5,
    -2, 1, 4, -4, -1, 2, 5, -3, 0, 3, -5, -2, 1};
/* second.weight i8[4x3x3x4] */
static const int8_t constant_3[144] = {-5, -2, 1, 4, -4, -1, 2, 5, -3, 0, 3, -5, -2, 1, 4, -4, -1, 2, 5, -3, 0, 3, -5,
    -2, 1, 4, -4, -1, 2, 5, -3, 0, 3, -5, -2, 1, 4, -4, -1, 2, 5, -3, 0, 3, -5, -2, 1, 4, -4, -1, 2, 5, -3, 0, 3, -5,
    -2, 1, 4, -4, -1, 2, 5, -3, 0, 3, -5, -2, 1, 4, -4, -1, 2, 5, -3, 0, 3, -5, -2, 1, 4, -4, -1, 2, 5, -3, 0, 3, -5,
    -2, 1, 4, -4, -1, 2, 5, -3, 0, 3, -5, -2, 1, 4, -4, -1, 2, 5, -3, 0, 3, -5, -2, 1, 4, -4, -1, 2, 5, -3, 0, 3, -5,
    -2, 1, 4, -4, -1, 2, 5, -3, 0, 3, -5, -2, 1, 4, -4, -1, 2, 5, -3, 0, 3, -5};
/* logits.weight i8[3x4] */
static const int8_t constant_7[12] = {-5, -2, 1, 4, -4, -1, 2, 5, -3, 0, 3, -5};

/* 0: conv2d first -> 3x3x4 */
static const int32_t conv2d_0_multiplier[2] = {1431655765, -7};
static const mj_weights conv2d_0_weights = {.weight = constant_1, .bias = NULL, .multiplier = conv2d_0_multiplier,
    .shift = NULL};
static const mj_conv conv2d_0 = {.in_h = 6, .in_w = 6, .in_c = 1, .out_w = 3, .out_c = 4, .kernel_h = 3, .kernel_w = 3,
    .stride_h = 2, .stride_w = 2, .dilation_h = 1, .dilation_w = 1, .pad_top = 1, .pad_left = 1, .groups = 1,
    .in_zero = -128, .out = {-128, -128, 127}};

/* 1: conv2d second -> 3x3x4 */
static const int32_t conv2d_1_multiplier[2] = {1649267343, -7};
static const mj_weights conv2d_1_weights = {.weight = constant_3, .bias = NULL, .multiplier = conv2d_1_multiplier,
    .shift = NULL};
static const mj_conv conv2d_1 = {.in_h = 3, .in_w = 3, .in_c = 4, .out_w = 3, .out_c = 4, .kernel_h = 3, .kernel_w = 3,
    .stride_h = 1, .stride_w = 1, .dilation_h = 1, .dilation_w = 1, .pad_top = 1, .pad_left = 1, .groups = 1,
    .in_zero = -128, .out = {3, -128, 127}};

/* 2: add sum -> 3x3x4 */
static const mj_sum add_2 = {.loops = {{3, 1, 1, 12}, {12, 0, 0, 1}, {12, 0, 0, 1}}, .a_zero = -128, .b_zero = 3,
    .a_multiplier = 1288490141, .b_multiplier = 1073741824, .out_multiplier = 1342177330, .a_shift = -1, .b_shift = 0,
    .out_shift = -18, .out = {-128, -128, 127}};

/* 3: mean pooled -> 4 */
static const mj_mean mean_3 = {.size = {4, 1, 1}, .step = {1, 0, 0}, .reduced_size = {9, 1}, .reduced_step = {4, 0},
    .in_sum_zero = -1152, .multiplier = 954437176, .shift = -2, .out = {-128, -128, 127}};

/* 4: linear logits -> 3 */
static const int32_t linear_4_bias[3] = {-256, 256, -640};
static const int32_t linear_4_multiplier[2] = {1099511584, -6};
static const mj_weights linear_4_weights = {.weight = constant_7, .bias = linear_4_bias,
    .multiplier = linear_4_multiplier, .shift = NULL};
static const mj_linear linear_4 = {.in_c = 4, .out_c = 3, .out = {0, -128, 127}};

/* The input for each pixel value: scale, mean and deviation of the model, quantised. */
static const int8_t pixel_0[256] = {-128, -127, -127, -126, -126, -125, -125, -124, -124, -123, -123, -122, -122, -121,
    -121, -120, -120, -119, -119, -118, -118, -117, -117, -116, -116, -115, -115, -114, -114, -113, -113, -112, -112,
    -111, -111, -110, -110, -109, -109, -108, -108, -107, -107, -106, -106, -105, -105, -104, -104, -103, -103, -102,
    -102, -101, -101, -100, -100, -99, -99, -98, -98, -97, -97, -96, -96, -95, -95, -94, -94, -93, -93, -92, -92, -91,
    -91, -90, -90, -89, -89, -88, -88, -87, -87, -86, -86, -85, -85, -84, -84, -83, -83, -82, -82, -81, -81, -80, -80,
    -79, -79, -78, -78, -77, -77, -76, -76, -75, -75, -74, -74, -73, -73, -72, -72, -71, -71, -70, -70, -69, -69, -68,
    -68, -67, -67, -66, -66, -65, -65, -64, -64, -63, -63, -62, -62, -61, -61, -60, -60, -59, -59, -58, -58, -57, -57,
    -56, -56, -55, -55, -54, -54, -53, -53, -52, -52, -51, -51, -50, -50, -49, -49, -48, -48, -47, -47, -46, -46, -45,
    -45, -44, -44, -43, -43, -42, -42, -41, -41, -40, -40, -39, -39, -38, -38, -37, -37, -36, -36, -35, -35, -34, -34,
    -33, -33, -32, -32, -31, -31, -30, -30, -29, -29, -28, -28, -27, -27, -26, -26, -25, -25, -24, -24, -23, -23, -22,
    -22, -21, -21, -20, -20, -19, -19, -18, -18, -17, -17, -16, -16, -15, -15, -14, -14, -13, -13, -12, -12, -11, -11,
    -10, -10, -9, -9, -8, -8, -7, -7, -6, -6, -5, -5, -4, -4, -3, -3, -2, -2, -1, -1, 0};

const char* const tiny_class_names[TINY_CLASSES] = {
    "low",
    "middle",
    "high",
};

void tiny_init(tiny_state* state) { state->arena[0] = 0; }

int8_t* tiny_input(tiny_state* state) { return state->arena + AT_0; }

void tiny_set_input_u8(tiny_state* state, const uint8_t* pixels) {
  int8_t* to = tiny_input(state);
  size_t i;
  for (i = 0; i < 36u; ++i) {
    mj_store_i8(&to[i], pixel_0[pixels[i]]);
  }
}

void tiny_infer(tiny_state* state) {
  int8_t* arena = state->arena;
  int16_t* scratch = state->scratch;
  MJ_LAYER(0); /* 0: conv2d first -> 3x3x4 */
  mj_conv2d(&conv2d_0, (mj_tile){0, 3, 0, 3, 0, 4}, arena + AT_0, &conv2d_0_weights, arena + AT_2, scratch);
  MJ_LAYER(1); /* 1: conv2d second -> 3x3x4 */
  mj_conv2d(&conv2d_1, (mj_tile){0, 3, 0, 3, 0, 4}, arena + AT_2, &conv2d_1_weights, arena + AT_4, scratch);
  MJ_LAYER(2); /* 2: add sum -> 3x3x4 */
  mj_add(&add_2, (mj_tile){0, 3, 0, 0, 0, 0}, arena + AT_2, arena + AT_4, arena + AT_5);
  MJ_LAYER(3); /* 3: mean pooled -> 4 */
  mj_mean_over(&mean_3, (mj_tile){0, 4, 0, 0, 0, 0}, arena + AT_5, arena + AT_6);
  MJ_LAYER(4); /* 4: linear logits -> 3 */
  mj_fully_connected(&linear_4, (mj_tile){0, 1, 0, 0, 0, 3}, arena + AT_6, &linear_4_weights, arena + AT_8);
  MJ_LAYER(end);
}

const int8_t* tiny_output(const tiny_state* state, uint8_t k) {
  (void)k;
  return state->arena + AT_8;
}
