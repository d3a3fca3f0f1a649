/* SPDX-License-Identifier: MIT-0 */
/*
 * Runs the network on the host: inputs of TINY_INPUT_BYTES each on standard input, one after the other; all outputs of
 * each on standard output. Inputs are int8 as the network takes them, or with -u pixels 0..255.
 */
#include <stdio.h>
#include <string.h>

#include "tiny.h"

static tiny_state state;

int main(int argc, char** argv) {
  static uint8_t record[TINY_INPUT_BYTES];
  const int pixels = argc == 2 && strcmp(argv[1], "-u") == 0;
  if (argc > 2 || (argc == 2 && !pixels)) {
    fprintf(stderr, "usage: %s [-u] < INPUTS > OUTPUTS\n", argv[0]);
    return 2;
  }
  tiny_init(&state);
  for (;;) {
    const size_t n = fread(record, 1, sizeof record, stdin);
    int wrote = 1;
    if (n == 0 && feof(stdin)) {
      break;
    }
    if (n != sizeof record) {
      fprintf(stderr, "%s: the input ends within a record of %lu bytes\n", argv[0], (unsigned long)sizeof record);
      return 1;
    }
    if (pixels) {
      tiny_set_input_u8(&state, record);
    } else {
      memcpy(tiny_input(&state), record, sizeof record);
    }
    tiny_infer(&state);
    wrote = wrote && fwrite(tiny_output(&state, 0), 1, TINY_OUTPUT0_BYTES, stdout) == TINY_OUTPUT0_BYTES;
    if (!wrote) {
      fprintf(stderr, "%s: cannot write the outputs\n", argv[0]);
      return 1;
    }
  }
  return fflush(stdout) == 0 ? 0 : 1;
}
