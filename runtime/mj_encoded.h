/* SPDX-License-Identifier: MIT-0 */
/*
 * Kernels for weights that are not plain int8: four bits each, or without most of the zeros.
 *
 * The weights of an output channel are one row of bytes, the rows follow each other. A row function adds the products of
 * the n elements of a row with x to *sum, and returns where the next row begins. Its name says the layout:
 *   dense     every element
 *   bitmap    per eight elements a byte that says which are not zero, lowest bit first, followed by those
 *   relative  entries of the number of zeros left out and an element; with int4 in one byte, the element in the upper
 *             half: where that is 0, 16 times the lower half plus one are left out and the next entry goes on
 *   block4    entries of the number of blocks of four zeros left out and four elements
 * and the size of an element: with int4 the first of two is the lower half of a byte. Entries stand behind a byte with
 * their number; 255 of them are followed by another such byte.
 */
#ifndef MJ_ENCODED_H
#define MJ_ENCODED_H

#include <stddef.h>
#include <stdint.h>

#include "mj_kernels.h"
#include "mj_port.h"

mj_weight mj_dense_int4_s16(int32_t* sum, const int16_t* x, mj_weight row, size_t n);
mj_weight mj_dense_int4_s8(int32_t* sum, const int8_t* x, mj_weight row, size_t n);
mj_weight mj_bitmap_int8_s16(int32_t* sum, const int16_t* x, mj_weight row, size_t n);
mj_weight mj_bitmap_int8_s8(int32_t* sum, const int8_t* x, mj_weight row, size_t n);
mj_weight mj_bitmap_int4_s16(int32_t* sum, const int16_t* x, mj_weight row, size_t n);
mj_weight mj_bitmap_int4_s8(int32_t* sum, const int8_t* x, mj_weight row, size_t n);
mj_weight mj_relative_int8_s16(int32_t* sum, const int16_t* x, mj_weight row, size_t n);
mj_weight mj_relative_int8_s8(int32_t* sum, const int8_t* x, mj_weight row, size_t n);
mj_weight mj_relative_int4_s16(int32_t* sum, const int16_t* x, mj_weight row, size_t n);
mj_weight mj_relative_int4_s8(int32_t* sum, const int8_t* x, mj_weight row, size_t n);
mj_weight mj_block4_int8_s16(int32_t* sum, const int16_t* x, mj_weight row, size_t n);
mj_weight mj_block4_int8_s8(int32_t* sum, const int8_t* x, mj_weight row, size_t n);
mj_weight mj_block4_int4_s16(int32_t* sum, const int16_t* x, mj_weight row, size_t n);
mj_weight mj_block4_int4_s8(int32_t* sum, const int8_t* x, mj_weight row, size_t n);

/* mj_conv2d and mj_fully_connected with encoded weights. */
void mj_conv2d_encoded(const mj_conv* conv, mj_tile tile, const int8_t* x, const mj_weights* weights, int8_t* y,
                       int16_t* patch, mj_row_s16 row);
void mj_fully_connected_encoded(const mj_linear* linear, mj_tile tile, const int8_t* x, const mj_weights* weights,
                                int8_t* y, mj_row_s8 row);

/* mj_fully_connected_part with encoded weights: those of the terms of the part alone, encoded as rows of so many. */
void mj_fully_connected_encoded_part(const mj_linear* linear, mj_tile tile, const mj_part* part, const int8_t* x,
                                     const mj_weights* weights, int8_t* y, mj_row_s8 row);

/* mj_depthwise with dense weights of four bits. window: kernel_h * kernel_w bytes of scratch. */
void mj_depthwise_int4(const mj_conv* conv, mj_tile tile, const int8_t* x, const mj_weights* weights, int8_t* y,
                       int8_t* window);

#endif
