/* SPDX-License-Identifier: MIT-0 */
#include "mj_units.h"

#include "mj_channels.h"

static uint16_t next_position(uint16_t position, uint16_t units) {
  const uint16_t number = (uint16_t)(position & ~MJ_PARITY);
  const uint16_t parity = (uint16_t)(position & MJ_PARITY);
  if (number == MJ_WAITING) {
    return parity;
  }
  return number < units ? (uint16_t)(position + 1) : (uint16_t)((parity ^ MJ_PARITY) | MJ_WAITING);
}

static uint8_t in_range(uint16_t position, uint16_t units) {
  const uint16_t number = (uint16_t)(position & ~MJ_PARITY);
  return number <= units || number == MJ_WAITING;
}

#if MJ_NV_SLOTS == 1

static uint8_t read_position(mj_kept* kept, uint16_t units, const mj_decisions* decisions, uint16_t* position) {
  (void)decisions;
  *position = mj_read_progress(&kept->progress);
  return in_range(*position, units);
}

static void write_position(mj_kept* kept, uint16_t position) { mj_write_progress(&kept->progress, position); }

#else

/*
 * Two slots hold the same position. A commit writes the first, then the second, so a cut tears at most one, and what it
 * tore is known: slot 0 on the way from the position in slot 1 to the next, or slot 1 on the way to the position in slot
 * 0. Any other pair is damage.
 */
static void encode(uint16_t position, uint8_t* record) {
  const uint8_t low = (uint8_t)(position & 0xff);
  const uint8_t high = (uint8_t)(position >> 8);
  uint8_t i;
  record[0] = low;
  record[1] = high;
  record[2] = (uint8_t)~low;
  record[3] = (uint8_t)~high;
  /* In a word that is torn anyhow: no mixture of two records passes for a third. */
  for (i = 4; i < MJ_NV_RECORD; ++i) {
    record[i] = (uint8_t)(low ^ (high + 29u * i));
  }
}

static uint8_t same(const uint8_t* a, const uint8_t* b, uint8_t n) {
  uint8_t different = 0;
  while (n != 0) {
    --n;
    different = (uint8_t)(different | (a[n] ^ b[n]));
  }
  return different == 0;
}

static uint8_t decode(const uint8_t* record, uint16_t units, uint16_t* position) {
  uint8_t good[MJ_NV_RECORD];
  *position = (uint16_t)(record[0] | (uint16_t)record[1] << 8);
  encode(*position, good);
  return same(record, good, MJ_NV_RECORD) && in_range(*position, units);
}

/* Whether cuts on the way from one position to the next, and on the way back while recovering from that, can have left
   this record: bytes first..end-1 are those of the next. */
static uint8_t torn(const uint8_t* record, uint16_t from, uint16_t to) {
#if MJ_NV_WORD > 1
  (void)record;
  (void)from;
  (void)to;
  return 1; /* anything */
#else
  uint8_t before[MJ_NV_RECORD], after[MJ_NV_RECORD];
  uint8_t first = 0, end = MJ_NV_RECORD;
  encode(from, before);
  encode(to, after);
  while (first < MJ_NV_RECORD && record[first] == before[first]) {
    ++first;
  }
  while (end > first && record[end - 1] == before[end - 1]) {
    --end;
  }
  return same(record + first, after + first, (uint8_t)(end - first));
#endif
}

/* Whether the inference may be done behind this position though units are left. */
static uint8_t may_end(uint16_t position, const mj_decisions* decisions) {
  uint8_t i;
  for (i = 0; i < decisions->count; ++i) {
    if (decisions->units[i] == (uint16_t)(position & ~MJ_PARITY)) {
      return 1;
    }
  }
  return 0;
}

static uint16_t end_of(uint16_t position, uint16_t units) { return (uint16_t)((position & MJ_PARITY) | units); }

static uint16_t previous_position(uint16_t position, uint16_t units) {
  const uint16_t number = (uint16_t)(position & ~MJ_PARITY);
  const uint16_t parity = (uint16_t)(position & MJ_PARITY);
  if (number == MJ_WAITING) {
    return (uint16_t)((parity ^ MJ_PARITY) | units);
  }
  return number > 0 ? (uint16_t)(position - 1) : (uint16_t)(parity | MJ_WAITING);
}

static void write_slot(mj_kept* kept, uint8_t slot, uint16_t position) {
  uint8_t record[MJ_NV_RECORD];
  encode(position, record);
  mj_write_record(kept->progress[slot], record);
}

