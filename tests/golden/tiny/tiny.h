/* SPDX-License-Identifier: MIT-0 */
/*
 * An int8 neural network. Call tiny_init once; then write an input, call tiny_infer and read the outputs.
 * Nothing is allocated: all memory it writes is in tiny_state.
 */
#ifndef TINY_H
#define TINY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TINY_API_VERSION 1
#define TINY_BUILD_ID "fe5de0fe807c4932" /* hash of the code and constants */

/* A real number is SCALE * (q - ZERO_POINT). Images are {height, width, channels}. */
#define TINY_INPUT_SHAPE {6, 6, 1}
#define TINY_INPUT_BYTES 36
#define TINY_INPUT_SCALE 0.0078125f
#define TINY_INPUT_ZERO_POINT (-128)

#define TINY_OUTPUTS 1
/* output 0: logits */
#define TINY_OUTPUT0_SHAPE {3}
#define TINY_OUTPUT0_BYTES 3
#define TINY_OUTPUT0_SCALE 0.100000001f
#define TINY_OUTPUT0_ZERO_POINT (0)

#define TINY_CLASSES 3
extern const char* const tiny_class_names[TINY_CLASSES];

/* Volatile memory: nothing in it need survive from one inference to the next. */
#define TINY_STATE_BYTES 180
typedef struct {
  int16_t scratch[36]; /* of the kernels, between which it holds nothing */
  int8_t arena[108];    /* activations; see README.md for where each one lies */
} tiny_state;

/* What the report says is what the compiler makes. */
typedef char tiny_assert_state_bytes[sizeof(tiny_state) == TINY_STATE_BYTES ? 1 : -1];

void tiny_init(tiny_state* state);

/* Where the TINY_INPUT_BYTES of the input go. They are overwritten by tiny_infer. */
int8_t* tiny_input(tiny_state* state);

/* Writes the input from unsigned bytes 0..255 in the input's order, as the model wants its pixels. */
void tiny_set_input_u8(tiny_state* state, const uint8_t* pixels);

void tiny_infer(tiny_state* state);

/* Output k, valid from tiny_infer until the next input is written. */
const int8_t* tiny_output(const tiny_state* state, uint8_t k);

#ifdef __cplusplus
}
#endif

#endif
