/* SPDX-License-Identifier: MIT-0 */
/* The two functions of the C library that are used, for a toolchain that comes without one. */
#include <stddef.h>
#include <stdint.h>

void* memcpy(void* to, const void* from, size_t n);
void* memset(void* to, int value, size_t n);

/* Compilers recognise such loops and would call the very functions defined here. */
#define PLAINLY __attribute__((optimize("no-tree-loop-distribute-patterns")))

PLAINLY void* memcpy(void* to, const void* from, size_t n) {
  uint8_t* out = (uint8_t*)to;
  const uint8_t* in = (const uint8_t*)from;
  while (n-- != 0) {
    *out++ = *in++;
  }
  return to;
}

PLAINLY void* memset(void* to, int value, size_t n) {
  uint8_t* out = (uint8_t*)to;
  while (n-- != 0) {
    *out++ = (uint8_t)value;
  }
  return to;
}