static void write_position(mj_kept* kept, uint16_t position) {
  write_slot(kept, 0, position);
  write_slot(kept, 1, position);
}

/* Whether a commit leads from one position to the other. */
static uint8_t leads(uint16_t from, uint16_t to, uint16_t units, const mj_decisions* decisions) {
  return to == next_position(from, units) || (may_end(from, decisions) && to == end_of(from, units));
}

/* Whether a commit that leads to this position, or recovering from it, can have left the record. */
static uint8_t torn_towards(const uint8_t* record, uint16_t to, uint16_t units, const mj_decisions* decisions) {
  uint8_t i;
  if (torn(record, previous_position(to, units), to)) {
    return 1;
  }
  for (i = 0; i < decisions->count; ++i) {
    const uint16_t from = (uint16_t)((to & MJ_PARITY) | decisions->units[i]);
    if (to == end_of(to, units) && torn(record, from, to)) {
      return 1;
    }
  }
  return 0;
}

static uint8_t read_position(mj_kept* kept, uint16_t units, const mj_decisions* decisions, uint16_t* position) {
  uint16_t first, second;
  const uint8_t first_good = decode(kept->progress[0], units, &first);
  const uint8_t second_good = decode(kept->progress[1], units, &second);
  if (first_good && (second_good ? second == first || leads(second, first, units, decisions)
                                 : torn_towards(kept->progress[1], first, units, decisions))) {
    *position = first;
    if (!second_good || second != first) {
      write_slot(kept, 1, first);
    }
    return 1;
  }
  if (!first_good && second_good &&
      (torn(kept->progress[0], second, next_position(second, units)) ||
       (may_end(second, decisions) && torn(kept->progress[0], second, end_of(second, units))))) {
    *position = second;
    write_slot(kept, 0, second);
    return 1;
  }
  return 0;
}

#endif

uint32_t mj_epoch(const mj_kept* kept, uint8_t parity) {
  const uint8_t* epoch = kept->epoch[parity];
  return (uint32_t)epoch[0] | (uint32_t)epoch[1] << 8 | (uint32_t)epoch[2] << 16 | (uint32_t)epoch[3] << 24;
}

static void write_epoch(mj_kept* kept, uint8_t parity, uint32_t epoch) {
  uint8_t bytes[MJ_IN_WORDS(4)];
  uint8_t i;
  for (i = 0; i < sizeof bytes; ++i) {
    bytes[i] = (uint8_t)(epoch & 0xff);
    epoch >>= 8;
  }
  mj_store_bytes(kept->epoch[parity], bytes, sizeof bytes);
}

/* The build is spoilt first and written last: until then, this is repeated. */
static void start_over(mj_kept* kept, const uint8_t* build, uint32_t epoch, uint16_t* position) {
  const uint8_t spoilt = (uint8_t)(build[0] ^ 0xffu);
  uint8_t i;
  mj_store_bytes(kept->build, &spoilt, 1);
  mj_barrier();
  write_epoch(kept, 0, epoch + 1);
  write_epoch(kept, 1, epoch);
  mj_barrier();
  *position = MJ_WAITING;
  write_position(kept, *position);
  mj_barrier();
  for (i = 0; i < MJ_IN_WORDS(MJ_BUILD_BYTES); ++i) {
    mj_store_i8((int8_t*)&kept->build[i], (int8_t)(i < MJ_BUILD_BYTES ? build[i] : 0));
  }
  mj_barrier();
}

uint8_t mj_recover(mj_kept* kept, const uint8_t* build, uint16_t units, uint16_t* position) {
  static const mj_decisions none = {NULL, 0};
  return mj_recover_decisions(kept, build, units, &none, position);
}

uint8_t mj_recover_decisions(mj_kept* kept, const uint8_t* build, uint16_t units, const mj_decisions* decisions, uint16_t* position) {
  uint8_t different = 0;
  uint8_t damaged;
  uint8_t i;
#ifdef MJ_NV_LINE
  mj_open_line.word = NULL;
#endif
  for (i = 1; i < MJ_BUILD_BYTES; ++i) {
    different = (uint8_t)(different | (kept->build[i] ^ build[i]));
  }
  damaged = (uint8_t)(kept->build[0] ^ build[0]) == 0xff; /* it was found damaged, and starting over was cut */
  if (different != 0 || (kept->build[0] != build[0] && !damaged)) {
    start_over(kept, build, 0, position);
    return MJ_OTHER_BUILD;
  }
  if (damaged || !read_position(kept, units, decisions, position)) {
    /* Numbers go up, so that no answer is taken for one that was delivered. */
    const uint32_t even = mj_epoch(kept, 0);
    const uint32_t odd = mj_epoch(kept, 1);
    start_over(kept, build, even > odd ? even : odd, position);
    return MJ_CORRUPTED;
  }
  return MJ_RESUMED;
}

