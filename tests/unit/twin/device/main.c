/* SPDX-License-Identifier: Apache-2.0 */
#include "programs.h"

uint16_t results[512] __attribute__((section(".nv")));
uint16_t result_count __attribute__((section(".nv")));
static uint16_t initialised = 0x1234; /* .data must arrive */
static uint16_t cleared;              /* .bss must be zero */

int main(void) {
  uint16_t n = 0;
  n += run_crc(results + n);
  n += run_sort(results + n);
  n += run_dot(results + n);
  n += run_long(results + n);
  n += run_calls(results + n);
  results[n++] = initialised;
  results[n++] = cleared;
  result_count = n;
  return 0;
}
