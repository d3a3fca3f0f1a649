/* SPDX-License-Identifier: MIT-0 */
/* A board that has nothing: an emulator serves these functions by name when it comes to them. Write your own for yours. */
#include "board.h"

int board_read(int8_t* to, size_t bytes) {
  (void)to;
  (void)bytes;
  return 0;
}

void board_write(const int8_t* from, size_t bytes) {
  (void)from;
  (void)bytes;
}

void board_exit(int code) {
  (void)code;
  for (;;) {
  }
}
