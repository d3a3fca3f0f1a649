/* SPDX-License-Identifier: MIT-0 */
/*
 * Execution that power cuts cannot harm: the work of an inference is numbered as units, each of which may be repeated, and
 * one word says which comes next. The cycle of positions: waiting for an input, unit 0, 1, ... units-1, done, and again with
 * the other parity.
 */
#ifndef MJ_UNITS_H
#define MJ_UNITS_H

#include <stddef.h>
#include <stdint.h>

#include "mj_kernels.h"
#include "mj_store.h"

#define MJ_WAITING 0x7fffu /* in place of a unit's number: the input is not complete */
#define MJ_PARITY 0x8000u

/* What mj_recover found. */
#define MJ_RESUMED 0         /* the work goes on where it stood */
#define MJ_OTHER_BUILD 1     /* the memory holds nothing, or the state of another build: started over */
#define MJ_CORRUPTED 2       /* the record of progress is damaged: started over */

#define MJ_BUILD_BYTES 8
#define MJ_IN_WORDS(bytes) (((bytes) + MJ_NV_WORD - 1) / MJ_NV_WORD * MJ_NV_WORD)

/* The head of all non-volatile state. */
typedef struct {
#if MJ_NV_SLOTS == 1
  mj_progress progress;
#else
  uint8_t progress[2][MJ_NV_RECORD] MJ_NV_ALIGNED;
#endif
  uint8_t build[MJ_IN_WORDS(MJ_BUILD_BYTES)] MJ_NV_ALIGNED;
  /* Number of the inference of each parity, low byte first; the one that is not at work numbers the last answer. */
  uint8_t epoch[2][MJ_IN_WORDS(4)] MJ_NV_ALIGNED;
} mj_kept;

/* After every power-on: sets *position, and starts over where nothing can be resumed. `units` is the build's number. */
uint8_t mj_recover(mj_kept* kept, const uint8_t* build, uint16_t units, uint16_t* position);

/* The work up to *position is complete: makes the next position the one to go on from. */
void mj_commit(mj_kept* kept, uint16_t units, uint16_t* position);

/* Units that decide whether the inference goes on: behind each the next position may be "done". */
typedef struct {
  const uint16_t* units;
  uint8_t count;
} mj_decisions;

/* mj_recover and mj_commit of firmware with decisions: the second one, behind a decision to stop, makes the inference done.
   It stores what mj_commit stores, once, so a decision is either taken for good or has not been taken. */
uint8_t mj_recover_decisions(mj_kept* kept, const uint8_t* build, uint16_t units, const mj_decisions* decisions, uint16_t* position);
void mj_commit_end(mj_kept* kept, uint16_t units, uint16_t* position);

uint32_t mj_epoch(const mj_kept* kept, uint8_t parity);
/* Before the commit that ends an inference: the next one has the next number. */
void mj_number_next(mj_kept* kept, uint16_t position);

/* How one kernel call is cut into units: depth counts fastest, then channels, columns and rows; an
   extent of 0 is not cut. */
typedef struct {
  uint16_t first;
  int16_t rows, row_step;
  int16_t columns, column_step;
  int16_t channels, channel_step;
  int16_t depth, depth_step;
} mj_tiling;

typedef struct {
  mj_tile tile;
  int16_t depth0, depth1;
  uint8_t odd; /* parity of the piece along depth */
  uint8_t last; /* of these pieces */
} mj_unit;

/* Index of the tiling that a unit belongs to (the list ends with one that begins beyond all units), and its tile. */
uint16_t mj_find_unit(const mj_tiling* tilings, uint16_t number, mj_unit* unit);

/* The constants from channel ch0 on, of `depth` weights per channel. */
mj_weights mj_weights_from(const mj_weights* all, int16_t ch0, size_t depth);

/* The terms of a unit, whose sums go back and forth between two places. */
mj_part mj_part_of(const mj_unit* unit, int8_t* even, int8_t* odd);

#endif
