/* SPDX-License-Identifier: MIT-0 */
#include "mj_policy.h"

#include <stddef.h>

/* x * a / b for b > 0 without 64-bit arithmetic, saturated; exact but for the last digit of the quotient's rest. */
static int32_t scaled(int32_t x, int32_t a, int32_t b) {
  const int32_t limit = INT32_MAX / 2;
  const int32_t whole = x / b;
  int32_t rest = x % b;
  int32_t result;
  if (whole > 0 && a > limit / whole) {
    return limit;
  }
  if (whole < 0 && a > limit / -whole) {
    return -limit;
  }
  result = whole * a;
  /* rest * a may not fit: both are halved until it does. */
  while (b > 1 && a > 0 && (rest > limit / a || rest < -(limit / a))) {
    rest /= 2;
    b /= 2;
  }
  return result + rest * a / b;
}

static int32_t clamped_sum(int32_t a, int32_t b) {
  if (a > 0 && b > INT32_MAX - a) {
    return INT32_MAX;
  }
  if (a < 0 && b < -INT32_MAX - a) {
    return -INT32_MAX;
  }
  return a + b;
}

/* How much arrived since the last inference began: the store's growth and what was spent. */
static void learn_income(mj_policy_state* state, uint32_t now_ms, int32_t stored_uj) {
  const int32_t elapsed_ms = (int32_t)(now_ms - state->last_ms); /* the clock may wrap */
  int32_t arrived;
  int32_t income_uw;
  if (elapsed_ms <= 0) {
    return; /* the clock was lost with the power */
  }
  arrived = clamped_sum(stored_uj - state->last_uj, state->spent_uj);
  if (arrived < 0) {
    arrived = 0;
  }
  income_uw = scaled(arrived, 1000, elapsed_ms);
  state->income_uw += (income_uw - state->income_uw) / 4;
}

void mj_policy_begin(const mj_policy_plan* plan, mj_policy_state* state, uint32_t now_ms, int32_t late_ms, int32_t stored_uj) {
  int32_t budget;
  unsigned level;
  if (state->started) {
    learn_income(state, now_ms, stored_uj);
  }
  state->started = 1;
  state->last_ms = now_ms;
  state->last_uj = stored_uj;
  state->spent_uj = 0;
  if (plan->levels == 0) {
    return;
  }
  if (plan->kind == MJ_POLICY_CONFIDENCE) {
    state->level = plan->chosen;
    return;
  }
  state->level = 0;
  /* Back to back every joule saved starts the next inference sooner: the level with the most answers per joule is best. */
  if (plan->kind != MJ_POLICY_CONFIDENCE_ENERGY || plan->period_ms == 0) {
    return;
  }
  if (stored_uj < plan->reserve_uj && late_ms > 0) {
    state->budget_uj = plan->level_cost_uj[0]; /* starving */
    return;
  }
  /* What arrives per input, and a share of what is stored beyond half the room above the reserve (less where it is short). */
  budget = scaled(state->income_uw, plan->period_ms, 1000);
  budget = clamped_sum(budget, (stored_uj - plan->reserve_uj) / plan->horizon);
  if (late_ms == 0 && stored_uj >= plan->capacity_uj - plan->capacity_uj / 8) {
    /* Nearly full in time for the input: more would be lost, and the income measured is less than what could arrive. */
    const int32_t more = clamped_sum(state->budget_uj, state->budget_uj / 8 + 1);
    if (budget < more) {
      budget = more;
    }
  }
  if (budget < plan->level_cost_uj[0]) {
    budget = plan->level_cost_uj[0];
  }
  if (budget > 2 * plan->level_cost_uj[plan->levels - 1]) {
    budget = 2 * plan->level_cost_uj[plan->levels - 1];
  }
  state->budget_uj = budget;
  for (level = 1; level < plan->levels && plan->level_cost_uj[level] <= budget; ++level) {
    state->level = (uint8_t)level;
  }
}

static unsigned bucket_of(const mj_policy_plan* plan, unsigned exit, uint16_t confidence) {
  const uint16_t* edges = plan->bucket_edges + exit * (MJ_POLICY_BUCKETS - 1);
  unsigned bucket = 0;
  while (bucket < MJ_POLICY_BUCKETS - 1 && confidence >= edges[bucket]) {
    ++bucket;
  }
  return bucket;
}

int mj_policy_go_on(const mj_policy_plan* plan, const mj_policy_state* state, unsigned exit, uint16_t confidence, int32_t stored_uj) {
  switch (plan->kind) {
    case MJ_POLICY_FULL:
      return 1;
    case MJ_POLICY_FIXED:
      return exit < plan->chosen;
    case MJ_POLICY_ENERGY:
      return stored_uj - plan->reserve_uj >= plan->cost_uj[exit + 1] - plan->cost_uj[exit];
    default:
      break;
  }
  if (plan->levels == 0) {
    return 1;
  }
  /* Of a state that a power cut has damaged, too, an entry of the table. */
  {
    const unsigned level = state->level < plan->levels ? state->level : plan->levels - 1u;
    return (plan->go_on[level * plan->exits + exit] >> bucket_of(plan, exit, confidence)) & 1;
  }
}

void mj_policy_end(const mj_policy_plan* plan, mj_policy_state* state, unsigned exit) {
  state->spent_uj = plan->cost_uj[exit];
}

uint8_t mj_policy_ask(void* asker, uint8_t exit, uint16_t confidence) {
  const mj_policy_asker* asked = (const mj_policy_asker*)asker;
  const int32_t stored_uj = asked->stored_uj != NULL ? asked->stored_uj() : 0;
  return mj_policy_go_on(asked->plan, asked->state, exit, confidence, stored_uj) != 0;
}

uint16_t mj_confidence(const mj_exponents* exponents, const int8_t* scores, uint16_t n) {
  int8_t largest = -128;
  uint32_t sum = 0;
  uint16_t i;
  for (i = 0; i < n; ++i) {
    if (scores[i] > largest) {
      largest = scores[i];
    }
  }
  for (i = 0; i < n; ++i) {
    const uint8_t distance = (uint8_t)(largest - scores[i]);
    sum += ((uint32_t)exponents->high[distance >> 4] * exponents->low[distance & 15] + 0x4000u) >> 15;
  }
  /* 32768 / (sum / 32768), to nearest; the largest score alone weighs 32768. */
  return (uint16_t)((((uint32_t)1 << 30) + sum / 2) / sum);
}
