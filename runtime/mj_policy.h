/* SPDX-License-Identifier: MIT-0 */
/*
 * When to stop an inference early, from what an energy-harvesting device knows: the energy stored, how fast it arrives, and
 * how sure the network is. Integers only: microjoules, milliseconds, shares of 32768.
 *
 * The same C runs in the simulator. A decision is asked for at every exit and is taken once: the caller commits it.
 *
 *     mj_policy_begin(&plan, &state, now_ms, late_ms, stored_uj);           before the first unit of an inference
 *     if (!mj_policy_go_on(&plan, &state, exit, confidence, stored_uj)) ...  after every exit but the last
 *     mj_policy_end(&plan, &state, exit);                                    when the answer is given
 */
#ifndef MJ_POLICY_H
#define MJ_POLICY_H

#include <stdint.h>

#define MJ_POLICY_API_VERSION 1

#ifdef __cplusplus
extern "C" {
#endif

/* Confidences are sorted into this many buckets per exit, the lowest first. */
#define MJ_POLICY_BUCKETS 16

typedef enum {
  MJ_POLICY_FULL = 0,              /* always to the end */
  MJ_POLICY_FIXED = 1,             /* always the same exit */
  MJ_POLICY_CONFIDENCE = 2,        /* on where the bucket says so, at one level for ever */
  MJ_POLICY_ENERGY = 3,            /* as deep as the stored energy reaches */
  MJ_POLICY_CONFIDENCE_ENERGY = 4, /* by confidence, at the level that income and store can pay, above a reserve */
  MJ_POLICY_STARVATION = 5         /* by confidence, at the level with the most right answers per joule */
} mj_policy_kind;

/*
 * What is fixed when the firmware is made. A level is a way of deciding: for every exit the buckets at which to go on, best
 * answers per joule first, then ever more accurate and costly ones.
 */
typedef struct {
  uint8_t kind;
  uint8_t exits;      /* the last one is the whole network */
  uint8_t levels;     /* 0: decide without levels */
  uint8_t chosen;     /* the exit of FIXED, the level of CONFIDENCE */
  int32_t period_ms;  /* between inputs; 0: back to back */
  int32_t capacity_uj;        /* stored energy that can be used when the capacitor is full */
  int32_t reserve_uj;         /* stored energy that is kept back: below it the device starves */
  int32_t horizon;            /* inputs over which the store above the reserve is spent */
  const int32_t* cost_uj;     /* {exits}: from the start to the answer of an exit, out of the capacitor */
  const int32_t* level_cost_uj; /* {levels}: mean per inference */
  const uint16_t* bucket_edges; /* {exits, buckets - 1}: confidences from which the next bucket begins */
  const uint16_t* go_on;        /* {levels, exits}: bit b set: go on in bucket b */
} mj_policy_plan;

/* Kept in non-volatile memory; all zero at first. */
typedef struct {
  uint8_t started;     /* an inference was begun before */
  uint8_t level;       /* of the present inference */
  uint16_t filler;
  uint32_t last_ms;    /* when the last inference began */
  int32_t last_uj;     /* what was stored then */
  int32_t spent_uj;    /* what was spent since */
  int32_t income_uw;   /* running mean of the power that arrives */
  int32_t budget_uj;   /* what one inference may take now */
} mj_policy_state;

/* `late_ms`: how long the input has waited because the device was off or busy. */
void mj_policy_begin(const mj_policy_plan* plan, mj_policy_state* state, uint32_t now_ms, int32_t late_ms, int32_t stored_uj);

/* Nonzero: run on to the next exit. `confidence` is a share of 32768. Pure: asking again gives the same answer. */
int mj_policy_go_on(const mj_policy_plan* plan, const mj_policy_state* state, unsigned exit, uint16_t confidence, int32_t stored_uj);

void mj_policy_end(const mj_policy_plan* plan, mj_policy_state* state, unsigned exit);

#ifdef __cplusplus
}
#endif

#endif