static void commit(mj_kept* kept, uint16_t next, uint16_t* position) {
  mj_barrier();
  write_position(kept, next);
  mj_barrier();
  *position = next;
}

void mj_commit(mj_kept* kept, uint16_t units, uint16_t* position) {
  commit(kept, next_position(*position, units), position);
}

void mj_commit_end(mj_kept* kept, uint16_t units, uint16_t* position) {
  commit(kept, (uint16_t)((*position & MJ_PARITY) | units), position);
}

void mj_number_next(mj_kept* kept, uint16_t position) {
  const uint8_t parity = (uint8_t)(position >> 15);
  write_epoch(kept, parity ^ 1u, mj_epoch(kept, parity) + 1);
}

static int16_t upper(int16_t from, int16_t step, int16_t extent) {
  return step < extent - from ? (int16_t)(from + step) : extent;
}

static uint16_t pieces(int16_t extent, int16_t step) {
  if (step >= extent) {
    return 1;
  }
  return (uint16_t)((uint16_t)(extent + step - 1) / (uint16_t)step);
}

uint16_t mj_find_unit(const mj_tiling* tilings, uint16_t number, mj_unit* unit) {
  const mj_tiling* tiling = tilings;
  uint16_t count, piece = 0, channel = 0, column = 0;
  while (number >= tiling[1].first) {
    ++tiling;
  }
  number = (uint16_t)(number - tiling->first);
  count = pieces(tiling->depth, tiling->depth_step);
  unit->last = 1;
  if (count > 1) {
    piece = (uint16_t)(number % count);
    number = (uint16_t)(number / count);
    unit->last = piece + 1 == count;
  }
  count = pieces(tiling->channels, tiling->channel_step);
  if (count > 1) {
    channel = (uint16_t)(number % count);
    number = (uint16_t)(number / count);
  }
  count = pieces(tiling->columns, tiling->column_step);
  if (count > 1) {
    column = (uint16_t)(number % count);
    number = (uint16_t)(number / count);
  }
  unit->tile.row0 = (int16_t)(number * (uint16_t)tiling->row_step);
  unit->tile.row1 = upper(unit->tile.row0, tiling->row_step, tiling->rows);
  unit->tile.col0 = (int16_t)(column * (uint16_t)tiling->column_step);
  unit->tile.col1 = upper(unit->tile.col0, tiling->column_step, tiling->columns);
  unit->tile.ch0 = (int16_t)(channel * (uint16_t)tiling->channel_step);
  unit->tile.ch1 = upper(unit->tile.ch0, tiling->channel_step, tiling->channels);
  unit->depth0 = (int16_t)(piece * (uint16_t)tiling->depth_step);
  unit->depth1 = upper(unit->depth0, tiling->depth_step, tiling->depth);
  unit->odd = (uint8_t)(piece & 1);
  return (uint16_t)(tiling - tilings);
}

mj_weights mj_weights_from(const mj_weights* all, int16_t ch0, size_t depth) {
  mj_weights from = *all;
  from.weight += (size_t)ch0 * depth;
  mj_skip_channels(&from, ch0);
  return from;
}

mj_part mj_part_of(const mj_unit* unit, int8_t* even, int8_t* odd) {
  mj_part part;
  part.begin = unit->depth0;
  part.end = unit->depth1;
  part.from = unit->depth0 == 0 ? NULL : unit->odd ? even : odd;
  part.to = unit->last ? NULL : unit->odd ? odd : even;
  return part;
}

#ifdef MJ_NV_LINE

mj_word_line mj_open_line;

/* Programs what was gathered, and begins to gather for `word`. */
void mj_open_word(uint8_t* word) {
  if (mj_open_line.word != NULL) {
    mj_board_write_word(mj_open_line.word, mj_open_line.bytes);
  }
  mj_open_line.word = word;
  if (word != NULL) {
    memcpy(mj_open_line.bytes, word, MJ_NV_WORD);
  }
}

#endif
