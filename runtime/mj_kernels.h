/* SPDX-License-Identifier: MIT-0 */
/*
 * int8 kernels with the arithmetic of TFLite's reference kernels.
 *
 * A kernel computes one tile of its output: rows row0..row1-1, and where it can be split so, columns col0..col1-1 and
 * channels ch0..ch1-1.
 * What a tile holds depends on nothing but the inputs, so the whole output may be computed at once or tile by tile, in any
 * order and more than once. Activations are {height, width, channels}, channels last; x and y point to whole activations.
 */
#ifndef MJ_KERNELS_H
#define MJ_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "mj_arithmetic.h"
#include "mj_port.h"

typedef struct {
  int16_t row0, row1;
  int16_t col0, col1;
  int16_t ch0, ch1;
} mj_tile;

/* Constants of the channels ch0..ch1-1 of a tile, in near memory: per channel its weights, the bias and the factor from
   the accumulator to the output (see mj_scale). Read them by mj_channels.h. */
typedef struct {
  mj_weight weight;
  const int32_t* bias;       /* NULL: 0 for all */
  const int32_t* multiplier;
  const int8_t* shift;       /* NULL: multiplier[0] is that of all channels and multiplier[1] their shift */
} mj_weights;

typedef struct {
  int16_t in_h, in_w, in_c;
  int16_t out_w, out_c;
  int16_t kernel_h, kernel_w;
  int16_t stride_h, stride_w;
  int16_t dilation_h, dilation_w;
  int16_t pad_top, pad_left;
  int16_t groups;
  int16_t in_zero; /* zero point of x; padding holds it */
  mj_output out;
} mj_conv;

/* Weights {out_c, kernel_h, kernel_w, in_c / groups}. patch: kernel_h * kernel_w * in_c / groups elements of scratch. */
void mj_conv2d(const mj_conv* conv, mj_tile tile, const int8_t* x, const mj_weights* weights, int8_t* y,
               int16_t* patch);

/* The same with one input channel per group: weights {out_c, kernel_h, kernel_w}; needs no scratch. */
void mj_depthwise(const mj_conv* conv, mj_tile tile, const int8_t* x, const mj_weights* weights, int8_t* y);

/* y[row][ch] from x[row][0..in_c-1]; weights {out_c, in_c}. The biases hold -zero * sum(weights) too. */
typedef struct {
  int16_t in_c, out_c;
  mj_output out;
} mj_linear;

void mj_fully_connected(const mj_linear* linear, mj_tile tile, const int8_t* x, const mj_weights* weights, int8_t* y);

/* Terms begin..end-1 of the sums of a tile. The sums so far (int32, one per channel of the tile) come from `from`, the
   bias where that is NULL; they go to `to`, or where that is NULL, finished, to y. */
typedef struct {
  int16_t begin, end;
  const int8_t* from;
  int8_t* to;
} mj_part;

void mj_fully_connected_part(const mj_linear* linear, mj_tile tile, const mj_part* part, const int8_t* x,
                             const mj_weights* weights, int8_t* y);

typedef struct {
  int16_t in_h, in_w, channels;
  int16_t out_w;
  int16_t kernel_h, kernel_w;
  int16_t stride_h, stride_w;
  int16_t pad_top, pad_left;
  int16_t low, high;
  int16_t whole;   /* avg_pool: elements it divides by; 0: those inside x */
  int16_t in_zero; /* what padding holds then */
} mj_pool;

void mj_max_pool(const mj_pool* pool, mj_tile tile, const int8_t* x, int8_t* y);
void mj_avg_pool(const mj_pool* pool, mj_tile tile, const int8_t* x, int8_t* y);

/* Means over two nested loops of x, for outputs of three nested loops; rows are the outermost of the outputs. */
typedef struct {
  size_t size[3], step[3];               /* outputs */
  size_t reduced_size[2], reduced_step[2]; /* elements of a mean */
  int32_t in_sum_zero;                   /* zero point of x times the elements of a mean */
  int32_t multiplier;
  int8_t shift;
  mj_output out;
} mj_mean;

void mj_mean_over(const mj_mean* mean, mj_tile tile, const int8_t* x, int8_t* y);

/* Four nested loops, rows the outermost; the output is contiguous, an input that is broadcast has steps of 0. */
typedef struct {
  size_t size[4];
  size_t a_step[4], b_step[4];
} mj_loops;

typedef struct {
  mj_loops loops;
  int16_t a_zero, b_zero;
  int32_t a_multiplier, b_multiplier, out_multiplier;
  int8_t a_shift, b_shift, out_shift;
  mj_output out;
} mj_sum;

void mj_add(const mj_sum* sum, mj_tile tile, const int8_t* a, const int8_t* b, int8_t* y);
/* a - b */
void mj_subtract(const mj_sum* sum, mj_tile tile, const int8_t* a, const int8_t* b, int8_t* y);

typedef struct {
  mj_loops loops;
  int16_t a_zero, b_zero;
  int32_t multiplier;
  int8_t shift;
  mj_output out;
} mj_product;

void mj_multiply(const mj_product* product, mj_tile tile, const int8_t* a, const int8_t* b, int8_t* y);

/* a where it is not negative, else a * b (b: the slopes). */
typedef struct {
  mj_loops loops;
  int16_t a_zero, b_zero;
  int32_t multiplier, negative_multiplier;
  int8_t shift, negative_shift;
  mj_output out;
} mj_slope;

void mj_prelu(const mj_slope* slope, mj_tile tile, const int8_t* a, const int8_t* b, int8_t* y);

/* y[i] = table[x[i] + 128] for rows of `row` elements: any function of one int8. */
void mj_table(size_t row, mj_tile tile, const int8_t* x, int8_t* y, const int8_t* table);

/* Copies a box of four nested loops, rows the outermost: concat, slice, transpose and pad are made of such boxes. */
typedef struct {
  size_t size[4];
  size_t from[4], to[4]; /* steps */
} mj_box;

void mj_copy(const mj_box* box, mj_tile tile, const int8_t* x, int8_t* y);

/* One of several boxes that an output is made of, by rows of that output: `first` is the one where it begins, `to` its place
   in each. x holds where every box comes from. Copied row by row, the output is written in order, which memory that
   programs whole words needs. */
typedef struct {
  int16_t first;
  size_t to;
  mj_box box;
} mj_row_box;

void mj_copy_rows(const mj_row_box* boxes, int16_t count, mj_tile tile, const int8_t* const* x, int8_t* y);

/* Rows of `depth` elements. exp[d] is exp(-d * scale) in Q0.31 for distances d = 0..distances-1 from the largest
   element; beyond, it counts as 0. Output: scale 1/256, zero point -128. */
typedef struct {
  int16_t depth;
  int16_t distances;
  const int32_t* exp;
} mj_softmax;

void mj_softmax_rows(const mj_softmax* softmax, mj_tile tile, const int8_t* x, int8_t* y);

#endif
