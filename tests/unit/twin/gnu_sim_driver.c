/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives GNU sim's MSP430X by its library interface, for tests alone: commands on standard input, one a line.
 *   r N VALUE     sets a register            m ADDRESS BYTES...   writes memory
 *   s             runs one instruction and prints the sixteen registers (or "fault")
 *   d ADDRESS N   prints N bytes of memory   All numbers are hexadecimal.
 * Built by scripts/build_gnu_sim.sh.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PACKAGE "driver" /* bfd.h wants to see them */
#define PACKAGE_VERSION "1"
#include "bfd.h"
#include "sim/callback.h"
#include "sim/sim.h"

extern host_callback default_callback;

static void put32(unsigned char* to, unsigned long value) {
  to[0] = value & 0xff;
  to[1] = (value >> 8) & 0xff;
  to[2] = (value >> 16) & 0xff;
  to[3] = (value >> 24) & 0xff;
}

int main(void) {
  static char line[70000];
  char* arguments[] = {"msp430", NULL};
  unsigned char four[4];
  SIM_DESC sim;
  setvbuf(stdout, NULL, _IOLBF, 0); /* what it cannot decode ends it */
  bfd_init();
  default_callback.init(&default_callback);
  /* As for a debugger, which steps; memory beyond what the simulator has by itself is added. */
  sim = sim_open(SIM_OPEN_DEBUG, &default_callback, NULL, arguments);
  if (sim == NULL) {
    return 1;
  }
  sim_create_inferior(sim, NULL, arguments, NULL);
  while (fgets(line, sizeof line, stdin)) {
    char* at = line + 1;
    if (line[0] == 'r') {
      const int number = (int)strtoul(at, &at, 16);
      put32(four, strtoul(at, &at, 16));
      sim_store_register(sim, number, four, 4);
    } else if (line[0] == 'm') {
      unsigned long address = strtoul(at, &at, 16);
      while (*at == ' ') {
        unsigned char byte = (unsigned char)strtoul(at, &at, 16);
        sim_write(sim, address++, &byte, 1);
      }
    } else if (line[0] == 's') {
      enum sim_stop reason;
      int signal = 0, i;
      sim_resume(sim, 1, 0);
      sim_stop_reason(sim, &reason, &signal);
      if (reason != sim_stopped || signal != 5) {
        printf("fault %d %d\n", (int)reason, signal);
        continue;
      }
      for (i = 0; i < 16; ++i) {
        sim_fetch_register(sim, i, four, 4);
        printf("%x%c", (unsigned)(four[0] | four[1] << 8 | four[2] << 16), i == 15 ? '\n' : ' ');
      }
    } else if (line[0] == 'd') {
      unsigned long address = strtoul(at, &at, 16);
      unsigned long count = strtoul(at, &at, 16);
      while (count-- != 0) {
        unsigned char byte = 0;
        sim_read(sim, address++, &byte, 1);
        printf("%02x", byte);
      }
      printf("\n");
    }
  }
  return 0;
}
