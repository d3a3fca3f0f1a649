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
 *
 * Emitted code asks by NAME_infer_until, to which mj_policy_ask is handed with an mj_policy_asker.
 */
#ifndef MJ_POLICY_H
#define MJ_POLICY_H

#include <stdint.h>

#define MJ_POLICY_API_VERSION 1

#ifdef __cplusplus
extern "C" {
#endif

/* Scores of int8 d = 16 h + l below the largest have the weight high[h] * low[l], a share of 32768 each: exp(-d) at the scale
   and the temperature of an exit. */
typedef struct {
  uint16_t high[16];
  uint16_t low[16];
} mj_exponents;

/* The largest softmax of n int8 scores (1..32768 of them), as a share of 32768. */
uint16_t mj_confidence(const mj_exponents* exponents, const int8_t* scores, uint16_t n);

/* Whether to run on: asked after every exit but the last. Exits count from 0. */
typedef uint8_t (*mj_go_on)(void* context, uint8_t exit, uint16_t confidence);

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

/* Kept in non-volatile memory; all zero at first. It steers decisions and nothing else: where a power cut meets
   mj_policy_begin, the numbers of two inferences may be mixed until the next ones are learned. */
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

/* The policy as an mj_go_on: its context is an mj_policy_asker. */
typedef struct {
  const mj_policy_plan* plan;
  const mj_policy_state* state;
  int32_t (*stored_uj)(void); /* energy stored now; NULL where nobody knows, which counts as none */
} mj_policy_asker;

uint8_t mj_policy_ask(void* asker, uint8_t exit, uint16_t confidence);

#ifdef __cplusplus
}
#endif

#endif
